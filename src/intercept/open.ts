/**
 * Finds out what a flow speaks. A client that keeps silent may be waiting for its server (SMTP, MySQL, SSH …), so the
 * server is dialled meanwhile and whichever side speaks first decides.
 */
import type { Socket } from 'node:net'
import type { Endpoint, Protocol } from '../flow.ts'
import { type Peeked, peek } from './peek.ts'

export interface OpenOptions {
  readonly peekTimeoutMs: number
  readonly headTimeoutMs: number
  /** Dials the original destination; `done` gets a connected socket or nothing. */
  readonly dial: (destination: Endpoint, done: (error: Error | undefined, socket?: Socket) => void) => void
  /** Whether an expectation could answer this flow: then a refused upstream is no reason to drop a silent client. */
  readonly mayMock: boolean
}

export interface OpenEvents {
  http(first: Buffer): void
  bytes(opened: {
    readonly socket: Socket
    readonly bytes: Buffer
    readonly protocol: Protocol
    readonly upstream?: Socket
    readonly fromUpstream?: Buffer
  }): void
}

const PROTOCOLS: Readonly<Record<Exclude<Peeked['protocol'], 'http1'>, Protocol>> = {
  http2: 'http/2',
  tls: 'tls',
  opaque: 'opaque',
}

export const openFlow = (
  socket: Socket,
  destination: Endpoint | undefined,
  first: Buffer,
  options: OpenOptions,
  events: OpenEvents,
): void => {
  let upstream: Socket | undefined
  let settled = false

  const dropUpstream = (): void => {
    upstream?.removeAllListeners()
    upstream?.on('error', () => undefined)
    upstream?.destroy()
    upstream = undefined
  }

  const decided = ({ protocol, bytes }: Peeked): void => {
    settled = true
    if (protocol === 'http1') {
      dropUpstream()
      return events.http(bytes)
    }
    upstream?.removeAllListeners()
    events.bytes({ socket, bytes, protocol: PROTOCOLS[protocol], ...(upstream ? { upstream } : {}) })
  }

  const serverSpoke = (chunk: Buffer): void => {
    if (settled || !upstream) return
    settled = true
    stop()
    upstream.pause()
    upstream.removeAllListeners()
    const empty = Buffer.alloc(0)
    events.bytes({ socket, bytes: empty, protocol: 'opaque', upstream, fromUpstream: chunk })
  }

  const serverEnded = (reset: boolean): void => {
    if (settled || !upstream) return
    settled = true
    stop()
    dropUpstream()
    if (reset) socket.resetAndDestroy()
    else socket.destroySoon()
  }

  const dialMeanwhile = (): void => {
    if (!destination) return
    options.dial(destination, (error, connected) => {
      if (settled) return void connected?.on('error', () => undefined).destroy()
      if (error || !connected) {
        // With no server a client that waits for it would wait for ever; one that may still be mocked can.
        if (!options.mayMock) failed()
        return
      }
      upstream = connected
      connected.once('data', serverSpoke)
      connected.once('end', () => serverEnded(false))
      connected.once('error', () => serverEnded(true))
    })
  }
  const failed = (): void => {
    settled = true
    stop()
    socket.resetAndDestroy()
  }

  const stop = peek(
    socket,
    { timeoutMs: options.peekTimeoutMs, headTimeoutMs: options.headTimeoutMs },
    {
      decided,
      silent: dialMeanwhile,
      gone: (reset) => {
        settled = true
        // A half-closed client with nothing to say gets what its server does: an end, or a reset.
        dropUpstream()
        if (reset) socket.destroy()
        else socket.destroySoon()
      },
    },
  )
  if (first.length > 0) socket.unshift(first)
}
