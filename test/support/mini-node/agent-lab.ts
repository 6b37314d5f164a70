/** A mini-node with an API server of the tests and real agents on it: what tests of pods and the agent start from. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pinFolder, unpinAll } from '../../../src/kernel/pins.ts'
import { type ApiServer, createApiServer } from '../api-server.ts'
import { until } from '../lab.ts'
import type { MiniNode, MiniNodeOptions, Pod, PodOptions } from './interface.ts'
import { startMiniNode } from './mini-node.ts'
import { publishInto } from './published-pod.ts'
import { NODE_NET } from './runtime-config.ts'

/** The program under test. */
export const BIN = fileURLToPath(new URL('../../../bin/understudy', import.meta.url))
const UNIFIED = '/sys/fs/cgroup'
const BPFFS = '/sys/fs/bpf'

/** One line of `/debug/workloads`. */
export interface ShownWorkload {
  readonly uid: string
  readonly namespace: string
  readonly pod: string
  readonly state: string
  readonly why: string
  readonly mode?: string
  readonly netnsCookie?: string
  readonly policy?: number
  readonly isInForce?: boolean
}

export interface AgentProcess {
  readonly pid: number
  /** What GET of this path of the admin server answers; rejects where there is none yet. */
  admin(path: string): Promise<string>
  workloads(): Promise<readonly ShownWorkload[]>
  /** Resolves with what is shown of the pod once it is in this state. */
  sees(pod: Pick<Pod, 'uid'>, state: string): Promise<ShownWorkload>
  /** The value of a sample of /metrics, by its name and labels as text. */
  metric(sample: string): Promise<number | undefined>
  /** Calls the control API in the network of the node. */
  control(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly text: string }>
  /** Its log so far, a line each, parsed. */
  log(): readonly Readonly<Record<string, unknown>>[]
  /** The same as text, with what it says that is no line of the log, such as why it cannot start. */
  output(): string
  /** Sends a signal and waits for the end; its exit code, or null after a signal that kills. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Waits for its end; its exit code. */
  ended(): Promise<number | null>
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void
  readonly finished: Promise<unknown>
}

export interface AgentLab {
  readonly node: MiniNode
  readonly api: ApiServer
  /** The settings' pinFolder; the pins are below it. */
  readonly pins: string
  readonly state: string
  /** A server in the network of the node that answers `real METHOD PATH`; its URL as pods reach it. */
  readonly upstream: { readonly server: Server; readonly url: string; readonly port: number; hits(): number }
  /**
   * Starts an agent and waits until it is ready, unless told not to: then its admin server can be asked early on only where
   * the settings name the port.
   */
  startAgent(
    settings?: Readonly<Record<string, unknown>>,
    waits?: boolean,
    /** A cgroup2 folder that it is born in, as its own pod's would be; beside the pods unless told. */
    cgroup?: string,
    /** A command that becomes the agent, such as `unshare -m`. */
    around?: readonly string[],
  ): Promise<AgentProcess>
  /** A pod of the namespace `shop` that opts in, unless told otherwise. */
  createPod(options?: Partial<PodOptions>): Promise<Pod>
  /** What a pod gets for a URL with busybox's wget; the error's text where it gets nothing. */
  get(pod: Pod, url: string): Promise<string>
  /** Reasons of the events on a pod so far, oldest first, with their messages. */
  eventsOf(
    pod: Pick<Pod, 'uid'>,
  ): readonly { readonly reason: string; readonly message: string; readonly type: string }[]
}

