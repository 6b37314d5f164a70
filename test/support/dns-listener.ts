/** A DNS listener for kernel tests: answers every A question with one address, and keeps whom each was meant for. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type DecodedPacket, decode, encode, streamDecode, streamEncode } from 'dns-packet'
import type { Endpoint } from '../../src/flow.ts'
import type { Plane, Site } from './plane.ts'

/** What the listener answers; nobody else does. */
export const OUR_ANSWER = '203.0.113.53'
const BACKLOG = 128
const PORT_TRIES = 16

/** One question that reached the listener. */
export interface Asked {
  readonly over: 'udp' | 'tcp'
  readonly name: string
  /** The client as the listener sees it. */
  readonly peer: Endpoint
  /** What the kernel says about it. */
  readonly asked: Endpoint | undefined
}

export interface DnsListener {
  readonly port: number
  readonly questions: Asked[]
  close(): void
}

interface Descriptors {
  readonly port: number
  readonly udp4: number
  readonly udp6: number
  readonly tcp: readonly number[]
}

/** UDP and TCP sockets on both loopbacks that share a port. */
const openAll = ({ shim, cgroups, appNetnsFd }: Site): Descriptors => {
  const procs = join(cgroups.listener, 'cgroup.procs')
  for (let attempt = 0; attempt < PORT_TRIES; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const tcp = ['127.0.0.1', '::1'].map((at) => shim.raw('understudy_listen', procs, appNetnsFd, at, port, BACKLOG, 0))
    const udp4 = shim.raw('understudy_listen_udp', procs, appNetnsFd, '127.0.0.1', port, 0)
    const udp6 = shim.raw('understudy_listen_udp', procs, appNetnsFd, '::1', port, 0)
    const all = [...tcp, udp4, udp6]
    if (all.every((fd) => fd >= 0)) return { port, tcp, udp4, udp6 }
    for (const fd of all) if (fd >= 0) shim.raw('understudy_close_fd', fd)
  }
  throw new Error('no port was free for UDP and TCP on both loopbacks')
}

const reply = (packet: Pick<DecodedPacket, 'id' | 'questions'>) => ({
  type: 'response' as const,
  id: packet.id ?? 0,
  flags: 0x180, // recursion desired and available
  questions: packet.questions ?? [],
  answers: (packet.questions ?? [])
    .filter(({ type }) => type === 'A')
    .map(({ name }) => ({ type: 'A' as const, name, ttl: 60, data: OUR_ANSWER })),
})

const serveDatagrams = async (
  type: 'udp4' | 'udp6',
  fd: number,
  plane: Plane,
  questions: Asked[],
): Promise<DatagramSocket> => {
  const socket = createSocket(type)
  socket.on('message', (message, { address, port }) => {
    const packet = decode(message)
    const asked = plane.kernel.askedResolver(plane.policy.id, address, port)
    const name = packet.questions?.[0]?.name ?? ''
    questions.push({ over: 'udp', name, peer: { address, port }, asked })
    socket.send(encode(reply(packet)), port, address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ fd }, resolve)
  })
  return socket
}

const answerStream = (socket: Socket, plane: Plane, questions: Asked[]): void => {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1
  const asked = plane.kernel.identify(fd).saved?.destination
  const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
  let waiting: Buffer = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (data: Buffer) => {
    waiting = Buffer.concat([waiting, data])
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const packet = streamDecode(waiting)
      waiting = waiting.subarray(2 + waiting.readUInt16BE(0))
      questions.push({ over: 'tcp', name: packet.questions?.[0]?.name ?? '', peer, asked })
      socket.write(streamEncode(reply({ id: packet.id, questions: packet.questions })))
    }
  })
}

const serveStreams = (fd: number, plane: Plane, questions: Asked[]): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => answerStream(socket, plane, questions))
    server.once('error', reject)
    server.listen({ fd }, BACKLOG, () => resolve(server))
  })

/** Listens in the site's namespace and sends the workload's DNS there. The plane must have been started with `dns`. */
export const startDnsListener = async (site: Site, plane: Plane): Promise<DnsListener> => {
  const { port, udp4, udp6, tcp } = openAll(site)
  const questions: Asked[] = []
  const open: { close(): void }[] = []
  open.push(await serveDatagrams('udp4', udp4, plane, questions))
  open.push(await serveDatagrams('udp6', udp6, plane, questions))
  for (const fd of tcp) open.push(await serveStreams(fd, plane, questions))
  for (const fd of [...tcp, udp4, udp6]) plane.kernel.markListener(fd, plane.policy.id)
  plane.changePolicy({ dnsPort4: port, dnsPort6: port })
  let closed = false
  return {
    port,
    questions,
    close: () => {
      if (closed) return
      closed = true
      for (const one of open) one.close()
    },
  }
}
