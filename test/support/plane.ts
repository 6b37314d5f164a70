/** The kernel plane at work in a lab: programs loaded and attached, listeners open in the app's namespace, a policy. */
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { ConnectionSummary, SavedDestination } from '../../src/flow.ts'
import type { PolicyRecord } from '../../src/kernel/layout.ts'
import { type Kernel, type KernelOptions, loadKernel } from '../../src/kernel/programs.ts'
import type { Shim } from '../../src/kernel/shim.ts'
import { type Cgroups, OBJECT_PATH, until } from './lab.ts'

/** What a plane needs of a lab. */
export interface Site {
  readonly shim: Shim
  readonly cgroups: Cgroups
  readonly appNetnsFd: number
}

/** One connection that a listener accepted. */
export interface Accepted {
  readonly socket: Socket
  readonly fd: number
  readonly cookie: bigint
  readonly saved: SavedDestination | undefined
  /** The client as the listener sees it. */
  readonly peer: string
}

export interface PlaneOptions {
  readonly kernel?: Partial<KernelOptions>
  readonly policy?: Partial<PolicyRecord>
  /** False: the agent never beats. */
  readonly beat?: boolean
  /** The programs of DNS are attached too. */
  readonly dns?: boolean
  /** What the listener does with a connection; by default it answers one HTTP request with `understudy`. */
  readonly serve?: (accepted: Accepted) => void
}

export interface Plane {
  readonly kernel: Kernel
  readonly policy: PolicyRecord
  readonly accepted: Accepted[]
  /** Accepted since the last call; waits until there are `count`. */
  arrivals(count: number): Promise<Accepted[]>
  changePolicy(change: Partial<PolicyRecord>): void
  /** Counters that have moved since the last call, but for those of summaries, which come when they come. */
  counted(): Record<string, number>
  /** Every summary so far. */
  summaries(): ConnectionSummary[]
  /** Waits until the two per-flow maps are empty. */
  emptied(): Promise<void>
  /** Closes the listeners; accepted connections stay. */
  stopListening(): void
  /** Detaches and unloads the programs; listeners and connections stay. Nothing else may be asked afterwards. */
  detach(): void
  close(): void
}

const LATER = new Set(['events', 'events_dropped'])
/** More than any test opens at once: a full queue drops handshakes, and one that is reset meanwhile is never accepted. */
const BACKLOG = 4096

/** What every server of these tests answers, so that a client knows whom it reached. */
export const httpAnswer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const answerOnce = ({ socket }: Accepted): void => {
  socket.once('data', () => socket.end(httpAnswer('understudy')))
}

/** The descriptor of an accepted socket, which node:net does not show. */
const descriptor = (socket: Socket): number => (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1

const listen = (fd: number, connected: (socket: Socket) => void): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, connected)
    server.once('error', reject)
    server.listen({ fd }, BACKLOG, () => resolve(server))
  })

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

let lastId = 0

/** Loads, listens and attaches. Where `context` is given, it closes with that test. */
export const startPlane = async (site: Site, options: PlaneOptions = {}): Promise<Plane> => {
  const { shim, cgroups } = site
  const id = ++lastId
  const kernel = loadKernel(shim, {
    objectPath: OBJECT_PATH,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 60_000,
    flowCapacity: 65_536,
    ringBytes: 4 << 20,
    mark: 0,
    byNetns: false,
    ...options.kernel,
  })
  const accepted: Accepted[] = []
  const taken: ConnectionSummary[] = []
  const open = new Set<Socket>()
  let delivered = 0

  const connected = (socket: Socket): void => {
    const fd = descriptor(socket)
    const { cookie, saved } = kernel.identify(fd)
    const entry: Accepted = { socket, fd, cookie, saved, peer: `${socket.remoteAddress} ${socket.remotePort}` }
    open.add(socket)
    socket.on('error', () => {}) // resets are part of the tests
    socket.on('close', () => open.delete(socket))
    socket.on('end', () => socket.end())
    accepted.push(entry)
    const serve = options.serve ?? answerOnce
    serve(entry)
  }
  const listenAt = (address: string) => {
    const procs = join(cgroups.listener, 'cgroup.procs')
    const fd = shim.call('understudy_listen', procs, site.appNetnsFd, address, 0, BACKLOG, 0)
    kernel.markListener(fd, id)
    return listen(fd, connected)
  }
  const servers = [await listenAt('127.0.0.1'), await listenAt('::1')] as const
  let policy: PolicyRecord = {
    id,
    flags: 0,
    listenPort4: portOf(servers[0]),
    listenPort6: portOf(servers[1]),
    dnsPort4: 0,
    dnsPort6: 0,
    source4: '',
    source6: '',
    excludedPorts: [],
    ...options.policy,
  }
  kernel.setPolicy(0n, policy)
  if (options.beat !== false) kernel.startHeartbeat()
  kernel.attach(cgroups, { dns: options.dns ?? false })

  let before = kernel.readCounters()
  const stopListening = (): void => {
    for (const server of servers) server.close()
  }
  let loaded = true
  const detach = (): void => {
    if (loaded) kernel.close() // once: the handle may be another's by then
    loaded = false
  }
  return {
    kernel,
    get policy() {
      return policy
    },
    accepted,
    arrivals: async (count) => {
      await until(`${count} connections accepted`, () => accepted.length >= delivered + count)
      delivered += count
      return accepted.slice(delivered - count, delivered)
    },
    changePolicy: (change) => {
      policy = { ...policy, ...change }
      kernel.setPolicy(0n, policy)
    },
    counted: () => {
      const now = kernel.readCounters()
      const moved = Object.entries(now).map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
      before = now
      return Object.fromEntries(moved.filter(([name, by]) => by !== 0 && !LATER.has(name)))
    },
    summaries: () => {
      kernel.drainEvents((summary) => taken.push(summary))
      return taken
    },
    emptied: async () => {
      await until('orig_dst and in_flight are empty', () => {
        const { orig_dst: recorded, in_flight: travelling } = kernel.readMapEntries()
        return recorded === 0 && travelling === 0
      })
    },
    stopListening,
    detach,
    close: () => {
      detach()
      stopListening()
      for (const socket of open) socket.destroy()
    },
  }
}
