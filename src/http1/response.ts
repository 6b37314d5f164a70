import { STATUS_CODES } from 'node:http'
import { IS_TOKEN, IS_VALUE } from './bytes.ts'

const CRLF = '\r\n'

/** What follows the payload of a chunk. */
export const CHUNK_END = CRLF

/** The end of a chunked body without trailers. */
export const LAST_CHUNK = '0\r\n\r\n'

/** The interim response that lets a client with `Expect: 100-continue` send its body. */
export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/**
 * A response head up to and with its empty line, to be written as latin1. Always HTTP/1.1, the version of the sender (RFC
 * 9110 section 2.5). Framing and hop-by-hop headers are the caller's business.
 * @param reason without it, the registered phrase of the status.
 * @throws {TypeError} where a field or the reason could split the response, see {@link invalidField}, or the status code is not
 * three digits. Values rendered from a request are checked with `invalidField` first.
 */
export function encodeResponseHead(statusCode: number, reason: string | undefined, headers: readonly string[]): string {
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 999) throw new TypeError('invalid status code')
  const phrase = reason ?? STATUS_CODES[statusCode] ?? ''
  if (!isMadeOf(phrase, IS_VALUE)) throw new TypeError('invalid character in the reason phrase')
  return `HTTP/1.1 ${statusCode} ${phrase}${CRLF}${encodeFields(headers)}${CRLF}`
}

/** Size line of a chunk; payload and `CHUNK_END` follow. `bytes` must not be 0: that would end the body. */
export function encodeChunkHead(bytes: number): string {
  return bytes.toString(16) + CRLF
}

/** A whole chunk, copied into one buffer; for small pieces, where one write beats three. Empty for an empty payload. */
export function encodeChunk(payload: Buffer): Buffer {
  if (payload.length === 0) return payload
  const head = encodeChunkHead(payload.length)
  const chunk = Buffer.allocUnsafe(head.length + payload.length + CRLF.length)
  chunk.write(head, 0, 'latin1')
  payload.copy(chunk, head.length)
  chunk.write(CRLF, head.length + payload.length, 'latin1')
  return chunk
}

/** The end of a chunked body with trailers. @throws {TypeError} like {@link encodeResponseHead}. */
export function encodeLastChunk(trailers: readonly string[]): string {
  return trailers.length === 0 ? LAST_CHUNK : `0${CRLF}${encodeFields(trailers)}${CRLF}`
}

/** The first field that must not be sent, told as a reason that does not repeat the value; undefined where all are fine.
 * Names are tokens; values are latin1 without controls. Code points above 0xff are refused too: as latin1 their low byte
 * may be a CR or LF. */
export function invalidField(headers: readonly string[]): string | undefined {
  if (headers.length % 2 !== 0) return 'header without a value'
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name === '' || !isMadeOf(name, IS_TOKEN)) return 'invalid header name'
    if (!isMadeOf(headers[i + 1] ?? '', IS_VALUE)) return `invalid character in the value of ${name}`
  }
  return undefined
}

function encodeFields(headers: readonly string[]): string {
  const fault = invalidField(headers)
  if (fault !== undefined) throw new TypeError(fault)
  let text = ''
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}${CRLF}`
  return text
}

function isMadeOf(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false
  return true
}

const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'trailer', 'transfer-encoding', 'upgrade']
const HOP_BY_HOP_OF = {
  request: new Set([...HOP_BY_HOP, 'te', 'proxy-authorization']),
  response: new Set([...HOP_BY_HOP, 'te', 'proxy-authenticate']),
}
/** Never dropped on the word of Connection: without them a message is reframed or rerouted. */
const END_TO_END = new Set(['host', 'content-length'])

/** The headers to pass on: without those of this hop (RFC 9110 section 7.6.1) and those that Connection lists. A new array. */
export function withoutHopByHop(headers: readonly string[], of: 'request' | 'response'): string[] {
  const dropped = HOP_BY_HOP_OF[of]
  const listed = listedByConnection(headers)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const lower = name.toLowerCase()
    if (dropped.has(lower) || listed?.has(lower)) continue
    kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

function listedByConnection(headers: readonly string[]): Set<string> | undefined {
  let listed: Set<string> | undefined
  for (const value of headerValues(headers, 'connection')) {
    for (const item of value.toLowerCase().split(',')) {
      const name = item.trim()
      if (name !== 'close' && name !== 'keep-alive' && !END_TO_END.has(name)) listed = (listed ?? new Set()).add(name)
    }
  }
  return listed
}

/** The first value of a header, `lowerName` in lower case; undefined where it is absent. */
export function headerValue(headers: readonly string[], lowerName: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i], lowerName)) return headers[i + 1]
  return undefined
}

/** Every value of a header, in order, not split at commas. */
export function headerValues(headers: readonly string[], lowerName: string): string[] {
  const values: string[] = []
  for (let i = 0; i < headers.length; i += 2) if (isNamed(headers[i], lowerName)) values.push(headers[i + 1] ?? '')
  return values
}

function isNamed(name: string | undefined, lowerName: string): boolean {
  return name !== undefined && name.length === lowerName.length && name.toLowerCase() === lowerName
}
