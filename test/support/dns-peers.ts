/** Both ends of the DNS server over loopback: a resolver that does as a test says, and clients. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createDns, type Dns, type DnsOptions, type ServedDns, type WorkloadDns } from '../../src/dns/dns.ts'
import { createUnframer, framed } from '../../src/dns/framing.ts'
import type { Endpoint } from '../../src/flow.ts'

const HOST = '127.0.0.1'
const NO_PLACE: Endpoint = { address: HOST, port: 0 }
export const SHOP = { id: 1, name: 'shop' }

/** Anything that a test leaves open is closed by its `after`. */
export interface Context {
  after(run: () => Promise<void> | void): void
}

export type OnUdpQuery = (query: Buffer, reply: (message: Buffer) => void, peer: RemoteInfo, socket: UdpSocket) => void

/** A resolver over UDP. */
export const startUdpUpstream = async (context: Context, onQuery: OnUdpQuery): Promise<Endpoint> => {
  const socket = createSocket('udp4')
  socket.on('message', (query, peer) =>
    onQuery(query, (message) => socket.send(message, peer.port, peer.address), peer, socket),
  )
  socket.bind(0, HOST)
  await once(socket, 'listening')
  context.after(() => void socket.close())
  return { address: HOST, port: socket.address().port }
}

export type OnTcpQuery = (query: Buffer, socket: Socket) => void

/** A resolver over TCP; answers go with `framed` onto the socket. */
export const startTcpUpstream = async (context: Context, onQuery: OnTcpQuery): Promise<Endpoint> => {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    const unframe = createUnframer()
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      for (const query of unframe(chunk)) onQuery(query, socket)
    })
  })
  server.listen(0, HOST)
  await once(server, 'listening')
  context.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return { address: HOST, port: (server.address() as AddressInfo).port }
}

/** A port that nobody listens at. */
export const closedPort = async (): Promise<Endpoint> => {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return { address: HOST, port }
}

export interface Serving extends ServedDns {
  readonly dns: Dns
  readonly udpPort: number
  readonly tcpPort: number
  /** What became of the queries so far, and which limits were hit. */
  readonly counts: string[]
}

export interface ServingOptions extends Partial<WorkloadDns> {
  readonly dns?: Partial<DnsOptions>
  /** Answers for `upstreamFor`, by transport. */
  readonly upstreams?: { readonly udp?: Endpoint; readonly tcp?: Endpoint }
}

/** The server on free ports of loopback. */
export const startDns = async (context: Context, options: ServingOptions = {}): Promise<Serving> => {
  const { dns: dnsOptions = {}, upstreams = {}, ...workloadOptions } = options
  const counts: string[] = []
  const dns = createDns({
    isExpected: (name) => name === 'mock.test',
    isExpectedFirst: () => false,
    reserved4: { address: '240.241.0.0', prefix: 16 },
    reserved6: { address: '2001:2:0:1::', prefix: 64 },
    upstreamTimeoutMs: 2000,
    maxInFlight: 4096,
    cacheEntries: 0,
    now: () => performance.now(),
    count: (answer) => counts.push(answer),
    limitHit: (limit) => counts.push(limit),
    ...dnsOptions,
  })
  const served = await dns.serve({
    workload: SHOP,
    hasIpv6: true,
    udp: [NO_PLACE],
    tcp: [NO_PLACE],
    upstreamFor: (_, transport) => upstreams[transport],
    fallback: [],
    ...workloadOptions,
  })
  context.after(served.close)
  return { ...served, dns, counts, udpPort: served.udp[0]?.port ?? 0, tcpPort: served.tcp[0]?.port ?? 0 }
}

export interface UdpClient {
  send(message: Buffer): void
  /** The next datagram. */
  next(): Promise<Buffer>
}

export const udpClient = async (context: Context, port: number): Promise<UdpClient> => {
  const socket = createSocket('udp4')
  socket.connect(port, HOST)
  await once(socket, 'connect')
  context.after(() => void socket.close())
  const { push, next } = queue()
  socket.on('message', push)
  return { send: (message) => socket.send(message), next }
}

export interface TcpClientEnd extends UdpClient {
  readonly socket: Socket
}

export const tcpClient = async (context: Context, port: number): Promise<TcpClientEnd> => {
  const socket = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect')
  context.after(() => void socket.destroy())
  const { push, next } = queue()
  const unframe = createUnframer()
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => unframe(chunk).forEach(push))
  return { socket, send: (message) => void socket.write(framed(message)), next }
}

const queue = () => {
  const came: Buffer[] = []
  const waiting: ((message: Buffer) => void)[] = []
  return {
    push(message: Buffer) {
      const first = waiting.shift()
      if (first) first(message)
      else came.push(message)
    },
    next(): Promise<Buffer> {
      const message = came.shift()
      return message ? Promise.resolve(message) : new Promise((resolve) => waiting.push(resolve))
    },
  }
}
