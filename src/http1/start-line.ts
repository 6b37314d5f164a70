import { CR, HEX_VALUE, IS_TARGET, IS_TOKEN, IS_VALUE, LF, SP } from './bytes.ts'
import { MAX_METHOD_BYTES } from './limits.ts'

/** Buffer indexes of the parts of a request line. */
export interface RequestLine {
  readonly methodEnd: number
  readonly targetEnd: number
  readonly version: '1.0' | '1.1'
  /** After the line's end. */
  readonly end: number
}

export interface StatusLine {
  readonly version: '1.0' | '1.1'
  readonly statusCode: number
  readonly reasonStart: number
  readonly reasonEnd: number
  readonly end: number
}

export interface LineFault {
  readonly status: 400 | 414 | 501 | 505
  readonly why: string
}

const VERSION_BYTES = 'HTTP/1.1'.length
const HTTP_SLASH = [0x48, 0x54, 0x54, 0x50, 0x2f]

/** METHOD SP target SP HTTP/1.x (RFC 9112 section 3), one SP each. Safe on an incomplete line, which is a fault. */
export function parseRequestLine(buffer: Buffer, from: number, maxTargetBytes: number): RequestLine | LineFault {
  let at = from
  while (IS_TOKEN[buffer[at] ?? 0] === 1) {
    if (++at - from > MAX_METHOD_BYTES) return { status: 501, why: `method longer than ${MAX_METHOD_BYTES} bytes` }
  }
  if (at === from || buffer[at] !== SP) return { status: 400, why: 'invalid method' }
  const methodEnd = at
  const targetStart = ++at
  const targetBound = targetStart + maxTargetBytes
  while (IS_TARGET[buffer[at] ?? 0] === 1) {
    if (++at > targetBound) return { status: 414, why: `target longer than ${maxTargetBytes} bytes` }
  }
  if (at === targetStart) return { status: 400, why: 'empty target' }
  if (buffer[at] !== SP) return { status: 400, why: 'request line is not method, target and version' }
  const targetEnd = at
  const version = parseVersion(buffer, at + 1)
  if (typeof version !== 'string') return version
  const end = lineEnd(buffer, at + 1 + VERSION_BYTES)
  return end < 0 ? { status: 400, why: 'bytes after the HTTP version' } : { methodEnd, targetEnd, version, end }
}

/** HTTP/1.x SP three digits SP reason (RFC 9112 section 4); a missing reason may take its SP along. */
export function parseStatusLine(buffer: Buffer, from: number): StatusLine | LineFault {
  const version = parseVersion(buffer, from)
  if (typeof version !== 'string') return version
  let at = from + VERSION_BYTES
  if (buffer[at] !== SP) return { status: 400, why: 'no status code' }
  let statusCode = 0
  for (const last = at + 3; at < last; ) {
    const digit = HEX_VALUE[buffer[++at] ?? 0] ?? 255
    if (digit > 9) return { status: 400, why: 'invalid status code' }
    statusCode = statusCode * 10 + digit
  }
  if (statusCode < 100) return { status: 400, why: 'invalid status code' }
  const reasonStart = buffer[++at] === SP ? ++at : at
  if (buffer[at - 1] === SP) while (IS_VALUE[buffer[at] ?? 0] === 1) at++
  const end = lineEnd(buffer, at)
  return end < 0
    ? { status: 400, why: 'invalid reason phrase' }
    : { version, statusCode, reasonStart, reasonEnd: at, end }
}

/** HTTP/1.2 and up are read as 1.1, the highest minor version known here (RFC 9110 section 2.5). */
function parseVersion(buffer: Buffer, at: number): '1.0' | '1.1' | LineFault {
  for (let i = 0; i < HTTP_SLASH.length; i++) {
    if (buffer[at + i] !== HTTP_SLASH[i]) return { status: 400, why: 'invalid HTTP version' }
  }
  const major = HEX_VALUE[buffer[at + 5] ?? 0] ?? 255
  const minor = HEX_VALUE[buffer[at + 7] ?? 0] ?? 255
  if (major > 9 || buffer[at + 6] !== 0x2e || minor > 9) return { status: 400, why: 'invalid HTTP version' }
  if (major !== 1) return { status: 505, why: 'not HTTP/1.0 or HTTP/1.1' }
  return minor === 0 ? '1.0' : '1.1'
}

/** Index after CRLF or a bare LF at `at`, -1 where there is neither. */
function lineEnd(buffer: Buffer, at: number): number {
  if (buffer[at] === LF) return at + 1
  return buffer[at] === CR && buffer[at + 1] === LF ? at + 2 : -1
}
