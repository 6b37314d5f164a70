import type { RequestHead } from '../flow.ts'
import { CR, LF } from './bytes.ts'
import type { Fields } from './fields.ts'
import { listHas, parseFields } from './fields.ts'
import type { Framing } from './framing.ts'
import { keepsAlive, requestFraming, responseFraming } from './framing.ts'
import { findHeadEnd, holdsLine } from './head-end.ts'
import type { Limits } from './limits.ts'
import { MAX_BLANK_BYTES } from './limits.ts'
import type { RequestLine } from './start-line.ts'
import { parseRequestLine, parseStatusLine } from './start-line.ts'
import { isAuthority, parseTarget } from './target.ts'

/** A bound of `Limits` that a head went over: its bytes (or its target's), or its fields. */
export type HeadLimit = 'head_bytes' | 'headers'
export type BadStatus = 400 | 414 | 417 | 431 | 501 | 505

export interface ParsedRequest {
  readonly head: RequestHead
  readonly framing: Framing
  /** Whether the client wants the connection kept after this exchange. */
  readonly keepAlive: boolean
  /** The client waits for `100 Continue` before it sends the body. Never true without a body. */
  readonly expectContinue: boolean
  /** Upgrade header value, when Connection lists `upgrade`; HTTP/1.1 only. */
  readonly upgrade?: string
  /** Bytes from `start` that the head used, with the empty lines before it and the one that ends it. */
  readonly length: number
}

/** `scanned`: bytes from `start` already searched for the head's end; pass it back with the longer buffer. */
export type RequestParse =
  | { readonly kind: 'head'; readonly request: ParsedRequest }
  | { readonly kind: 'more'; readonly scanned: number }
  | { readonly kind: 'bad'; readonly status: BadStatus; readonly why: string; readonly limit?: HeadLimit }

export interface ParsedResponse {
  readonly statusCode: number
  readonly reason: string
  readonly httpVersion: '1.0' | '1.1'
  /** Name, value, name, value … in the order and spelling received. */
  readonly headers: readonly string[]
  readonly framing: Framing
  readonly keepAlive: boolean
  readonly length: number
}

export type ResponseParse =
  | { readonly kind: 'head'; readonly response: ParsedResponse }
  | { readonly kind: 'more'; readonly scanned: number }
  | { readonly kind: 'bad'; readonly why: string }

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Parses the request head at `start` (RFC 9112 sections 2 to 6, RFC 9110 where it sharpens them). Pure: the same bytes
 * give the same answer however they arrived, except that a bad request line is reported as soon as it is complete.
 *
 * A head that trickles in costs linear time when `scanned` of the last `more` is passed back, and the buffer still begins
 * at the same byte; without it the search restarts, which `maxHeadBytes` bounds.
 */
export function parseRequestHead(buffer: Buffer, start: number, limits: Limits, scanned = 0): RequestParse {
  const first = skipBlankLines(buffer, start)
  if (first < 0) return bad(400, 'stray line ends before the request')
  const bound = start + limits.maxHeadBytes
  const found = findHeadEnd(buffer, Math.max(first, start + scanned - 3), bound)
  if (found < 0) return incompleteRequest(buffer, start, first, limits, scanned)

  const line = parseRequestLine(buffer, first, limits.maxTargetBytes)
  if ('why' in line) return badLine(line.status, line.why)
  const text = buffer.toString('latin1', first, found)
  const fields = parseFields(buffer, line.end, text, first, limits.maxHeaders)
  if ('why' in fields) return bad(fields.status, fields.why, fields.status === 431 ? 'headers' : undefined)
  const method = text.slice(0, line.methodEnd - first)
  const target = text.slice(line.methodEnd + 1 - first, line.targetEnd - first)
  return buildRequest(method, target, line, fields, fields.end - start)
}

/**
 * Parses the response head at `start`. `requestMethod` decides the framing of a HEAD or CONNECT answer. Transfer codings
 * other than chunked are not undone: the payload then is still coded, as the header says.
 */
