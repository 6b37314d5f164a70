/** Logged requests and responses as MockServer writes them: keys in a fixed order, bodies by their content type. */
import { parseQuery } from '../decide/matching/query.ts'
import type { Endpoint, RequestHead } from '../flow.ts'
import { parseResponseHead } from '../http1/head.ts'
import { DEFAULT_LIMITS } from '../http1/limits.ts'
import { headerValue, headerValues } from '../http1/response.ts'
import type { LoggedExchange, LoggedResponse } from './logged-exchange.ts'
import { readJsonText } from './read-json.ts'

export type Json = Readonly<Record<string, unknown>>

/**
 * How a body is written: `full` says its type too, `with_bytes` the bytes of JSON as well, as before version 8; `compact`
 * is what may be put back as an expectation.
 */
export type BodyForm = 'full' | 'with_bytes' | 'compact'

/** The first key of JSON tells, and its bytes are left out from version 8 on. */
export const fullBody = (major: number): BodyForm => (major < 8 ? 'with_bytes' : 'full')

/** Marks a message of which the log has the start only; the value is how many bytes there were. */
export const CUT_HEADER = 'x-understudy-body-truncated'

/** One plain response, whichever way it was sent. */
export interface PlainResponse {
  readonly statusCode: number
  readonly reason: string | undefined
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly isCut: boolean
  readonly bodyBytes: number
}

/** Names with all their values; the first spelling of a name stands for all. */
export const multiMap = (pairs: readonly string[]): Record<string, string[]> => {
  const byName = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    const known = byName.get(name.toLowerCase())
    if (known) known.values.push(pairs[at + 1] ?? '')
    else byName.set(name.toLowerCase(), { name, values: [pairs[at + 1] ?? ''] })
  }
  return Object.fromEntries([...byName.values()].map(({ name, values }) => [name, values]))
}

const cookiesOf = (headers: readonly string[]): [string, string][] =>
  headerValues(headers, 'cookie')
    .flatMap((line) => line.split(';'))
    .map((part) => part.trim())
    .filter((part) => part.includes('='))
    .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)])

const utf8 = new TextDecoder('utf-8', { fatal: true })
const latin1 = /;\s*charset\s*=\s*"?(?:iso-8859-1|latin1|us-ascii)\b/i

