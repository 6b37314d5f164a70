/**
 * The messages between us and a callback client, as MockServer writes them: `{"type": <Java class>, "value": <JSON as a string>}`.
 * A request and its answer are tied together by a header, which neither the client's code nor ours is to see.
 */
import type { Json } from './message-json.ts'
import { readJsonText } from './read-json.ts'

const CLIENT_ID = 'org.mockserver.serialization.model.WebSocketClientIdDTO'
const REQUEST = 'org.mockserver.model.HttpRequest'
const RESPONSE = 'org.mockserver.model.HttpResponse'
const BOTH = 'org.mockserver.model.HttpRequestAndHttpResponse'
const ERROR = 'org.mockserver.serialization.model.WebSocketErrorDTO'
const CORRELATION = 'WebSocketCorrelationId'

interface Answered<Kind> {
  readonly kind: Kind
  readonly correlationId: string
  readonly value: Json
}

/** What a client says. */
export type ClientMessage =
  | Answered<'response'>
  /** It is to be sent on. */
  | Answered<'request'>
  /** Its code failed. */
  | { readonly kind: 'failure'; readonly correlationId: string; readonly message: string }
  /** Nothing that is known here. */
  | { readonly kind: 'other' }
  | { readonly kind: 'bad'; readonly why: string }

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const write = (type: string, value: Json): string => JSON.stringify({ type, value: JSON.stringify(value) })

export const clientIdMessage = (clientId: string): string => write(CLIENT_ID, { clientId })

type Pair = readonly [name: string, values: unknown]

/**
 * A map of headers in either form. Code that sets one in an object does not mind how the one that was there is spelt: of two
 * spellings, the later counts.
 */
const pairsOf = (headers: unknown): Pair[] => {
  if (isRecord(headers)) {
    const bySpelling = Object.entries(headers).map((pair) => [pair[0].toLowerCase(), pair] as const)
    return [...new Map(bySpelling).values()]
  }
  if (!Array.isArray(headers)) return []
  return headers.filter(isRecord).map(({ name, values, value }) => [String(name), values ?? value])
}

/** The client's code looks it up by name, so the headers are an object. */
const correlated = (request: Json, correlationId: string): Json => ({
  ...request,
  headers: { ...Object.fromEntries(pairsOf(request['headers'])), [CORRELATION]: [correlationId] },
})

export const requestMessage = (request: Json, correlationId: string): string =>
  write(REQUEST, correlated(request, correlationId))

export const answeredMessage = (httpRequest: Json, httpResponse: Json, correlationId: string): string =>
  write(BOTH, { httpRequest: correlated(httpRequest, correlationId), httpResponse })

/** Of one transfer: clients give them back as they came, and they are worked out anew. */
const OF_THE_TRANSFER = new Set(
  'connection content-length expect keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
)
/** What we say of a request beside what can be sent on. */
const OF_THE_REQUEST = new Set(['keepAlive', 'localAddress', 'pathParameters', 'protocol', 'remoteAddress'])

const isCorrelation = ([name]: Pair): boolean => name.toLowerCase() === CORRELATION.toLowerCase()

const first = (values: unknown): unknown => (Array.isArray(values) ? values[0] : values)

/** The message without its correlation, and the correlation. */
const parted = (value: Json): { readonly correlationId: unknown; readonly value: Json } => {
  const { headers, ...rest } = value
  const pairs = pairsOf(headers)
  const kept = pairs.filter((pair) => !isCorrelation(pair) && !OF_THE_TRANSFER.has(pair[0].toLowerCase()))
  return {
    correlationId: first(pairs.find(isCorrelation)?.[1]),
    value: kept.length === 0 ? rest : { ...rest, headers: kept.map(([name, values]) => ({ name, values })) },
  }
}

/** A body as we have written it, which has its bytes beside its text. */
const withoutRawBytes = (body: unknown): unknown => {
  if (!isRecord(body) || typeof body['type'] !== 'string') return body
  const { rawBytes: _, ...rest } = body
  return rest
}

/** What of a message is meant. */
const meant = (value: Json): Json =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => member !== null && !OF_THE_REQUEST.has(key))
      .map(([key, member]) => [key, key === 'body' ? withoutRawBytes(member) : member]),
  )

const isMessage = (kind: string): kind is 'response' | 'request' => kind === 'response' || kind === 'request'

const KINDS: ReadonlyMap<unknown, 'response' | 'request' | 'failure'> = new Map([
  [RESPONSE, 'response'],
  [REQUEST, 'request'],
  [ERROR, 'failure'],
] as const)

const NO_CORRELATION = { kind: 'bad', why: `without ${CORRELATION}` } as const

/** Reads what a client sent; never throws. */
export const readMessage = (text: string): ClientMessage => {
  const outer = readJsonText(text)
  if ('problem' in outer) return { kind: 'bad', why: outer.problem }
  if (!isRecord(outer.value)) return { kind: 'bad', why: 'not an object' }
  const { type, value } = outer.value
  const kind = KINDS.get(type)
  if (kind === undefined) return typeof type === 'string' ? { kind: 'other' } : { kind: 'bad', why: 'without type' }
  const inner = typeof value === 'string' ? readJsonText(value) : { problem: 'value is not a string' }
  if ('problem' in inner) return { kind: 'bad', why: inner.problem }
  if (!isRecord(inner.value)) return { kind: 'bad', why: 'value is not an object' }
  if (isMessage(kind)) {
    const { correlationId, value: message } = parted(inner.value)
    if (typeof correlationId !== 'string') return NO_CORRELATION
    return { kind, correlationId, value: meant(message) }
  }
  const { webSocketCorrelationId, message } = inner.value
  if (typeof webSocketCorrelationId !== 'string') return NO_CORRELATION
  return { kind, correlationId: webSocketCorrelationId, message: typeof message === 'string' ? message : '' }
}
