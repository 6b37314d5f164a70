/** Opaque flows: dialled and relayed, or refused, one outcome each. */
import type { Socket } from 'node:net'
import type { Endpoint, Outcome, RefuseReason } from '../flow.ts'
import { reset } from '../reset.ts'
import type { Dial, DialOptions } from './dial.ts'
import { upstreamFault } from './fault.ts'
import { nowMs } from './finish.ts'
import { relay } from './relay.ts'
import { connectWithin } from './upstreams.ts'

export interface RelayedFlow {
  readonly socket: Socket
  readonly bytes: Buffer
  /** Connected already, where the server was given the chance to speak first. */
  readonly upstream?: Socket
  readonly fromUpstream?: Buffer
  /** Why there is no upstream, where one was dialled. */
  readonly upstreamError?: Error
}

export interface RelayFlowOptions {
  readonly connectTimeoutMs: number
  readonly halfClosedTimeoutMs: number
}

const ignore = (): void => undefined

const abandon = (upstream: Socket | undefined): void => {
  if (upstream) reset(upstream.on('error', ignore))
}

/** Relays a flow to its destination; an upstream that cannot be reached resets the client, as it would itself. */
export const createRelayFlow =
  (dial: Dial, options: RelayFlowOptions) =>
  (flow: RelayedFlow, destination: Endpoint, from: DialOptions, done: (outcome: Outcome) => void): void => {
    const startedAtMs = nowMs()
    const { socket } = flow
    const finish = (requestBytes: number, responseBytes: number, fault: Outcome['fault']): void =>
      done({
        ...(fault === undefined ? {} : { fault }),
        requestBytes,
        responseBytes,
        durationMs: nowMs() - startedAtMs,
      })
    const begin = (upstream: Socket): void =>
      relay(
        socket,
        upstream,
        { fromClient: flow.bytes, ...(flow.fromUpstream ? { fromUpstream: flow.fromUpstream } : {}) },
        { halfClosedTimeoutMs: options.halfClosedTimeoutMs },
        ({ sentBytes, receivedBytes, fault }) => finish(sentBytes, receivedBytes, fault),
      )
    const failed = (error: Error | undefined): void => {
      reset(socket)
      finish(0, 0, upstreamFault(error))
    }
    if (flow.upstreamError) return failed(flow.upstreamError)
    if (flow.upstream) return begin(flow.upstream)
    let isGone = false
    const onGone = (): void => {
      isGone = true
      finish(0, 0, 'client_closed')
    }
    socket.once('close', onGone)
    connectWithin(dial, destination, from, options.connectTimeoutMs, (error, upstream) => {
      if (isGone) return abandon(upstream)
      socket.off('close', onGone)
      if (error || !upstream) return failed(error)
      begin(upstream)
    })
  }

/** Bytes that are not HTTP cannot be told why: they are reset, and so is an upstream that was dialled for them. */
export const refuseFlow = (flow: RelayedFlow, reason: RefuseReason, done: (outcome: Outcome) => void): void => {
  reset(flow.socket)
  abandon(flow.upstream)
  done({ fault: reason, requestBytes: 0, responseBytes: 0, durationMs: 0 })
}
