/** Sends a response in another way than usual: in chunks, with trailers, with framing that is wrong on purpose. */
import type { MockResponse, Transfer } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { encodeChunk, encodeLastChunk, encodeResponseHead } from '../http1/response.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'

export interface Transferred {
  readonly response: MockResponse
  /** What of its body is sent. */
  readonly body: Buffer
  /** Whether an answer of that status has a body at all. */
  readonly hasBody: boolean
  /** The same response as it would be sent as usual. */
  readonly shown: Buffer
  readonly how: Transfer
}

const NOTHING = Buffer.alloc(0)

/** An HTTP/1.0 client knows no chunks. */
const isChunked = (exchange: HttpExchange, { hasBody, how }: Transferred): boolean =>
  hasBody && exchange.request.head.httpVersion === '1.1' && (how.chunkBytes !== undefined || how.trailers.length > 0)

const framing = (chunked: boolean, { response, hasBody, how }: Transferred): string[] => {
  const names = new Set(how.trailers.filter((_, at) => at % 2 === 0))
  if (chunked) return ['transfer-encoding', 'chunked', ...(names.size > 0 ? ['trailer', [...names].join(', ')] : [])]
  if (typeof how.contentLength === 'number') return ['content-length', `${how.contentLength}`]
  return hasBody && how.contentLength === undefined ? ['content-length', `${response.body.length}`] : []
}

const connection = (exchange: HttpExchange, { how }: Transferred): string[] => {
  if (how.connection === 'none') return []
  if (how.connection !== undefined) return ['connection', how.connection]
  if (exchange.request.head.httpVersion === '1.1' && exchange.keepAlive) return []
  return ['connection', exchange.keepAlive ? 'keep-alive' : 'close']
}

const headOf = (exchange: HttpExchange, chunked: boolean, what: Transferred): Buffer => {
  const { statusCode, reasonPhrase, headers } = what.response
  const all = [...headers, ...framing(chunked, what), ...connection(exchange, what)]
  return Buffer.from(encodeResponseHead(statusCode, reasonPhrase, all), 'latin1')
}

/** The bytes that leave one after the other, each with how much of it is body. The head goes with the first. */
function* pieces(exchange: HttpExchange, what: Transferred): Generator<{ bytes: Buffer; payload: number }> {
  const { body, how } = what
  const chunked = isChunked(exchange, what)
  const head = headOf(exchange, chunked, what)
  const isHead = exchange.request.head.method === 'HEAD'
  if (!chunked || isHead) return yield { bytes: Buffer.concat([head, body]), payload: body.length }
  const size = Math.min(how.chunkBytes ?? body.length, body.length)
  const end = Buffer.from(encodeLastChunk(how.trailers), 'latin1')
  for (let at = 0; at === 0 || at < body.length; at += size) {
    const chunk = body.subarray(at, at + size)
    const isLast = at + size >= body.length
    const bytes = [at === 0 ? head : NOTHING, encodeChunk(chunk), isLast ? end : NOTHING]
    yield { bytes: Buffer.concat(bytes), payload: chunk.length }
    if (isLast) return
  }
}

/** Sends the response. A client that goes meanwhile ends it. */
export const transfer = (exchange: HttpExchange, what: Transferred, done: Done): void => {
  const { response, how, shown } = what
  const { statusCode } = response
  const finish = (bytes: Buffer, payload: number): void => {
    const outcome = outcomeOf(exchange, statusCode, exchange.responseBytes + payload)
    exchange.sendWhole(bytes, payload, how.stays === undefined ? { shown } : { shown, stays: how.stays })
    done(outcome)
  }
  const last = (bytes: Buffer, payload: number): void => {
    if (how.stays !== false || how.closeDelayMs === 0) return finish(bytes, payload)
    exchange.sendPart(bytes, payload, shown)
    after(exchange, how.closeDelayMs, done, () => finish(NOTHING, 0), statusCode)
  }
  const all = pieces(exchange, what)
  if (how.chunkDelayMs === 0) {
    const whole = [...all]
    return last(
      Buffer.concat(whole.map(({ bytes }) => bytes)),
      whole.reduce((sum, { payload }) => sum + payload, 0),
    )
  }
  const step = (piece: { bytes: Buffer; payload: number }): void => {
    const next = all.next()
    if (next.done) return last(piece.bytes, piece.payload)
    exchange.sendPart(piece.bytes, piece.payload, shown)
    after(exchange, how.chunkDelayMs, done, () => step(next.value), statusCode)
  }
  const first = all.next()
  if (!first.done) step(first.value)
}
