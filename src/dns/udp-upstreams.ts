/**
 * Queries over UDP to the resolvers that workloads ask. Each resolver has a few sockets connected to it: the kernel then
 * drops what comes from anywhere else, and reports a closed port at once instead of letting the query time out.
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { type Ask, type Asked, createPending, type Pending, type Waiting } from './pending.ts'
import { givenAddress } from './sockets.ts'

export interface UdpUpstreams {
  to(upstream: Endpoint): Ask
  close(): void
}

/** Makes an unconnected UDP socket where the workload lives: a descriptor, or -errno. */
export type MakeUdpSocket = (isIpv6: boolean) => number

/** Ports to guess for who would forge an answer; more would cost descriptors in every workload's namespace. */
const LINES_PER_UPSTREAM = 4
const MAX_UPSTREAMS = 32
/** A resolver behind a virtual address is chosen per socket: after this time its successor gets a chance. */
const LINE_LIFE_MS = 30_000

interface Line {
  send(waiting: Waiting): void
  isUsable(): boolean
  /** Closes it once what waits is answered. */
  retire(): void
  close(): void
}

/** Without `makeSocket`, sockets are made where we are. */
export const createUdpUpstreams = (makeSocket: MakeUdpSocket | undefined): UdpUpstreams => {
  const upstreams = new Map<string, Line[]>()
  const linesOf = (key: string): Line[] => {
    const lines = upstreams.get(key) ?? []
    upstreams.delete(key)
    upstreams.set(key, lines)
    if (upstreams.size > MAX_UPSTREAMS) {
      const [oldest] = upstreams.keys()
      for (const line of upstreams.get(oldest ?? '') ?? []) line?.retire()
      upstreams.delete(oldest ?? '')
    }
    return lines
  }
  return {
    to: (upstream) => (query, question, timeoutMs, done) => {
      const lines = linesOf(`${upstream.address} ${upstream.port}`)
      const chosen = Math.floor(Math.random() * LINES_PER_UPSTREAM)
      let line = lines[chosen]
      if (!line?.isUsable()) {
        line?.retire()
        line = openLine(upstream, makeSocket)
        lines[chosen] = line
      }
      line.send({ query, question, timeoutMs, done })
    },
    close() {
      for (const lines of upstreams.values()) for (const line of lines) line?.close()
      upstreams.clear()
    },
  }
}

const UNREACHABLE: Asked = { kind: 'failed', why: 'unreachable' }

const openLine = (upstream: Endpoint, makeSocket: MakeUdpSocket | undefined): Line => {
  const state = { isFailed: false, isRetired: false, isConnected: false }
  const usableUntilMs = performance.now() + LINE_LIFE_MS
  const early: Buffer[] = []
  // A silent resolver may be one that is gone: the next query takes another socket.
  const pending: Pending = createPending(() => {
    state.isRetired = true
    closeWhenIdle()
  })
  const socket = createSocket({ type: isIPv6(upstream.address) ? 'udp6' : 'udp4', lookup: givenAddress })
  const closeWhenIdle = (): void => {
    if (!state.isRetired || pending.size() > 0 || state.isFailed) return
    state.isFailed = true
    closeQuietly(socket)
  }
  const fail = (): void => {
    if (!state.isFailed) closeQuietly(socket)
    state.isFailed = true
    for (const { done } of pending.drain()) done(UNREACHABLE)
  }
  socket.on('error', fail)
  socket.on('message', (message) => {
    if (pending.take(message)) closeWhenIdle()
  })
  socket.once('connect', () => {
    state.isConnected = true
    if (!state.isFailed) for (const message of early.splice(0)) socket.send(message)
  })
  connectTo(socket, upstream, makeSocket, fail)
  return {
    send(waiting) {
      const message = state.isFailed ? undefined : pending.add(waiting)
      if (!message) waiting.done(UNREACHABLE)
      else if (state.isConnected) socket.send(message)
      else early.push(message)
    },
    isUsable: () => !state.isFailed && !state.isRetired && performance.now() < usableUntilMs,
    retire() {
      state.isRetired = true
      closeWhenIdle()
    },
    close: fail,
  }
}

const connectTo = (
  socket: Socket,
  { address, port }: Endpoint,
  makeSocket: MakeUdpSocket | undefined,
  fail: () => void,
): void => {
  try {
    if (makeSocket) {
      const fd = makeSocket(isIPv6(address))
      if (fd < 0) return fail()
      socket.bind({ fd })
    }
    socket.connect(port, address)
  } catch {
    fail() // bind() and connect() throw on a descriptor or a port that is none
  }
}

const closeQuietly = (socket: Socket): void => {
  socket.removeAllListeners('message')
  socket.close()
}
