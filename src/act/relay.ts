/** Carries bytes both ways, unread: with back-pressure, and with FIN and RST passed on as they come. */
import type { Socket } from 'node:net'
import type { ClientFault, Outcome, UpstreamFault } from '../flow.ts'
import { reset } from '../reset.ts'

export interface RelayCounts {
  /** Client to upstream. */
  sentBytes: number
  /** Upstream to client. */
  receivedBytes: number
}

export interface RelayEnd extends RelayCounts {
  readonly fault?: Outcome['fault']
}

/** A relay with one direction finished may stand still this long; one that is open both ways, for ever. */
export interface RelayOptions {
  readonly halfClosedTimeoutMs: number
}

/** TCP keep-alive finds peers that died without a word; nothing else ends an idle relay. */
const KEEP_ALIVE_MS = 60_000

const isTimeout = (error: NodeJS.ErrnoException): boolean => error.code === 'ETIMEDOUT'

/** One direction. `count` hears how many bytes went on. */
const pump = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
  from.on('data', (chunk: Buffer) => {
    count(chunk.length)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => {
    if (!to.destroyed) to.end()
  })
}

/**
 * Relays between two connected sockets until both are closed. `done` is called once.
 * @param fromClient bytes the client has sent already
 * @param fromUpstream bytes the upstream has sent already
 */
export const relay = (
  client: Socket,
  upstream: Socket,
  early: { readonly fromClient?: Buffer; readonly fromUpstream?: Buffer },
  options: RelayOptions,
  done: (end: RelayEnd) => void,
): void => {
  const counts: RelayCounts = { sentBytes: 0, receivedBytes: 0 }
  let fault: ClientFault | UpstreamFault | undefined
  let open = 2

  const closed = (socket: Socket, other: Socket): void => {
    // Cut short, by its peer or by us: the other side must not take it for an orderly end.
    if (!other.destroyed && !(socket.readableEnded && socket.writableFinished)) reset(other)
    open -= 1
    if (open === 0) done(fault === undefined ? counts : { ...counts, fault })
  }
  const stalled = (): void => {
    // Only a half-closed relay has a time limit: long silence is normal for open ones.
    if (!client.readableEnded && !upstream.readableEnded) return
    fault ??= client.readableEnded ? 'upstream_timeout' : 'client_timeout'
    reset(client)
    reset(upstream)
  }

  pump(client, upstream, (bytes) => {
    counts.sentBytes += bytes
  })
  pump(upstream, client, (bytes) => {
    counts.receivedBytes += bytes
  })
  client.on('error', (error) => {
    fault ??= isTimeout(error) ? 'client_timeout' : 'client_reset'
  })
  upstream.on('error', (error) => {
    fault ??= isTimeout(error) ? 'upstream_timeout' : 'upstream_reset'
  })
  client.on('close', () => closed(client, upstream))
  upstream.on('close', () => closed(upstream, client))
  for (const socket of [client, upstream]) {
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    socket.setTimeout(options.halfClosedTimeoutMs, stalled)
  }
  if (early.fromClient && early.fromClient.length > 0) {
    counts.sentBytes += early.fromClient.length
    upstream.write(early.fromClient)
  }
  if (early.fromUpstream && early.fromUpstream.length > 0) {
    counts.receivedBytes += early.fromUpstream.length
    client.write(early.fromUpstream)
  }
  // An end that came before we listened is not told again.
  if (client.readableEnded) upstream.end()
  if (upstream.readableEnded) client.end()
  client.resume()
  upstream.resume()
}