export function parseResponseHead(
  buffer: Buffer,
  start: number,
  limits: Limits,
  requestMethod: string,
  scanned = 0,
): ResponseParse {
  const bound = start + limits.maxHeadBytes
  const found = findHeadEnd(buffer, Math.max(start, start + scanned - 3), bound)
  if (found < 0) return incompleteResponse(buffer, start, limits, scanned)

  const line = parseStatusLine(buffer, start)
  if ('why' in line) return { kind: 'bad', why: line.why }
  const text = buffer.toString('latin1', start, found)
  const fields = parseFields(buffer, line.end, text, start, limits.maxHeaders)
  if ('why' in fields) return { kind: 'bad', why: fields.why }
  const framing = responseFraming(line.statusCode, requestMethod, fields)
  if ('why' in framing) return { kind: 'bad', why: framing.why }
  const delimited = framing.kind !== 'until_close' && !(line.version === '1.0' && framing.kind === 'chunked')
  return {
    kind: 'head',
    response: {
      statusCode: line.statusCode,
      reason: text.slice(line.reasonStart - start, line.reasonEnd - start),
      httpVersion: line.version,
      headers: fields.headers,
      framing,
      keepAlive: delimited && keepsAlive(line.version, fields.connection),
      length: fields.end - start,
    },
  }
}

function buildRequest(method: string, target: string, line: RequestLine, fields: Fields, length: number): RequestParse {
  const httpVersion = line.version
  const parts = parseTarget(method, target)
  if (typeof parts === 'string') return bad(400, parts)
  const { host } = fields
  if (fields.hostLines > 1) return bad(400, 'more than one Host header')
  if (host === undefined && httpVersion === '1.1') return bad(400, 'no Host header')
  if (host !== undefined && host !== '' && !isAuthority(host)) return bad(400, 'invalid Host header')
  const framing = requestFraming(method, httpVersion, fields)
  if ('why' in framing) return bad(framing.status, framing.why)
  const expects = fields.expect !== undefined && httpVersion === '1.1'
  if (expects && fields.expect?.toLowerCase() !== '100-continue') return bad(417, 'unknown expectation')

  const head: Mutable<RequestHead> = {
    method,
    target,
    path: parts.path,
    query: parts.query,
    httpVersion,
    headers: fields.headers,
  }
  // RFC 9112 section 3.2.2: the authority of an absolute-form target wins over the Host header.
  const named = parts.host ?? host
  if (named) head.host = named
  const hasBody = framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
  const request: Mutable<ParsedRequest> = {
    head,
    framing,
    keepAlive: keepsAlive(httpVersion, fields.connection),
    expectContinue: expects && hasBody,
    length,
  }
  if (fields.upgrade && httpVersion === '1.1' && listHas(fields.connection, 'upgrade')) request.upgrade = fields.upgrade
  return { kind: 'head', request }
}

/** Index of the first byte of the request line; -1 where a bare CR or too many line ends come first. */
function skipBlankLines(buffer: Buffer, start: number): number {
  for (let at = start; ; at++) {
    const byte = buffer[at]
    if (byte !== CR && byte !== LF) return at
    const next = buffer[at + 1]
    if (byte === CR && next !== LF && next !== undefined) return -1
    if (at - start >= MAX_BLANK_BYTES) return -1
  }
}

/** A bad request line is answered at once, not when its head ends: what is not HTTP may never send an empty line. */
function incompleteRequest(
  buffer: Buffer,
  start: number,
  first: number,
  limits: Limits,
  scanned: number,
): RequestParse {
  const bound = start + limits.maxHeadBytes
  const overflows = buffer.length >= bound
  const fresh = !holdsLine(buffer, first, start + scanned)
  if (overflows || (fresh && holdsLine(buffer, first, bound))) {
    const line = parseRequestLine(buffer, first, limits.maxTargetBytes)
    if ('why' in line) return badLine(line.status, line.why)
  }
  if (overflows) return bad(431, `head longer than ${limits.maxHeadBytes} bytes`, 'head_bytes')
  return { kind: 'more', scanned: Math.max(0, buffer.length - start) }
}

function incompleteResponse(buffer: Buffer, start: number, limits: Limits, scanned: number): ResponseParse {
  const bound = start + limits.maxHeadBytes
  const overflows = buffer.length >= bound
  const fresh = !holdsLine(buffer, start, start + scanned)
  if (overflows || (fresh && holdsLine(buffer, start, bound))) {
    const line = parseStatusLine(buffer, start)
    if ('why' in line) return { kind: 'bad', why: line.why }
  }
  if (overflows) return { kind: 'bad', why: `head longer than ${limits.maxHeadBytes} bytes` }
  return { kind: 'more', scanned: Math.max(0, buffer.length - start) }
}

function badLine(status: BadStatus, why: string): RequestParse {
  return bad(status, why, status === 414 ? 'head_bytes' : undefined)
}

function bad(status: BadStatus, why: string, limit?: HeadLimit): RequestParse {
  return limit ? { kind: 'bad', status, why, limit } : { kind: 'bad', status, why }
}
