/** Opaque flows: dialled and relayed, or refused, one outcome each. */
import type { Socket } from 'node:net'
import type { Endpoint, Outcome, RefuseReason } from '../flow.ts'
import type { Dial } from './dial.ts'
import { upstreamFault } from './fault.ts'
import { nowMs } from './finish.ts'
import { relay } from './relay.ts'
import { connectWithin } from './upstreams.ts'

export interface RelayedFlow {
  readonly socket: Socket
  readonly bytes: Buffer
  readonly upstream?: Socket
  readonly fromUpstream?: Buffer
}

export interface RelayFlowOptions {
  readonly connectTimeoutMs: number
  readonly halfClosedTimeoutMs: number
}

/** Relays a flow to its destination; an upstream that cannot be reached resets the client, as it would itself. */
export const createRelayFlow =
  (dial: Dial, options: RelayFlowOptions) =>
  (flow: RelayedFlow, destination: Endpoint, source: string, done: (outcome: Outcome) => void): void => {
    const startedAtMs = nowMs()
    const { socket } = flow
    const begin = (upstream: Socket): void =>
      relay(
        socket,
        upstream,
        { fromClient: flow.bytes, ...(flow.fromUpstream ? { fromUpstream: flow.fromUpstream } : {}) },
        { halfClosedTimeoutMs: options.halfClosedTimeoutMs },
        (end) =>
          done({
            ...(end.fault ? { fault: end.fault } : {}),
            requestBytes: end.sentBytes,
            responseBytes: end.receivedBytes,
            durationMs: nowMs() - startedAtMs,
          }),
      )
    if (flow.upstream) return begin(flow.upstream)
    let clientGone = false
    const onGone = (): void => {
      clientGone = true
    }
    socket.once('close', onGone)
    connectWithin(dial, destination, source, options.connectTimeoutMs, (error, upstream) => {
      socket.off('close', onGone)
      const outcome = { requestBytes: 0, responseBytes: 0, durationMs: nowMs() - startedAtMs }
      if (clientGone) {
        upstream?.on('error', () => undefined).destroy()
        return done({ ...outcome, fault: 'client_closed' })
      }
      if (error || !upstream) {
        socket.resetAndDestroy()
        return done({ ...outcome, fault: upstreamFault(error) })
      }
      begin(upstream)
    })
  }

/** Bytes that are not HTTP cannot be told why: they are reset. */
export const refuseFlow = (socket: Socket, reason: RefuseReason, done: (outcome: Outcome) => void): void => {
  socket.resetAndDestroy()
  done({ fault: reason, requestBytes: 0, responseBytes: 0, durationMs: 0 })
}
