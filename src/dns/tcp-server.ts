/** The TCP side of the DNS server: connections with any number of queries, answered in the order they get done. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { plainAddress } from '../resolve/plain-address.ts'
import { createUnframer, framed } from './framing.ts'
import type { Place } from './sockets.ts'

/** RFC 7766 6.2.3 asks for a few seconds; a workload that keeps its connection longer opens another. */
const IDLE_MS = 30_000
const MAX_CONNECTIONS = 512
/** Queries of one connection under way; the next are read when some are done. */
const MAX_PIPELINED = 128
/** Answers that a client does not read. */
const MAX_UNREAD_BYTES = 1 << 20
const BACKLOG = 512

export interface TcpServer {
  readonly local: Endpoint
  close(): Promise<void>
}

/** One connection as whoever answers sees it. */
export interface TcpClient {
  /** Each query: `reply` any number of times, then `done`. */
  onQuery(query: Buffer, reply: (message: Buffer) => void, done: () => void): void
  onClose(): void
}

/** `accept` is called for each connection. Rejects where the place cannot be listened at. */
export const listenTcp = (
  place: Place,
  accept: (peer: Endpoint, socket: Socket) => TcpClient,
  onConnectionLimit: () => void,
): Promise<TcpServer> => {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {}) // 'close' follows
    if (open.size >= MAX_CONNECTIONS) {
      onConnectionLimit()
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const { remoteAddress = '', remotePort = 0 } = socket
    converse(socket, accept({ address: plainAddress(remoteAddress), port: remotePort }, socket))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Of a descriptor's options, the backlog is not looked at.
    server.listen('fd' in place ? { fd: place.fd } : listenAt(place), BACKLOG, () => {
      server.off('error', reject)
      server.on('error', () => {}) // accept() failed: out of descriptors, and the next may not
      resolve({ local: localOf(server), close: () => closed(server, open) })
    })
  })
}

const listenAt = ({ address, port }: Endpoint) => ({ host: address, port })

const converse = (socket: Socket, client: TcpClient): void => {
  const unframe = createUnframer()
  let underWay = 0
  let hasEnded = false
  const reply = (message: Buffer): void => {
    if (socket.destroyed) return
    socket.write(framed(message))
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy()
  }
  const done = (): void => {
    underWay--
    if (hasEnded && underWay === 0) socket.end()
    else if (underWay < MAX_PIPELINED) socket.resume()
  }
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    for (const query of unframe(chunk)) {
      underWay++
      client.onQuery(query, reply, done)
    }
    if (underWay >= MAX_PIPELINED) socket.pause()
  })
  socket.on('end', () => {
    hasEnded = true
    if (underWay === 0) socket.end()
  })
  socket.once('close', () => client.onClose())
}

const localOf = (server: Server): Endpoint => {
  const address = server.address()
  return typeof address === 'object' && address ? address : { address: '', port: 0 }
}

const closed = (server: Server, open: ReadonlySet<Socket>): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of open) socket.destroy()
  })
