import type { Fields } from './fields.ts'
import { listHas } from './fields.ts'

/** How a body ends (RFC 9112 section 6). `until_close` exists in responses only. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until_close' }

export interface FramingFault {
  readonly status: 400 | 501
  readonly why: string
}

const NONE: Framing = { kind: 'none' }
const CHUNKED: Framing = { kind: 'chunked' }
const UNTIL_CLOSE: Framing = { kind: 'until_close' }

/** RFC 9112 section 6.3 for requests, with every ambiguity refused: two readers that disagree on where a body ends are
 * how requests get smuggled. */
export function requestFraming(method: string, version: '1.0' | '1.1', fields: Fields): Framing | FramingFault {
  const { transferEncoding, contentLength } = fields
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return { status: 400, why: 'both transfer-encoding and content-length' }
    if (version === '1.0') return { status: 400, why: 'transfer-encoding in HTTP/1.0' }
    const codings = codingsOf(transferEncoding)
    if (codings.indexOf('chunked') !== codings.length - 1)
      return { status: 400, why: 'chunked is not the last transfer coding' }
    if (codings.length > 1) return { status: 501, why: 'transfer coding other than chunked' }
    // What follows a CONNECT head is the tunnel: a body there is read differently by every server.
    return method === 'CONNECT' ? { status: 400, why: 'CONNECT with a body' } : CHUNKED
  }
  if (contentLength === undefined) return NONE
  const bytes = parseContentLength(contentLength)
  if (bytes === undefined) return { status: 400, why: 'invalid content-length' }
  if (method === 'CONNECT') return bytes === 0 ? NONE : { status: 400, why: 'CONNECT with a body' }
  return { kind: 'length', bytes }
}

/** RFC 9112 section 6.3 for responses; both length headers at once are refused there too. */
export function responseFraming(statusCode: number, requestMethod: string, fields: Fields): Framing | FramingFault {
  const { transferEncoding, contentLength } = fields
  if (transferEncoding !== undefined && contentLength !== undefined) {
    return { status: 400, why: 'both transfer-encoding and content-length' }
  }
  const bytes = contentLength === undefined ? 0 : parseContentLength(contentLength)
  if (bytes === undefined) return { status: 400, why: 'invalid content-length' }
  if (requestMethod === 'HEAD' || statusCode < 200 || statusCode === 204 || statusCode === 304) return NONE
  if (requestMethod === 'CONNECT' && statusCode < 300) return NONE
  if (transferEncoding !== undefined) {
    const codings = codingsOf(transferEncoding)
    const first = codings.indexOf('chunked')
    if (first !== codings.lastIndexOf('chunked')) return { status: 400, why: 'chunked twice' }
    return first >= 0 && first === codings.length - 1 ? CHUNKED : UNTIL_CLOSE
  }
  return contentLength === undefined ? UNTIL_CLOSE : { kind: 'length', bytes }
}

/** Persistence by version and Connection (RFC 9112 section 9.3); `close` wins over `keep-alive`. */
export function keepsAlive(version: '1.0' | '1.1', connection: string | undefined): boolean {
  if (connection === undefined) return version === '1.1'
  if (listHas(connection, 'close')) return false
  return version === '1.1' || listHas(connection, 'keep-alive')
}

function codingsOf(transferEncoding: string): string[] {
  return transferEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
}

/** Digits only, `5` or the same value repeated (`5, 5`, RFC 9110 section 8.6), at most 2^53-1. */
function parseContentLength(value: string): number | undefined {
  if (!value.includes(',')) return digits(value)
  const [first, ...others] = value.split(',').map((item) => digits(item.trim()))
  return others.every((other) => other === first) ? first : undefined
}

function digits(value: string): number | undefined {
  if (value.length === 0) return undefined
  let number = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
    if (number > Number.MAX_SAFE_INTEGER) return undefined
  }
  return number
}
