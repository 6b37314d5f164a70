/**
 * Finds out what a flow speaks. A client that keeps silent may be waiting for its server (SMTP, MySQL, SSH …), so the
 * server is dialled meanwhile and whichever side speaks first decides.
 */
import type { Socket } from 'node:net'
import type { Endpoint, Protocol } from '../flow.ts'
import { reset } from '../reset.ts'
import { type Peeked, peek } from './peek.ts'

export interface OpenOptions {
  readonly peekTimeoutMs: number
  readonly headTimeoutMs: number
  /** How long a silent client is kept that no server can speak to. */
  readonly idleTimeoutMs: number
  /** Dials the original destination; `done` gets a connected socket or nothing. */
  readonly dial: (destination: Endpoint, done: (error: Error | undefined, socket?: Socket) => void) => void
  /** Whether an expectation could answer this flow: then a refused upstream is no reason to drop a silent client. */
  readonly mayMock: boolean
  /** Called when nothing was decided by as many bytes as are looked at. */
  readonly onPeekLimit: () => void
}

export interface OpenEvents {
  http(first: Buffer): void
  bytes(opened: {
    readonly socket: Socket
    readonly bytes: Buffer
    readonly protocol: Protocol
    readonly upstream?: Socket
    readonly fromUpstream?: Buffer
    readonly upstreamError?: Error
  }): void
}

const PROTOCOLS: Readonly<Record<Exclude<Peeked['protocol'], 'http1'>, Protocol>> = {
  http2: 'http/2',
  tls: 'tls',
  opaque: 'opaque',
}
const NOTHING: Buffer = Buffer.alloc(0)
const ignore = (): void => undefined

/**
 * Calls one of the events, once; none where the client goes before there is anything to tell.
 * @param destination where a server may be dialled that could speak first; undefined where nothing may leave
 * @param first bytes that were read from the socket earlier
 */
export const openFlow = (
  socket: Socket,
  destination: Endpoint | undefined,
  first: Buffer,
  options: OpenOptions,
  events: OpenEvents,
): void => {
  let upstream: Socket | undefined
  let idle: NodeJS.Timeout | undefined
  let isSettled = false

  const settle = (): void => {
    isSettled = true
    clearTimeout(idle)
    upstream?.removeAllListeners()
  }
  const dropUpstream = (isReset: boolean): void => {
    if (!upstream) return
    upstream.on('error', ignore)
    if (isReset) reset(upstream)
    else upstream.destroy()
  }
  const relayed = (bytes: Buffer, protocol: Protocol, more: { fromUpstream?: Buffer; upstreamError?: Error } = {}) => {
    settle()
    events.bytes({ socket, bytes, protocol, ...(upstream ? { upstream } : {}), ...more })
  }
  const decided = ({ protocol, bytes }: Peeked): void => {
    if (protocol !== 'http1') return relayed(bytes, PROTOCOLS[protocol])
    settle()
    dropUpstream(false)
    events.http(bytes)
  }

  const serverSpoke = (chunk: Buffer): void => {
    stop()
    upstream?.pause()
    relayed(NOTHING, 'opaque', { fromUpstream: chunk })
  }
  const serverEnded = (): void => {
    stop()
    relayed(NOTHING, 'opaque')
  }
  const serverFailed = (upstreamError: Error): void => {
    stop()
    upstream = undefined
    relayed(NOTHING, 'opaque', { upstreamError })
  }

  /** Nobody will ever speak to this client first, and it may never speak either. */
  const awaitClient = (): void => {
    idle = setTimeout(() => {
      settle()
      stop()
      socket.destroySoon()
    }, options.idleTimeoutMs).unref()
  }
  const dialMeanwhile = (): void => {
    if (!destination) return awaitClient()
    options.dial(destination, (error, connected) => {
      if (isSettled) return void connected?.on('error', ignore).destroy()
      if (error || !connected) return options.mayMock ? awaitClient() : serverFailed(error ?? new Error('no upstream'))
      upstream = connected
      connected.once('data', serverSpoke)
      connected.once('end', serverEnded)
      connected.once('error', serverFailed)
    })
  }

  const stop = peek(
    socket,
    first,
    { timeoutMs: options.peekTimeoutMs, headTimeoutMs: options.headTimeoutMs, onLimit: options.onPeekLimit },
    {
      decided,
      silent: dialMeanwhile,
      ended: () => {
        if (destination) return relayed(NOTHING, 'opaque')
        settle()
        socket.destroySoon()
      },
      lost: (isReset) => {
        settle()
        dropUpstream(isReset)
        socket.destroy()
      },
    },
  )
}
