/**
 * Finds out what a flow speaks. A client that keeps silent may be waiting for its server (SMTP, MySQL, SSH …), so the
 * server is dialled meanwhile and whichever side speaks first decides.
 */
import type { Socket } from 'node:net'
import type { Endpoint, Named, Protocol } from '../flow.ts'
import { reset } from '../reset.ts'
import { lookMeanwhile } from './name-reader.ts'
import { type Peeked, type PeekOptions, peek } from './peek.ts'

export interface OpenOptions {
  /** Nothing else says where this goes: then a name is waited for, as long as for the protocol. */
  readonly awaitsName: boolean
  readonly peekTimeoutMs: number
  /** The client has been waited for already, and kept silent. */
  readonly isSilent?: boolean
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
    readonly named: () => Named | undefined
    readonly upstream?: Socket
    readonly fromUpstream?: Buffer
    readonly upstreamError?: Error
  }): void
}

interface RelayedBytes extends Peeked {
  readonly protocol: Exclude<Peeked['protocol'], 'http1'>
}

interface FromServer {
  readonly fromUpstream?: Buffer
  readonly upstreamError?: Error
}

const PROTOCOLS: Readonly<Record<RelayedBytes['protocol'], Protocol>> = {
  http2: 'http/2',
  tls: 'tls',
  opaque: 'opaque',
}
const NOTHING: RelayedBytes = { protocol: 'opaque', bytes: Buffer.alloc(0) }
const ignore = (): void => undefined

const peekOptions = (options: OpenOptions): PeekOptions => ({
  awaitsName: options.awaitsName,
  timeoutMs: options.peekTimeoutMs,
  isSilent: options.isSilent ?? false,
  headTimeoutMs: options.headTimeoutMs,
  onLimit: options.onPeekLimit,
})

const abandon = (upstream: Socket | undefined, isReset: boolean): void => {
  if (!upstream) return
  upstream.on('error', ignore)
  if (isReset) reset(upstream)
  else upstream.destroy()
}

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
  const relayed = ({ protocol, bytes, named }: RelayedBytes, more: FromServer = {}): void => {
    settle()
    const isPassedBy = protocol === 'http2' && !options.awaitsName
    const naming = isPassedBy ? lookMeanwhile(bytes) : () => named
    const known = { socket, bytes, protocol: PROTOCOLS[protocol], named: naming }
    events.bytes({ ...known, ...(upstream ? { upstream } : {}), ...more })
  }
  const decided = (peeked: Peeked): void => {
    const { protocol, bytes } = peeked
    if (protocol !== 'http1') return relayed({ ...peeked, protocol })
    settle()
    abandon(upstream, false)
    events.http(bytes)
  }

  /** What the client has said so far goes on, though it may say more. */
  const unfinished = (): RelayedBytes => {
    const { protocol, bytes } = stop()
    return { protocol: protocol === 'http1' ? 'opaque' : protocol, bytes }
  }
  const serverSpoke = (chunk: Buffer): void => {
    const bytes = unfinished()
    upstream?.pause()
    relayed(bytes, { fromUpstream: chunk })
  }
  const serverEnded = (): void => relayed(unfinished())
  const serverFailed = (upstreamError: Error): void => {
    const bytes = unfinished()
    upstream = undefined
    relayed(bytes, { upstreamError })
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

  const stop = peek(socket, first, peekOptions(options), {
    decided,
    silent: dialMeanwhile,
    ended: () => {
      if (destination) return relayed(NOTHING)
      settle()
      socket.destroySoon()
    },
    lost: (isReset) => {
      settle()
      abandon(upstream, isReset)
      socket.destroy()
    },
  })
}
