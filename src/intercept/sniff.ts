import { CR, IS_TARGET, LF, SP } from '../http1/bytes.ts'
import { MAX_BLANK_BYTES, MAX_METHOD_BYTES } from '../http1/limits.ts'

/** What the first bytes of a connection speak; `more`: undecided yet. */
export type Sniffed = 'http1' | 'http2' | 'tls' | 'opaque' | 'more'

export interface SniffResult {
  readonly protocol: Sniffed
  /** With `more`: the bytes begin a registered method or the HTTP/2 preface, so it is worth waiting longer. */
  readonly likelyHttp: boolean
  /** With `opaque`: only because no more than this is ever read. */
  readonly isCut?: true
}

const HTTP1: SniffResult = { protocol: 'http1', likelyHttp: true }
const HTTP2: SniffResult = { protocol: 'http2', likelyHttp: true }
const TLS: SniffResult = { protocol: 'tls', likelyHttp: false }
const OPAQUE: SniffResult = { protocol: 'opaque', likelyHttp: false }
const CUT: SniffResult = { protocol: 'opaque', likelyHttp: false, isCut: true }
const MORE: SniffResult = { protocol: 'more', likelyHttp: false }
const MORE_HTTP: SniffResult = { protocol: 'more', likelyHttp: true }

/** RFC 9113 section 3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** The IANA HTTP Method Registry, less PRI, which only ever begins the HTTP/2 preface. */
const METHODS = (
  'ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY ' +
  'MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND ' +
  'REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL'
).split(' ')

/** Longest first line examined where the method is not a registered one. */
const MAX_LINE_BYTES = 8 * 1024

/** What must follow the target; a digit and a line end come after. */
const VERSION = Buffer.from(' HTTP/1.')

/**
 * Says what a connection speaks from its first bytes; called again with all of them when more have come. Decides at the
 * earliest byte that can decide, and an answer other than `more` is final: longer input gives the same one. A registered
 * method and a space are HTTP whatever follows; any other method only in a whole, well-formed request line, because
 * `PING`, `EHLO host` and the like are lines of other protocols. Reads at most 8 KiB.
 */
export function sniff(bytes: Buffer): SniffResult {
  if (bytes[0] === 0x16) return sniffTls(bytes)
  const start = skipLineEnds(bytes)
  if (start < 0) return OPAQUE
  if (start === bytes.length) return MORE
  if (start === 0 && isPreface(bytes)) return bytes.length < PREFACE.length ? MORE_HTTP : HTTP2

  let at = start
  while (isMethodByte(bytes[at])) if (++at - start > MAX_METHOD_BYTES) return OPAQUE
  const method = bytes.toString('latin1', start, at)
  if (at === bytes.length) return METHODS.some((known) => known.startsWith(method)) ? MORE_HTTP : MORE
  if (bytes[at] !== SP || at === start) return OPAQUE
  return METHODS.includes(method) ? HTTP1 : sniffRestOfLine(bytes, start, at + 1)
}

/** A record of type handshake, legacy version 3.0 to 3.4 (RFC 8446 section 5.1). */
function sniffTls(bytes: Buffer): SniffResult {
  if (bytes.length > 1 && bytes[1] !== 0x03) return OPAQUE
  if (bytes.length < 3) return MORE
  return (bytes[2] ?? 255) <= 0x04 ? TLS : OPAQUE
}

/** `target SP HTTP/1.x` and a line end, from the byte after the method's space. */
function sniffRestOfLine(bytes: Buffer, lineStart: number, from: number): SniffResult {
  const bound = Math.min(bytes.length, lineStart + MAX_LINE_BYTES)
  const undecided = bound === bytes.length ? MORE : CUT
  let at = from
  while (at < bound && IS_TARGET[bytes[at] ?? 0] === 1) at++
  if (at === bound) return undecided
  if (at === from) return OPAQUE
  for (const expected of VERSION) {
    if (at === bound) return undecided
    if (bytes[at++] !== expected) return OPAQUE
  }
  if (at === bound) return undecided
  if (!isDigit(bytes[at++])) return OPAQUE
  if (at < bound && bytes[at] === CR) at++
  if (at === bound) return undecided
  return bytes[at] === LF ? HTTP1 : OPAQUE
}

/** Empty lines before a request are tolerated as the head parser tolerates them; -1 where they are not empty lines. */
function skipLineEnds(bytes: Buffer): number {
  let at = 0
  for (; bytes[at] === CR || bytes[at] === LF; at++) {
    if (at >= MAX_BLANK_BYTES) return -1
    if (bytes[at] === CR && at + 1 < bytes.length && bytes[at + 1] !== LF) return -1
  }
  return at
}

function isPreface(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, PREFACE.length)
  return bytes.compare(PREFACE, 0, length, 0, length) === 0
}

function isMethodByte(byte: number | undefined): boolean {
  if (byte === undefined) return false
  const letter = byte | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || isDigit(byte) || byte === 0x2d || byte === 0x5f
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
