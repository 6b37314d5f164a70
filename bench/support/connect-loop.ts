/** Orders to bench/connect-loop.c, which times both ends of many short connections in one thread. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { CORES, onCore } from './cores.ts'
import { compile } from './site.ts'

export interface Order {
  /** The folder of the cgroup that the sockets are to belong to. */
  readonly cgroup: string
  /** Which of the listeners given at start accepts. */
  readonly listener: number
  readonly address: string
  readonly port: number
  readonly connections: number
  /** How many times 128 bytes go and 512 come back. */
  readonly exchanges: number
  /** Also learn where the accepted socket was going: from the pinned map, or from netfilter. */
  readonly resolve: boolean | 'netfilter'
  /** How many times 64 KiB go; none unless told. */
  readonly blocks?: number
}

export interface Timed {
  readonly ns: number
  readonly resolved: number
  /** Of these, those that the processor worked for it; what else it did meanwhile is not in them. */
  readonly cpuNs: number
}

export interface ConnectLoop {
  run(order: Order): Promise<Timed>
  close(): void
}

const FIRST_FD = 3

/** Starts the loop in a network namespace, on the core of what is measured, with the listeners' descriptors. */
export const startConnectLoop = (netns: string, listeners: readonly number[], pinnedMap?: string): ConnectLoop => {
  const program = compile('connect-loop')
  const map = pinnedMap === undefined ? [] : [pinnedMap]
  const child = spawn('nsenter', [`--net=${netns}`, ...onCore(CORES.subject, program, ...map)], {
    stdio: ['pipe', 'pipe', 'inherit', ...listeners],
  })
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error('no pipes to connect-loop')
  stdin.on('error', () => {}) // it ended: the answer that does not come says so
  const answers: AsyncIterator<string> = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    run: async (order) => {
      const { cgroup, listener, address, port, connections, exchanges, resolve, blocks = 0 } = order
      const words = [`${cgroup}/cgroup.procs`, FIRST_FD + listener, address, port, connections, exchanges]
      stdin.write(`${words.join(' ')} ${resolve === 'netfilter' ? 2 : resolve ? 1 : 0} ${blocks}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error('connect-loop ended without an answer')
      const [ns = 0, resolved = 0, cpuNs = 0] = String(value).split(' ').map(Number)
      return { ns, resolved, cpuNs }
    },
    close: () => void child.kill(),
  }
}