/** The text of a body; undefined where its bytes are none. */
const textOf = (bytes: Buffer, contentType: string): string | undefined => {
  if (latin1.test(contentType)) return bytes.toString('latin1')
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** A body as JSON; one that is not what its content type says is written as text or bytes, never refused. */
export const bodyJson = (bytes: Buffer, contentType: string | undefined, form: BodyForm): unknown => {
  const type = contentType ?? ''
  const text = textOf(bytes, type)
  const typed = contentType === undefined ? {} : { contentType }
  if (text === undefined) return { type: 'BINARY', base64Bytes: bytes.toString('base64'), ...typed }
  const raw = { rawBytes: bytes.toString('base64') }
  if (/^[^;]*[/+]json\s*(?:;|$)/i.test(type)) {
    const read = readJsonText(text)
    if ('value' in read) {
      const isBare = form === 'compact' || /;\s*charset\s*=/i.test(type)
      if (isBare && typeof read.value === 'object' && read.value !== null) return read.value
      return { ...typed, type: 'JSON', json: read.value, ...(form === 'with_bytes' ? raw : {}) }
    }
    return form === 'compact' ? text : { type: 'STRING', string: text, ...raw, ...typed }
  }
  if (contentType === undefined || form === 'compact') {
    return contentType === undefined || isText(type)
      ? text
      : { type: 'BINARY', base64Bytes: bytes.toString('base64'), ...typed }
  }
  if (/^[^;]*[/+]xml\s*(?:;|$)/i.test(type)) return { type: 'XML', xml: text, ...raw, ...typed }
  if (isText(type)) return { type: 'STRING', string: text, ...raw, ...typed }
  return { type: 'BINARY', base64Bytes: bytes.toString('base64'), ...typed }
}

const isText = (type: string): boolean =>
  /^\s*(?:text\/|application\/x-www-form-urlencoded|[^;]*[/+]xml\b|application\/(?:java|ecma)script)/i.test(type)

const cutMark = (isCut: boolean, bytes: number): readonly string[] => (isCut ? [CUT_HEADER, `${bytes}`] : [])

const addressText = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const keepsAlive = ({ httpVersion, headers }: RequestHead): boolean => {
  const connection = headerValue(headers, 'connection')?.toLowerCase()
  return httpVersion === '1.1' ? connection !== 'close' : connection === 'keep-alive'
}

/** What of a logged exchange is its request. */
export type WholeRequest = Pick<LoggedExchange, 'head' | 'client' | 'local'> & {
  readonly body: Pick<LoggedExchange['body'], 'bytes' | 'held' | 'total' | 'isCut'>
}

interface RequestParts {
  readonly headers: Json
  readonly cookies: Json
  readonly query: Json
  readonly keepAlive: boolean
  readonly body: (form: BodyForm) => Json
}

const partsOf = ({ head, body }: WholeRequest): RequestParts => {
  const cookies = cookiesOf(head.headers)
  const query = parseQuery(head.query)
  return {
    headers: { headers: multiMap([...head.headers, ...cutMark(body.isCut, body.total)]) },
    cookies: cookies.length > 0 ? { cookies: Object.fromEntries(cookies) } : {},
    query: query.length > 0 ? { queryStringParameters: multiMap(query) } : {},
    keepAlive: keepsAlive(head),
    body: (form) =>
      body.held > 0 ? { body: bodyJson(body.bytes, headerValue(head.headers, 'content-type'), form) } : {},
  }
}

/** One request beside its answer: keys in the order in which expectations have them, and who spoke to whom. */
export const answeredRequest = (entry: LoggedExchange, major: number): Json => {
  const { headers, cookies, query, keepAlive, body } = partsOf(entry)
  return {
    method: entry.head.method,
    path: entry.head.path,
    ...query,
    ...headers,
    ...cookies,
    keepAlive,
    secure: false,
    protocol: 'HTTP_1_1',
    localAddress: addressText(entry.local),
    remoteAddress: addressText(entry.client),
    ...body(fullBody(major)),
  }
}

/** One request; with `addresses`, who spoke to whom as well. */
export const requestJson = (entry: WholeRequest, form: BodyForm, addresses: boolean): Json => {
  const { headers, cookies, query, keepAlive, body } = partsOf(entry)
  return {
    ...body(form),
    ...cookies,
    ...headers,
    keepAlive,
    ...(addresses ? { localAddress: addressText(entry.local) } : {}),
    method: entry.head.method,
    path: entry.head.path,
    protocol: 'HTTP_1_1',
    ...query,
    ...(addresses ? { remoteAddress: addressText(entry.client) } : {}),
    secure: false,
  }
}

/** One request among others; its protocol is told from version 8 on. */
export const retrievedRequest = (entry: LoggedExchange, major: number): Json => {
  const json = requestJson(entry, fullBody(major), false)
  return major < 8 ? Object.fromEntries(Object.entries(json).filter(([key]) => key !== 'protocol')) : json
}

/** Undefined where what was sent is no HTTP response. */
export const plainResponse = (response: LoggedResponse, method: string): PlainResponse | undefined => {
  if (response.kind === 'streamed') {
    const { statusCode, reason, headers, body } = response
    return { statusCode, reason, headers, body: body.bytes, isCut: body.isCut, bodyBytes: body.total }
  }
  const limits = { ...DEFAULT_LIMITS, maxHeadBytes: response.bytes.length, maxHeaders: Number.MAX_SAFE_INTEGER }
  const parsed = parseResponseHead(response.bytes, 0, limits, method)
  if (parsed.kind !== 'head') return undefined
  const { statusCode, reason, headers, length } = parsed.response
  const body = response.bytes.subarray(length)
  const stated = Number(headerValue(headers, 'content-length') ?? body.length)
  return { statusCode, reason, headers, body, isCut: response.isCut, bodyBytes: stated }
}

/** One response. */
export const responseJson = (
  { statusCode, reason, headers, body, isCut, bodyBytes }: PlainResponse,
  form: BodyForm = 'compact',
): Json => ({
  ...(body.length > 0 ? { body: bodyJson(body, headerValue(headers, 'content-type'), form) } : {}),
  headers: multiMap([...headers, ...cutMark(isCut, bodyBytes)]),
  ...(reason === undefined || reason === '' ? {} : { reasonPhrase: reason }),
  statusCode,
})

/** One response beside its request. */
export const answeredResponse = (sent: PlainResponse, major: number): Json => {
  const { body, headers, reasonPhrase, statusCode } = responseJson(sent, fullBody(major))
  return {
    statusCode,
    ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
    headers,
    ...(body === undefined ? {} : { body }),
  }
}
