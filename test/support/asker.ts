/** Drives test/fixtures/kernel/asker.py, whose head describes the fields, and the name servers it asks. */
import assert from 'node:assert/strict'
import { type DnsListener, startDnsListener } from './dns-listener.ts'
import { fixture, type Lab, NET, type Place, type Started } from './lab.ts'
import { type Plane, type PlaneOptions, startPlane } from './plane.ts'

/** What the real name server of the world answers. */
export const WORLD_ANSWER = '192.0.2.53'
const SOURCES = { source4: NET.app4, source6: NET.app6 } as const

export type Server = readonly (string | number)[]
export interface Question {
  readonly servers: readonly Server[]
  readonly family?: 4 | 6
  readonly bind?: Server
  readonly device?: string
  readonly mark?: number
  readonly connect?: true
  readonly plain?: true
  readonly twice?: true
  readonly pause?: true
  readonly wait?: true
  readonly answers?: number
  readonly timeout?: number
}
export interface Seen {
  readonly from: readonly string[]
  readonly answers: readonly string[]
  readonly local?: string
  readonly peer?: string
  readonly error?: string
}
type Context = { after(run: () => Promise<void> | void): void }

/** The command line of a client. */
export const argv = (question: Question) => ['python3', '-S', '-E', fixture('asker.py'), JSON.stringify(question)]
/** What the client printed: the last line. */
export const parse = (stdout: string): Seen => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Seen

/** Runs one client to its end, as the workload. */
export const ask = async (lab: Lab, question: Question): Promise<Seen> => {
  const { code, stdout, stderr } = await lab.run('workload', argv(question))
  assert.equal(code, 0, stderr)
  return parse(stdout)
}

/** Starts one client that keeps its socket until it is told a line. */
export const askAndStay = async (lab: Lab, question: Question): Promise<Started> => {
  const started = lab.start('workload', argv({ ...question, wait: true }))
  await started.said('asked')
  return started
}

/** A real name server until the test ends: `ADDRESS [BIND [PORT]]`. */
export const serveNames = async (
  lab: Lab,
  context: Context,
  place: Place,
  ...args: (string | number)[]
): Promise<void> => {
  const server = lab.start(place, ['python3', '-S', '-E', fixture('name-server.py'), ...args.map(String)])
  context.after(async () => {
    server.kill()
    await server.finished // the next test binds the same address
  })
  await server.said('ready')
}

/** Programs attached, DNS on, the real name server in the world. */
export const begin = async (
  lab: Lab,
  context: Context,
  options: PlaneOptions = {},
): Promise<{ plane: Plane; dns: DnsListener }> => {
  await serveNames(lab, context, 'world', WORLD_ANSWER)
  const plane = await startPlane(lab, { dns: true, ...options, policy: { ...SOURCES, ...options.policy } })
  context.after(plane.close)
  const dns = await startDnsListener(lab, plane)
  context.after(dns.close)
  return { plane, dns }
}

/** A name server as a record has it. */
export const endpoint = (address: string, port = 53) => ({ address: address.replace('::ffff:', ''), port })
