/**
 * Inbound interception at work in a lab: an application and a proxy in the app's namespace, clients in the world. Both
 * answer every piece of data with who they are, so that a client knows whom it talks to.
 */
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { join } from 'node:path'
import type { SavedDestination } from '../../src/flow.ts'
import { type InboundKernel, type InboundOptions, loadInbound } from '../../src/kernel/inbound.ts'
import { INBOUND_OBJECT_PATH, type Lab, NET, until } from './lab.ts'

export const APP_PORT = 8080
export const OTHER_APP_PORT = 9090
const BACKLOG = 512
/** Also the ends of connections that an earlier test has left to the application. */
const STRAY = 'kept_by_app'

/** The descriptor of an accepted socket, which node:net does not show. */
const descriptor = (socket: Socket): number => (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1

/** What a plane needs of a lab. */
export type Site = Pick<Lab, 'shim' | 'cgroups' | 'appNetns' | 'appNetnsFd'>

/** What a plane needs of a test: it closes with it. */
export interface Closes {
  after(close: () => void): void
}

export interface Place {
  readonly port: number
  readonly fd: number
  /** Sockets it has accepted that are still open. */
  readonly open: Set<Socket>
  readonly accepted: Socket[]
  /** Closes the listener; connections stay. */
  stop(): void
  close(): void
}

export interface Where {
  readonly address: string
  readonly port: number
  /** cgroup2 folder; without one, the test's own. */
  readonly cgroup?: string
}

/** A server in the app's namespace that answers with `describe(socket)`, byte for byte what `reply` makes of data. */
export const serveInApp = async (
  lab: Site,
  { address, port, cgroup }: Where,
  reply: (socket: Socket, data: Buffer) => string | Buffer,
): Promise<Place> => {
  const procs = cgroup ? join(cgroup, 'cgroup.procs') : ''
  const fd = lab.shim.call('understudy_listen', procs, lab.appNetnsFd, address, port, BACKLOG, 0)
  const open = new Set<Socket>()
  const accepted: Socket[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket)
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.on('data', (data: Buffer) => void socket.write(reply(socket, data)))
    socket.on('end', () => socket.end())
  })
  server.listen({ fd })
  await once(server, 'listening')
  const bound = server.address()
  const stop = (): void => void server.close()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    fd,
    open,
    accepted,
    stop,
    close: () => {
      stop()
      for (const socket of open) socket.destroy()
    },
  }
}

export interface Talk {
  readonly socket: Socket
  /** Sends something and returns the answer; throws what the socket throws. */
  ask(text?: string): Promise<string>
  close(): void
}

export interface Target {
  readonly to: readonly [string, number]
  readonly from?: readonly [string, number]
  /** `app` calls from the app's own namespace. */
  readonly place?: 'world' | 'app'
  /** SO_MARK of the client's socket. */
  readonly mark?: number
}

/** A connection from the world (or the app), once it is established. Rejects with the socket's error. */
export const connectTo = async (lab: Lab, { to, from, place = 'world', mark = 0 }: Target): Promise<Talk> => {
  const path = place === 'world' ? lab.worldNetns : lab.appNetns
  const netns = lab.shim.call('understudy_open_netns', path)
  const fd = lab.shim.call('understudy_socket', netns, to[0].includes(':') ? 1 : 0, mark, '')
  lab.shim.call('understudy_close_fd', netns)
  const socket = new Socket({ fd })
  const local = from ? { localAddress: from[0], localPort: from[1] } : {}
  socket.connect({ host: to[0], port: to[1], ...local })
  await once(socket, 'connect')
  return {
    socket,
    ask: async (text = 'who?') => {
      socket.write(text)
      const [data] = (await once(socket, 'data')) as [Buffer]
      return data.toString()
    },
    close: () => {
      socket.on('error', () => {})
      socket.destroy()
    },
  }
}

