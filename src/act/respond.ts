/** Answers with a response that an expectation describes. */
import type { MockResponse } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { encodeResponseHead, headerValue } from '../http1/response.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'
import { transfer } from './transfer.ts'

/** The bytes of a response to an HTTP/1.1 client that keeps its connection: the same for every request. */
const encoded = new WeakMap<MockResponse, Buffer>()

const bodyAllowed = (statusCode: number): boolean => statusCode >= 200 && statusCode !== 204 && statusCode !== 304

const encode = (response: MockResponse, body: Buffer, connection: readonly string[]): Buffer => {
  const length =
    bodyAllowed(response.statusCode) && headerValue(response.headers, 'content-length') === undefined
      ? ['content-length', `${response.body.length}`]
      : []
  const headers = [...response.headers, ...length, ...connection]
  const head = encodeResponseHead(response.statusCode, response.reasonPhrase, headers)
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

const plainBytes = (response: MockResponse, body: Buffer): Buffer => {
  if (body.length !== response.body.length) return encode(response, body, [])
  let bytes = encoded.get(response)
  if (!bytes) {
    bytes = encode(response, body, [])
    encoded.set(response, bytes)
  }
  return bytes
}

const bytesFor = (exchange: HttpExchange, response: MockResponse, body: Buffer): Buffer => {
  const isPlain = exchange.request.head.httpVersion === '1.1' && exchange.keepAlive
  if (isPlain) return plainBytes(response, body)
  return encode(response, body, ['connection', exchange.keepAlive ? 'keep-alive' : 'close'])
}

const NO_BODY = Buffer.alloc(0)

const answer = (exchange: HttpExchange, response: MockResponse, done: Done): void => {
  const hasBody = bodyAllowed(response.statusCode)
  const body = exchange.request.head.method === 'HEAD' || !hasBody ? NO_BODY : response.body
  if (response.transfer) {
    const shown = plainBytes(response, body)
    return transfer(exchange, { response, body, hasBody, shown, how: response.transfer }, done)
  }
  const outcome = outcomeOf(exchange, response.statusCode, body.length)
  exchange.sendWhole(bytesFor(exchange, response, body), body.length)
  done(outcome)
}

/** Sends the response, after its delay. */
export const respond = (exchange: HttpExchange, response: MockResponse, done: Done): void =>
  after(exchange, response.delayMs, done, () => answer(exchange, response, done))
