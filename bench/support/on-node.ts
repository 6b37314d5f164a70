/** A mini-node with agents for a benchmark, gone again at its end, however that comes. */
import { rmSync } from 'node:fs'
import { pinFolder, unpinAll } from '../../src/kernel/pins.ts'
import { type AgentLab, startAgentLab } from '../../test/support/mini-node/agent-lab.ts'
import { requireMiniNode } from '../../test/support/mini-node/required.ts'

/** The number given as `--NAME=N` to the benchmark, else the one it is meant to be run with. */
export const count = (name: string, usual: number): number => {
  const given = process.argv.find((word) => word.startsWith(`--${name}=`))
  if (given === undefined) return usual
  const value = Number(given.slice(name.length + 3))
  if (!Number.isInteger(value) || value < 0) throw new Error(`${given}: expected a whole number`)
  return value
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Nanoseconds of the clock that every process of this machine shares, CLOCK_MONOTONIC. */
export const nowNs = (): number => Number(process.hrtime.bigint())

/** Throws where this machine cannot hold a mini-node. Ctrl-C ends the process; its exit takes the rest along. */
export const onNode = async (measure: (lab: AgentLab) => Promise<void>): Promise<void> => {
  const why = requireMiniNode()
  if (why) throw new Error(`this benchmark cannot run here: ${why}`)
  const ends: (() => unknown)[] = []
  try {
    const lab = await startAgentLab({ after: (end) => void ends.push(end) })
    // The node's own end, registered before, has killed the agents by then.
    process.once('exit', () => {
      unpinAll(pinFolder(lab.pins))
      rmSync(lab.pins, { recursive: true, force: true })
    })
    await measure(lab)
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** Has requests for a path answered by the agent itself, with `mocked`. */
export const mockPath = async (
  agent: { control(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> },
  path: string,
): Promise<void> => {
  const expectation = { httpRequest: { path }, httpResponse: { statusCode: 200, body: 'mocked' } }
  const { status, text } = await agent.control('PUT', '/mockserver/expectation', expectation)
  if (status !== 201) throw new Error(`the expectation is not taken: ${text}`)
}