/** Whom a new connection reaches: what it answers, or the code of the error. */
export const whoIsAt = async (lab: Lab, address: string, port: number, place: Target['place'] = 'world') => {
  try {
    const talk = await connectTo(lab, { to: [address, port], place })
    const answer = await talk.ask()
    talk.close()
    return answer
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

const end = (address: string | undefined, port: number | undefined): string => `${address} ${port}`

/** `app at ADDRESS PORT`: the application as its accepted socket sees itself. */
export const startApp = (lab: Lab, port: number, address = '0.0.0.0'): Promise<Place> =>
  serveInApp(lab, { address, port }, (socket) => `app at ${end(socket.localAddress, socket.localPort)}`)

export interface InboundPlane {
  readonly kernel: InboundKernel
  /** The proxy's listeners on IPv4 and IPv6, by application port. */
  readonly proxies: ReadonlyMap<number, readonly [Place, Place]>
  /** Of accepted sockets, in order. */
  readonly records: (SavedDestination | undefined)[]
  proxyPort(appPort: number): number
  /** Counters that have moved since the last call, but for that of stray segments, which come when they come. */
  counted(): Record<string, number>
  stopListening(): void
}

export interface PlaneOptions {
  readonly inbound?: Partial<InboundOptions>
  readonly appPorts?: readonly number[]
  /** False: not attached yet. */
  readonly attach?: boolean
  /** False: the agent never beats. */
  readonly beat?: boolean
  readonly mark?: boolean
  /** What the proxy answers; by default `proxy for ADDRESS PORT`. */
  readonly reply?: (socket: Socket, data: Buffer, saved: SavedDestination | undefined) => string | Buffer
}

export const inboundOptions = (lab: Site, change: Partial<InboundOptions> = {}): InboundOptions => ({
  objectPath: INBOUND_OBJECT_PATH,
  mode: 'tc',
  netnsFd: lab.appNetnsFd,
  netnsPath: lab.appNetns,
  interface: NET.device,
  listenerCgroup: lab.cgroups.listener,
  mark: 0,
  heartbeatIntervalMs: 1000,
  heartbeatStaleMs: 60_000,
  flowCapacity: 4096,
  thirdParty: false,
  ...change,
})

const describeRecord = (saved: SavedDestination | undefined): string =>
  saved ? end(saved.destination.address, saved.destination.port) : 'nobody knows what'

/** Loads, listens on a pair of listeners for each port, marks or assigns them, and attaches; closed with the test. */
export const startInbound = async (lab: Site, context: Closes, options: PlaneOptions = {}): Promise<InboundPlane> => {
  const kernel = loadInbound(lab.shim, inboundOptions(lab, options.inbound))
  context.after(kernel.close)
  const isLookup = options.inbound?.mode === 'sk_lookup'
  const records: (SavedDestination | undefined)[] = []
  const known = new WeakMap<Socket, SavedDestination | undefined>()
  const reply = (socket: Socket, data: Buffer): string | Buffer => {
    if (!known.has(socket)) {
      known.set(socket, kernel.identify(descriptor(socket)).saved)
      records.push(known.get(socket))
    }
    return options.reply?.(socket, data, known.get(socket)) ?? `proxy for ${describeRecord(known.get(socket))}`
  }
  const cgroup = lab.cgroups.listener
  const proxies = new Map<number, readonly [Place, Place]>()
  for (const appPort of options.appPorts ?? [APP_PORT]) {
    // One proxy port in both families; sk_lookup takes any address and port.
    const v4 = await serveInApp(lab, { address: isLookup ? '127.0.0.1' : '0.0.0.0', port: 0, cgroup }, reply)
    const v6 = await serveInApp(lab, { address: isLookup ? '::1' : '::', port: isLookup ? 0 : v4.port, cgroup }, reply)
    context.after(v4.close)
    context.after(v6.close)
    proxies.set(appPort, [v4, v6])
  }
  kernel.setPorts([...proxies].map(([appPort, [v4]]) => ({ appPort, proxyPort: v4.port })))
  for (const [appPort, pair] of proxies) {
    for (const { fd } of options.mark === false ? [] : pair) {
      if (isLookup) kernel.assign(appPort, fd)
      else kernel.markListener(fd)
    }
  }
  if (options.beat !== false) kernel.startHeartbeat()
  if (options.attach !== false) kernel.attach()
  let before: Record<string, number> = {}
  return {
    kernel,
    proxies,
    records,
    proxyPort: (appPort) => proxies.get(appPort)?.[0].port ?? 0,
    counted: () => {
      const now = kernel.readCounters()
      const moved = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      before = now
      return Object.fromEntries(moved.filter(([name, count]) => count !== 0 && name !== STRAY))
    },
    stopListening: () => {
      for (const pair of proxies.values()) for (const { stop } of pair) stop()
    },
  }
}

/** Waits until this many records are left. */
export const recordsLeft = (kernel: InboundKernel, count: number): Promise<boolean> =>
  until(`${count} records`, () => kernel.readMapEntries()['orig_dst'] === count)
