/** Drives test/fixtures/kernel/client.py, whose head describes the fields, and the server it talks to. */
import { fixture, type Lab, type Place, type Started } from './lab.ts'

export interface ClientSpec {
  readonly to: readonly (string | number)[]
  readonly family?: 4 | 6
  readonly type?: 'udp'
  readonly protocol?: number
  readonly bind?: readonly (string | number)[]
  readonly device?: string
  readonly mark?: number
  readonly connect?: 'blocking' | 'nonblocking' | 'fastopen'
  readonly send?: string | number
  readonly wait?: true
  readonly read?: 'all' | 'none'
  readonly end?: 'close' | 'abort' | 'shutdown'
  readonly again?: readonly (string | number)[]
  readonly user_timeout_ms?: number
}

/** Addresses are `ADDRESS PORT`. */
export interface Seen {
  readonly peer?: string
  readonly local?: string
  /** The peer after the pause of `wait`. */
  readonly later?: string
  readonly scope?: number
  readonly received?: number
  readonly answer?: string
  readonly error?: string
  /** How the first of two attempts failed. */
  readonly first?: string
}

const argv = (spec: ClientSpec): string[] => ['python3', '-S', '-E', fixture('client.py'), JSON.stringify(spec)]

/** What the client printed: the last line. */
export const parseSeen = (stdout: string): Seen => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Seen

/** Runs one client to its end, by default as the workload. */
export const dial = async (lab: Lab, spec: ClientSpec, cgroup?: string): Promise<Seen> => {
  const result = await lab.run('workload', argv(spec), cgroup)
  if (result.code !== 0) throw new Error(`the client failed: ${result.stderr}`)
  return parseSeen(result.stdout)
}

/** Starts one client that stays connected until it is told a line. */
export const dialAndStay = async (lab: Lab, spec: ClientSpec): Promise<Started> => {
  const client = lab.start('workload', argv({ ...spec, wait: true }))
  await client.said('connected')
  return client
}

/** Starts the server of the world (or one in the app's own namespace) and waits until it listens. */
export const serveWorld = async (lab: Lab, ports: readonly number[], place: Place = 'world'): Promise<Started> => {
  const server = lab.start(place, [process.execPath, fixture('world-server.ts'), ...ports.map(String)])
  await server.said('ready')
  return server
}
