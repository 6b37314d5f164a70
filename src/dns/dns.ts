/**
 * The DNS server as a whole: workloads ask it instead of their resolver, get what their resolver says, and what they were
 * told is remembered.
 */
import { connect, type Socket } from 'node:net'
import type { Endpoint, Workload } from '../flow.ts'
import type { Network } from './address.ts'
import { createAnswerCache } from './cache.ts'
import { inTurn } from './in-turn.ts'
import { createIntents } from './intents.ts'
import { createLookUp, type LookUp } from './look-up.ts'
import type { Ask } from './pending.ts'
import { createReserved } from './reserved.ts'
import { type Client, createResolver, type DnsAnswer, type Handle } from './resolver.ts'
import type { Place } from './sockets.ts'
import { listenTcp, type TcpClient, type TcpServer } from './tcp-server.ts'
import { createTcpUpstream } from './tcp-upstream.ts'
import { listenUdp, type UdpServer } from './udp-server.ts'
import { createUdpUpstreams, type MakeUdpSocket } from './udp-upstreams.ts'

export const DNS_LIMITS = ['dns_connections', 'dns_in_flight', 'dns_intents', 'dns_reserved'] as const
export type DnsLimit = (typeof DNS_LIMITS)[number]

export interface DnsOptions {
  /** Whether an expectation for this workload names the host; lower case, without a last dot. */
  readonly isExpected: (name: string, workload: Workload) => boolean
  /** Expected names are answered without asking anybody: for when nothing may leave. */
  readonly isExpectedFirst: (workload: Workload) => boolean
  readonly reserved4: Network
  readonly reserved6: Network
  readonly upstreamTimeoutMs: number
  readonly maxInFlight: number
  /** Answers kept; 0 keeps none. */
  readonly cacheEntries: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly count: (answer: DnsAnswer) => void
  readonly limitHit: (limit: DnsLimit) => void
}

/** One workload: where it asks, and how its resolvers are reached. */
export interface WorkloadDns {
  readonly workload: Workload
  readonly hasIpv6: boolean
  readonly udp: readonly Place[]
  readonly tcp: readonly Place[]
  /** Which resolver a client really asked, as the kernel knows; for TCP, asked once a connection. Must not throw. */
  readonly upstreamFor: (peer: Endpoint, transport: 'udp' | 'tcp', socket?: Socket) => Endpoint | undefined
  /** Asked in turn, the next after one failed, where `upstreamFor` does not know. */
  readonly fallback: readonly Endpoint[]
  /** Names that need no resolver: hosts(5). */
  readonly hosts?: ReadonlyMap<string, string>
  /** Make sockets in the workload's network namespace; without them they are made where we are. */
  readonly makeUdpSocket?: MakeUdpSocket
  /** Begins to connect; a socket that fails says so by its own events. */
  readonly dialTcp?: (upstream: Endpoint) => Socket
}

export interface ServedDns {
  readonly udp: readonly Endpoint[]
  readonly tcp: readonly Endpoint[]
  /** As the workload would look a name up; no name of an expectation is made up here. */
  readonly lookUp: LookUp
  close(): Promise<void>
}

/** As resolv.conf(5) waits by default. */
const LOOK_UP_MS = 5000

export interface Dns {
  /** Answers one workload until closed. Rejects where a place cannot be listened at, with nothing left open. */
  serve(workload: WorkloadDns): Promise<ServedDns>
  /** The name that a workload most probably meant by an address. */
  nameOf(workload: Workload, address: string): string | undefined
  /** All names that led there, the most recently told first. */
  namesOf(workload: Workload, address: string): readonly string[]
  /** Whether an address only stands for a name: there is nothing to be dialled. */
  isReserved(address: string): boolean
  /** Addresses remembered now. */
  intents(): number
}

export const createDns = (options: DnsOptions): Dns => {
  const { now, limitHit, reserved4: range4, reserved6: range6 } = options
  const intents = createIntents({ now, onEvicted: () => limitHit('dns_intents') })
  const reserved = createReserved({ range4, range6, onReused: () => limitHit('dns_reserved') })
  const handle = createResolver({
    ...options,
    timeoutMs: options.upstreamTimeoutMs,
    intents,
    reserved,
    cache: createAnswerCache({ entries: options.cacheEntries, now }),
    onInFlightLimit: () => limitHit('dns_in_flight'),
  })
  const namesOf = (workload: Workload, address: string): readonly string[] => {
    const name = reserved.nameOf(address)
    return name === undefined ? intents.namesOf(workload, address) : [name]
  }
  return {
    async serve(workloadDns) {
      const served = await serveWorkload(workloadDns, handle, () => limitHit('dns_connections'))
      const close = async (): Promise<void> => {
        await served.close()
        intents.forget(workloadDns.workload)
      }
      return { ...served, close }
    },
    nameOf: (workload, address) => reserved.nameOf(address) ?? intents.nameOf(workload, address),
    namesOf,
    isReserved: reserved.isReserved,
    intents: intents.size,
  }
}

