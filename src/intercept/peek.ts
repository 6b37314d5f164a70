/** Reads the first bytes of a connection until it is clear what they speak, or that the client waits for the server. */
import type { Socket } from 'node:net'
import type { Named } from '../flow.ts'
import { createNameReader, type NameOptions, type NameReader } from './name-reader.ts'
import { type Sniffed, sniff } from './sniff.ts'

export interface Peeked {
  readonly protocol: Exclude<Sniffed, 'more'>
  readonly bytes: Buffer
  /** Whom the client wants to speak to: SNI, or the authority of its first HTTP/2 request. */
  readonly named?: Named
}

export interface PeekOptions extends NameOptions {
  /**
   * After this long without a decision, a silent client is taken for one that waits for the server to speak, and one that
   * has not said all of its name for one that will not.
   */
  readonly timeoutMs: number
  /** It has been waited for already, and kept silent. */
  readonly isSilent?: boolean
  /** How long bytes that look like the start of an HTTP request may stay unfinished. */
  readonly headTimeoutMs: number
  /** Called when nothing was decided by as many bytes as are looked at. */
  readonly onLimit: () => void
}

export interface PeekEvents {
  decided(peeked: Peeked): void
  /** The client has sent nothing so far. Peeking goes on: either side may still speak first. */
  silent(): void
  /** The client ended its side without a byte; it may still be waiting for what the server says. */
  ended(): void
  /** The connection broke, or was destroyed on our side, before anything decided. */
  lost(isReset: boolean): void
}

/**
 * Calls one of `decided`, `ended` and `lost`, once; the socket is paused then. May call it before it returns.
 * @param first bytes that were read from the socket earlier
 * @returns a way to stop, which gives what was read until then
 */
export const peek = (socket: Socket, first: Buffer, options: PeekOptions, events: PeekEvents): (() => Peeked) => {
  let bytes: Buffer = Buffer.alloc(0)
  let timer: NodeJS.Timeout | undefined
  let protocol: Peeked['protocol'] | undefined
  let reader: NameReader | undefined
  let likelyHttp = false
  let isOver = false

  const stop = (): Peeked => {
    isOver = true
    clearTimeout(timer)
    reader?.close()
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('error', onError)
    socket.off('close', onClose)
    socket.pause()
    return { protocol: protocol ?? 'opaque', bytes }
  }
  const decide = (decided: Peeked['protocol'] = 'opaque', named?: Named): void => {
    stop()
    events.decided({ protocol: decided, bytes, ...(named ? { named } : {}) })
  }
  const allow = (timeoutMs: number): void => {
    clearTimeout(timer)
    timer = setTimeout(onTimeout, timeoutMs)
  }
  const onTimeout = (): void => {
    if (bytes.length === 0) events.silent()
    else if (likelyHttp && !protocol) timer = setTimeout(() => decide('http1'), options.headTimeoutMs)
    else decide(protocol)
  }
  const recognise = (): void => {
    const result = sniff(bytes)
    likelyHttp = result.likelyHttp
    if (result.isCut) options.onLimit()
    if (result.protocol !== 'more') protocol = result.protocol
  }
  const onData = (chunk: Buffer): void => {
    const isFirst = bytes.length === 0
    bytes = isFirst ? chunk : Buffer.concat([bytes, chunk])
    // Also where the client was found silent: once more, how long it may take.
    if (isFirst && options.isSilent) allow(options.timeoutMs)
    else if (isFirst) timer?.refresh()
    if (!protocol) recognise()
    if (!protocol) return
    reader ??= createNameReader(protocol, options, (named) => decide(protocol, named))
    reader.look(bytes)
  }
  const onEnd = (): void => {
    if (bytes.length > 0) return decide(protocol)
    stop()
    events.ended()
  }
  const onError = (): void => {
    stop()
    events.lost(true)
  }
  const onClose = (): void => {
    stop()
    events.lost(false)
  }

  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('error', onError)
  socket.on('close', onClose)
  allow(options.isSilent ? 0 : options.timeoutMs)
  if (first.length > 0) onData(first)
  if (!isOver && socket.readableEnded) onEnd()
  if (!isOver) socket.resume()
  return stop
}
