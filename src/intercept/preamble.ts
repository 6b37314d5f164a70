/** Takes the PROXY header off the front of a connection, before anything else reads it. */
import type { Socket } from 'node:net'
import type { Endpoint, ProxiedEndpoints } from '../flow.ts'
import type { Header } from '../proxy-protocol/header.ts'
import { parseHeader } from '../proxy-protocol/parse.ts'

/** What came of one header; what is counted. empty: it names nobody. */
export type HeaderResult = 'taken' | 'empty' | 'malformed_refused' | 'malformed_passed' | 'untrusted' | 'loop'

export type Preamble =
  | { readonly kind: 'header'; readonly proxied: ProxiedEndpoints; readonly rest: Buffer }
  /** `isSilent`: the first byte was awaited as long as one is. */
  | { readonly kind: 'none'; readonly rest: Buffer; readonly isSilent?: true }
  | { readonly kind: 'refused'; readonly why: string }

export interface PreambleOptions {
  /** Whether this peer may say whose connection it is. */
  readonly isTrusted: boolean
  readonly onMalformed: 'refuse' | 'pass'
  /** How long to wait for the first byte: a peer that keeps silent sends no header. */
  readonly timeoutMs: number
  /** How long a header may stay unfinished. */
  readonly headTimeoutMs: number
  /** Whether a header's source is an upstream connection of ours: then what we forward comes back. */
  readonly isOwnSource: (source: Endpoint) => boolean
  readonly onResult: (result: HeaderResult) => void
}

const NO_BYTES: Buffer = Buffer.alloc(0)

const proxiedOf = ({ version, source, destination }: Header): ProxiedEndpoints => ({
  version,
  ...(source ? { source } : {}),
  ...(destination ? { destination } : {}),
})

/** What becomes of a whole header at the start of `bytes`. */
const judge = (header: Header, bytes: Buffer, { isTrusted, isOwnSource, onResult }: PreambleOptions): Preamble => {
  const { source } = header
  if (!isTrusted) {
    onResult('untrusted')
    return { kind: 'refused', why: 'a PROXY header from a peer that is not trusted' }
  }
  if (source && isOwnSource(source)) {
    onResult('loop')
    return { kind: 'refused', why: 'a PROXY header that names a connection of our own: it leads back to us' }
  }
  onResult(source ? 'taken' : 'empty')
  return { kind: 'header', proxied: proxiedOf(header), rest: bytes.subarray(header.length) }
}

const broken = (why: string, bytes: Buffer, { onMalformed, onResult }: PreambleOptions): Preamble => {
  onResult(onMalformed === 'refuse' ? 'malformed_refused' : 'malformed_passed')
  return onMalformed === 'refuse'
    ? { kind: 'refused', why: `a broken PROXY header: ${why}` }
    : { kind: 'none', rest: bytes }
}

/**
 * Reads until it is clear whether there is a PROXY header, and all of it. Calls `done` once, with the socket paused; not at
 * all where the connection breaks before. A peer that is not trusted waits no longer than its bytes could begin a header.
 */
export const readPreamble = (socket: Socket, options: PreambleOptions, done: (preamble: Preamble) => void): void => {
  let bytes = NO_BYTES
  let isHeader = false
  let patienceMs = 0
  let timer: NodeJS.Timeout | undefined

  const stop = (): void => {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.off('end', onUnfinished)
    socket.off('error', onLost)
    socket.off('close', onLost)
    socket.pause()
  }
  const settle = (preamble: Preamble): void => {
    stop()
    done(preamble)
  }
  const wait = (timeoutMs: number): void => {
    if (timeoutMs === patienceMs) return
    patienceMs = timeoutMs
    clearTimeout(timer)
    timer = setTimeout(onUnfinished, timeoutMs)
  }
  const onUnfinished = (): void => {
    if (isHeader) return settle(broken('it does not end', bytes, options))
    const isSilent = bytes.length === 0 && !socket.readableEnded
    settle({ kind: 'none', rest: bytes, ...(isSilent ? { isSilent } : {}) })
  }
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const parsed = parseHeader(bytes)
    switch (parsed.kind) {
      case 'none':
        return settle({ kind: 'none', rest: bytes })
      case 'malformed':
        return settle(broken(parsed.why, bytes, options))
      case 'header':
        return settle(judge(parsed, bytes, options))
      case 'more':
        isHeader = parsed.isHeader
        if (isHeader || options.isTrusted) wait(options.headTimeoutMs)
    }
  }
  const onLost = (): void => {
    stop()
    socket.destroy()
  }

  socket.on('data', onData)
  socket.on('end', onUnfinished)
  socket.on('error', onLost)
  socket.on('close', onLost)
  wait(options.timeoutMs)
  socket.resume()
}