const serveWorkload = async (
  workloadDns: WorkloadDns,
  handle: Handle,
  onConnectionLimit: () => void,
): Promise<ServedDns> => {
  const own = new Set<string>()
  const upstreams = createUdpUpstreams(workloadDns.makeUdpSocket)
  const accept = createAccept(workloadDns, handle, own)
  const onDatagram = createOnDatagram(workloadDns, handle, own, upstreams.to)
  const servers: (UdpServer | TcpServer)[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()))
    upstreams.close()
  }
  const opened = async <T extends UdpServer | TcpServer>(opening: Promise<T>): Promise<Endpoint> => {
    const server = await opening
    servers.push(server)
    own.add(keyOf(server.local))
    return server.local
  }
  try {
    const udp: Endpoint[] = []
    const tcp: Endpoint[] = []
    for (const place of workloadDns.udp) udp.push(await opened(listenUdp(place, onDatagram)))
    for (const place of workloadDns.tcp) tcp.push(await opened(listenTcp(place, accept, onConnectionLimit)))
    const { hosts = new Map(), hasIpv6, fallback } = workloadDns
    const lookUp = createLookUp({ hosts, hasIpv6, ask: inTurn(fallback.map(upstreams.to)), timeoutMs: LOOK_UP_MS })
    return { udp, tcp, lookUp, close }
  } catch (error) {
    await close()
    throw error
  }
}

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`

const isOther = (one: Endpoint, other: Endpoint): boolean => one.address !== other.address || one.port !== other.port

/** Who is to be asked: whom the client asked, else the next of resolv.conf; never ourselves, which would not end. */
const createChoice = ({ upstreamFor, fallback }: WorkloadDns, own: ReadonlySet<string>) => {
  const keys = new Set(fallback.map(keyOf))
  let turn = 0
  return {
    /** Who is asked when that one fails: the others of resolv.conf, if it is of them. Who asks a stranger means it. */
    othersThan: (upstream: Endpoint): readonly Endpoint[] =>
      keys.has(keyOf(upstream)) ? fallback.filter((other) => isOther(other, upstream) && !own.has(keyOf(other))) : [],
    upstreamOf(peer: Endpoint, transport: 'udp' | 'tcp', socket?: Socket): Endpoint | undefined {
      const upstream = upstreamFor(peer, transport, socket) ?? fallback[turn % fallback.length]
      return upstream && !own.has(keyOf(upstream)) ? upstream : undefined
    },
    onFailed: () => void turn++,
  }
}

type AskOf = ReturnType<typeof createUdpUpstreams>['to']

const createOnDatagram = (workloadDns: WorkloadDns, handle: Handle, own: ReadonlySet<string>, askOf: AskOf) => {
  const { workload, hasIpv6 } = workloadDns
  const { upstreamOf, othersThan, onFailed } = createChoice(workloadDns, own)
  const askFirst = (upstream: Endpoint): Ask => {
    const others = othersThan(upstream)
    const asks = [noticing(askOf(upstream), onFailed), ...others.map(askOf)]
    return inTurn(asks)
  }
  return (query: Buffer, peer: Endpoint, reply: (message: Buffer) => void): void => {
    const upstream = upstreamOf(peer, 'udp')
    const scope = `${workload.id} udp ${upstream ? keyOf(upstream) : ''}`
    const ask = upstream && askFirst(upstream)
    handle(query, { workload, hasIpv6, transport: 'udp', scope, ask, reply, done: () => {} })
  }
}

const createAccept = (workloadDns: WorkloadDns, handle: Handle, own: ReadonlySet<string>) => {
  const { workload, hasIpv6, dialTcp = dialFromHere } = workloadDns
  const { upstreamOf, onFailed } = createChoice(workloadDns, own)
  return (peer: Endpoint, socket: Socket): TcpClient => {
    const upstream = upstreamOf(peer, 'tcp', socket)
    const scope = `${workload.id} tcp ${upstream ? keyOf(upstream) : ''}`
    const connection = upstream && createTcpUpstream(() => dialTcp(upstream))
    const ask = connection && noticing(connection.ask, onFailed)
    return {
      onQuery(query, reply, done) {
        const client: Client = { workload, hasIpv6, transport: 'tcp', scope, ask, reply, done }
        handle(query, client)
      },
      onClose: () => connection?.close(),
    }
  }
}

const noticing =
  (ask: NonNullable<Client['ask']>, onFailed: () => void): NonNullable<Client['ask']> =>
  (query, question, timeoutMs, done) =>
    ask(query, question, timeoutMs, (asked) => {
      if (asked.kind === 'failed') onFailed()
      done(asked)
    })

const dialFromHere = ({ address, port }: Endpoint): Socket => connect({ host: address, port })