/** A test, or whatever else ends what was started for it. */
export interface Ends {
  after(end: () => unknown): void
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const parsedLines = (output: string): Readonly<Record<string, unknown>>[] =>
  output.split('\n').flatMap((line) => {
    try {
      return [record(JSON.parse(line))]
    } catch {
      return []
    }
  })

/** Runs curl in the network of the node. */
const curl = async (node: MiniNode, args: readonly string[]): Promise<string> => {
  const { stdout, stderr, code } = await node.run(['curl', '-sS', '-m', '5', ...args])
  if (code !== 0) throw new Error(`curl ${args.join(' ')}: ${stderr}`)
  return stdout
}

const startUpstream = async (t: Ends, node: MiniNode): Promise<AgentLab['upstream']> => {
  let hits = 0
  const server = createServer((request, response) => {
    hits++
    request.resume()
    request.on('end', () => response.end(`real ${request.method} ${request.url}`))
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const port = await node.listen(server, { host: '0.0.0.0' })
  return { server, port, url: `http://${NODE_NET.served4}:${port}`, hits: () => hits }
}

interface AgentPlace {
  readonly node: MiniNode
  readonly settings: Readonly<Record<string, unknown>>
  readonly configPath: string
  /** A cgroup that the agent is born in; beside the pods unless told. */
  readonly cgroup: string | undefined
  readonly around: readonly string[]
}

const startProcess = async (
  { node, settings, configPath, cgroup, around }: AgentPlace,
  waits: boolean,
): Promise<AgentProcess> => {
  writeFileSync(configPath, JSON.stringify(settings))
  const logPath = `${configPath}.log`
  const argv = ['sh', '-c', 'log=$1; shift; exec "$@" 2>"$log"', 'sh', logPath]
  const place = cgroup === undefined ? {} : { cgroup }
  const started = node.start([...argv, ...around, BIN, 'agent', '--config', configPath], place)
  const output = (): string => (existsSync(logPath) ? readFileSync(logPath, 'utf8') : '')
  const log = () => parsedLines(output())
  let hasEnded = false
  const finished = started.finished.finally(() => {
    hasEnded = true
  })
  const lineOf = (msg: string) => log().find((line) => line['msg'] === msg)
  const serving = () =>
    until('the agent serves', () => {
      if (hasEnded) throw new Error(`the agent has ended: ${output().slice(-4000)}`)
      return lineOf('the agent serves')
    })
  const named = Number(settings['adminPort'])
  const adminPort = () =>
    named || text(String(log().findLast((line) => line['adminPort'] !== undefined)?.['adminPort'] ?? ''))
  const admin = (path: string): Promise<string> => curl(node, [`http://127.0.0.1:${adminPort()}${path}`])
  const workloads = async (): Promise<readonly ShownWorkload[]> =>
    (JSON.parse(await admin('/debug/workloads')) as { workloads: ShownWorkload[] }).workloads
  const agent: AgentProcess = {
    pid: started.pid,
    admin,
    workloads,
    sees: ({ uid }, state) =>
      until(`the agent has the pod as ${state}`, async () =>
        (await workloads()).find((one) => one.uid === uid && one.state === state),
      ),
    metric: async (sample) => {
      const line = (await admin('/metrics')).split('\n').find((one) => one.startsWith(`${sample} `))
      return line === undefined ? undefined : Number(line.slice(sample.length + 1))
    },
    control: async (method, path, body) => {
      const url = `http://${text((await serving())['control'])}${path}`
      const sent = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)]
      const answer = await curl(node, ['-X', method, ...sent, '-w', '\n%{http_code}', url])
      const at = answer.lastIndexOf('\n')
      return { status: Number(answer.slice(at + 1)), text: answer.slice(0, at) }
    },
    log,
    stop: async (signal = 'SIGTERM') => {
      started.kill(signal)
      const { code } = await started.finished
      return code
    },
    ended: async () => (await started.finished).code,
    output,
    signal: (signal) => started.kill(signal),
    finished,
  }
  if (!waits) return agent
  await serving()
  await until('the agent is ready', async () => (await admin('/readyz').catch(() => '')).includes('"ok":true'))
  return agent
}

/** Pins of agents whose test was killed: their node's cgroups are gone, swept by the start of this one. */
const sweepPins = (): void => {
  for (const name of readdirSync(BPFFS).filter((each) => /^understudy-test-\d+-\d+-\d+$/.test(each))) {
    if (existsSync(join(UNIFIED, 'unified', name))) continue
    unpinAll(pinFolder(join(BPFFS, name)))
    rmSync(join(BPFFS, name), { recursive: true, force: true })
  }
}

/** Everything is ended with the test. */
export const startAgentLab = async (t: Ends, options: MiniNodeOptions = {}): Promise<AgentLab> => {
  const node = await startMiniNode(options)
  sweepPins()
  t.after(node.close)
  const api = await createApiServer()
  t.after(api.close)
  await node.publishTo(publishInto(api))
  api.createNamespace('shop', { 'understudy.dev/interception': 'enabled' })
  const apiPort = await node.forward(api.port)
  const upstream = await startUpstream(t, node)
  const pins = join(BPFFS, `understudy-test-${node.id}`)
  const state = join(node.folder, 'agent-state')
  mkdirSync(state, { recursive: true })
  const agents: AgentProcess[] = []
  t.after(async () => {
    for (const agent of agents) agent.signal('SIGKILL')
    await Promise.all(agents.map((agent) => agent.finished))
    unpinAll(pinFolder(pins))
    rmSync(pins, { recursive: true, force: true })
  })
  const base = {
    ...{ nodeName: node.name, agentNamespace: 'understudy', kubeApiServer: `http://127.0.0.1:${apiPort}` },
    ...{ kubeTokenFile: '', kubeCaFile: '', pinFolder: pins, stateFolder: state },
    ...{ cgroupRoot: join(UNIFIED, 'unified'), podsCgroup: relative(join(UNIFIED, 'unified'), node.kubepods) },
    ...{ adminPort: 0, controlPort: 0, reconcileIntervalMs: 1000, drainMs: 3000 },
  }
  let pods = 0
  return {
    ...{ node, api, pins, state, upstream },
    startAgent: async (settings = {}, waits = true, cgroup = undefined, around = []) => {
      const configPath = join(node.folder, `agent-${agents.length}.json`)
      const agent = await startProcess({ node, settings: { ...base, ...settings }, configPath, cgroup, around }, waits)
      agents.push(agent)
      return agent
    },
    createPod: (wanted = {}) =>
      node.createPod({
        ...{ namespace: 'shop', name: `pod-${++pods}`, qos: 'burstable', image: 'busybox', command: ['sleep', '3600'] },
        annotations: { 'understudy.dev/intercept': 'true' },
        ...wanted,
      }),
    get: async (pod, url) => {
      const { stdout, stderr, exitCode } = await pod.exec(['wget', '-O', '-', url])
      return exitCode === 0 ? stdout : stderr.trim()
    },
    eventsOf: ({ uid }) =>
      api
        .events()
        .map(record)
        .filter((event) => record(event['involvedObject'])['uid'] === uid)
        .map((event) => ({
          ...{ reason: text(event['reason']), message: text(event['message']), type: text(event['type']) },
        })),
  }
}
