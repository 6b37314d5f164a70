/** Asks both servers the same, or us what a real one was asked once. */
import { areas } from './areas.ts'
import { createAsker } from './ask.ts'
import { type Comparison, comparing } from './compare.ts'
import type { RecordedCase } from './corpus.ts'
import { draw } from './draw.ts'
import { startEcho } from './echo.ts'
import type { Case } from './exchange.ts'
import { normalised } from './normalise.ts'
import { wanted } from './wanted.ts'

/** `perArea` cases of each area, or as many as it has to go through; the same for the same seed. `only`: areas whose names start so. */
export const casesOf = (seed: string, perArea: number, only = ''): Case[] =>
  areas
    .filter(({ name }) => name.startsWith(only))
    .flatMap(({ name, make, least = 0 }) =>
      Array.from({ length: Math.max(perArea, least) }, (_, index) => {
        return { name: `${name}/${index}`, steps: make(draw(`${seed}/${name}/${index}`), index) }
      }),
    )

export interface Ports {
  readonly real: number
  readonly ours: number
}

export interface Compared {
  readonly comparison: Comparison
  readonly recorded: readonly RecordedCase[]
}

/** Each case is over at both before the next begins. */
export const compareServers = async (cases: readonly Case[], ports: Ports, version: string): Promise<Compared> => {
  const echo = await startEcho()
  const upstreamPort = echo.port
  const [real, ours] = [createAsker(ports.real, upstreamPort), createAsker(ports.ours, upstreamPort)]
  const compared = comparing(wanted, version)
  const recorded: RecordedCase[] = []
  for (const one of cases) {
    const [theirs, own] = await Promise.all([real.answers(one), ours.answers(one)])
    const answers = theirs.map((answer) => normalised(answer, { port: ports.real, upstreamPort }))
    compared.add(
      one,
      answers,
      own.map((answer) => normalised(answer, { port: ports.ours, upstreamPort })),
    )
    recorded.push({ ...one, answers })
  }
  real.close()
  ours.close()
  await echo.close()
  return { comparison: compared.result(), recorded }
}

/** Asks us what a real server was asked, and compares with what that answered. */
export const replay = async (cases: readonly RecordedCase[], port: number, version: string): Promise<Comparison> => {
  const echo = await startEcho()
  const asker = createAsker(port, echo.port)
  const compared = comparing(wanted, version)
  for (const one of cases) {
    const own = await asker.answers(one)
    compared.add(
      one,
      one.answers,
      own.map((answer) => normalised(answer, { port, upstreamPort: echo.port })),
    )
  }
  asker.close()
  await echo.close()
  return compared.result()
}
