/** One exchange as a recording keeps it: redacted, and taken apart into what requests can be told apart by. */
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { LoggedExchange } from '../control/logged-exchange.ts'
import { type PlainResponse, plainResponse } from '../control/message-json.ts'
import { parseMultipart } from '../decide/matching/multipart.ts'
import { parseQuery } from '../decide/matching/query.ts'
import { headerValue } from '../http1/response.ts'
import { looksSecret } from '../record/redact.ts'
import type { Secrets } from './secrets.ts'
import { isSpelled, parseSpelled, writeSpelled } from './spelled-json.ts'

/** Where a request differs from another: the place, such as `query page` or `body /user/id`, and what stands there. */
export type Features = ReadonlyMap<string, string>

export type RecordedBody =
  | { readonly kind: 'none' }
  /** `text`: as it was sent, but for what was redacted. */
  | { readonly kind: 'json'; readonly value: unknown; readonly text: string }
  | { readonly kind: 'form'; readonly pairs: readonly string[] }
  | { readonly kind: 'multipart'; readonly fields: readonly string[]; readonly filenames: readonly string[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly base64: string }

export interface RecordedResponse {
  readonly statusCode: number
  readonly reasonPhrase: string | undefined
  readonly headers: readonly string[]
  readonly body: Exclude<RecordedBody, { kind: 'form' | 'multipart' }>
}

export interface Pair {
  readonly method: string
  /** Of the Host header, as it was sent. */
  readonly host: string | undefined
  readonly path: string
  /** Decoded. */
  readonly query: readonly string[]
  /** Those that an answer may depend on. */
  readonly headers: readonly string[]
  readonly body: RecordedBody
  readonly response: RecordedResponse
}

/** Headers of one transfer, or of one moment: whoever serves the expectation makes its own. */
const PASSING = new Set(
  'connection content-length transfer-encoding keep-alive date age trailer upgrade proxy-connection x-request-id'.split(
    ' ',
  ),
)
/** Headers of a request that an answer may depend on, beside those that carry secrets. */
const TELLING = new Set(['accept', 'accept-language', 'authorization', 'soapaction', 'x-http-method-override'])
const MAX_DECODED = 16 * 1024 * 1024
const DECODERS = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

/** The bytes before their coding was applied; undefined where they cannot be had, or are too many. */
const decoded = (bytes: Buffer, coding: string): Buffer | undefined => {
  const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding as keyof typeof DECODERS] : undefined
  try {
    return decoder?.(bytes, { maxOutputLength: MAX_DECODED })
  } catch {
    return undefined
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const asText = (bytes: Buffer): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const isJson = (type: string): boolean => /^[^;]*[/+]json\s*(?:;|$)/i.test(type)
const isForm = (type: string): boolean => /^\s*application\/x-www-form-urlencoded\b/i.test(type)

/** Values that stand under the names of secrets, replaced. */
const redactedPairs = (pairs: readonly string[], secrets: Secrets): string[] =>
  pairs.map((text, at) => (at % 2 === 0 ? text : secrets.named(pairs[at - 1] ?? '', text)))

const plainBody = (bytes: Buffer, type: string, secrets: Secrets): RecordedResponse['body'] => {
  if (bytes.length === 0) return { kind: 'none' }
  const text = asText(bytes)
  if (text === undefined) return { kind: 'bytes', base64: bytes.toString('base64') }
  const json = isJson(type) || type === '' ? parseSpelled(text) : undefined
  if (!json) return { kind: 'text', text: secrets.text(text) }
  const value = secrets.json(json.value)
  const written = writeSpelled(value)
  return { kind: 'json', value, text: written === writeSpelled(json.value) ? text : written }
}

const requestBody = (bytes: Buffer, type: string, secrets: Secrets): RecordedBody => {
  if (isForm(type)) {
    return { kind: 'form', pairs: redactedPairs(parseQuery(bytes.toString('utf8')), secrets) }
  }
  const multipart = parseMultipart(bytes, type)
  if (multipart) {
    return { kind: 'multipart', fields: redactedPairs(multipart.fields, secrets), filenames: multipart.filenames }
  }
  return plainBody(bytes, type, secrets)
}

const responseOf = (plain: PlainResponse, secrets: Secrets): RecordedResponse => {
  const coding = headerValue(plain.headers, 'content-encoding')?.toLowerCase() ?? ''
  const whole = coding === '' ? plain.body : decoded(plain.body, coding)
  const type = headerValue(plain.headers, 'content-type') ?? ''
  const headers: string[] = []
  for (let at = 0; at < plain.headers.length; at += 2) {
    const name = plain.headers[at] ?? ''
    const lower = name.toLowerCase()
    if (PASSING.has(lower) || (whole && lower === 'content-encoding')) continue
    headers.push(
      name,
      lower === 'set-cookie'
        ? setCookie(plain.headers[at + 1] ?? '', secrets)
        : secrets.named(name, plain.headers[at + 1] ?? ''),
    )
  }
  const body = whole
    ? plainBody(whole, type, secrets)
    : { kind: 'bytes' as const, base64: plain.body.toString('base64') }
  return { statusCode: plain.statusCode, reasonPhrase: plain.reason || undefined, headers, body }
}

/** The value is the secret; name and attributes are not. */
const setCookie = (line: string, secrets: Secrets): string => {
  const equals = line.indexOf('=')
  const end = line.indexOf(';') === -1 ? line.length : line.indexOf(';')
  if (equals === -1 || equals > end) return line
  return line.slice(0, equals + 1) + secrets.named('set-cookie', line.slice(equals + 1, end)) + line.slice(end)
}

const tellingHeaders = (headers: readonly string[], secrets: Secrets): string[] => {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase() ?? ''
    if (name !== 'cookie' && (TELLING.has(name) || looksSecret(name)))
      kept.push(name, secrets.named(name, headers[at + 1] ?? ''))
  }
  return kept
}

/** Undefined where an exchange cannot be given back: it was not answered, or is not known whole. */
export const pairOf = (entry: LoggedExchange, secrets: Secrets): Pair | undefined => {
  const { head, body, response } = entry
  const plain = response && plainResponse(response, head.method)
  if (!plain || plain.isCut || body.isCut || entry.answeredAtMs === undefined) return undefined
  const type = headerValue(head.headers, 'content-type') ?? ''
  const coding = headerValue(head.headers, 'content-encoding')?.toLowerCase() ?? ''
  const bytes = coding === '' ? body.bytes : decoded(body.bytes, coding)
  return {
    method: head.method,
    host: headerValue(head.headers, 'host'),
    path: secrets.text(head.path),
    query: redactedPairs(parseQuery(head.query), secrets),
    headers: tellingHeaders(head.headers, secrets),
    body: bytes ? requestBody(bytes, type, secrets) : { kind: 'bytes', base64: body.bytes.toString('base64') },
    response: responseOf(plain, secrets),
  }
}

const addPairs = (features: Map<string, string>, place: string, pairs: readonly string[]): void => {
  for (let at = 0; at < pairs.length; at += 2) {
    const key = `${place} ${pairs[at]}`
    const known = features.get(key)
    features.set(key, known === undefined ? (pairs[at + 1] ?? '') : `${known}\n${pairs[at + 1]}`)
  }
}

/** A member of JSON by its pointer (RFC 6901); lists count as one value. */
const addJson = (features: Map<string, string>, value: unknown, pointer: string): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isSpelled(value)) {
    features.set(`body ${pointer}`, writeSpelled(value))
    return
  }
  for (const [key, item] of Object.entries(value)) addJson(features, item, `${pointer}/${pointerPart(key)}`)
}

/** One step of a JSON pointer. */
export const pointerPart = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** What the request can be told from others of the same method, host and path by. */
export const featuresOf = ({ query, headers, body }: Pair): Features => {
  const features = new Map<string, string>()
  addPairs(features, 'query', query)
  addPairs(features, 'header', headers)
  if (body.kind === 'json') addJson(features, body.value, '')
  else if (body.kind === 'form') addPairs(features, 'body', body.pairs)
  else if (body.kind === 'multipart') {
    addPairs(features, 'body', body.fields)
    addPairs(features, 'file', body.filenames)
  } else if (body.kind === 'text') features.set('body', body.text)
  else if (body.kind === 'bytes') features.set('body', body.base64)
  return features
}
