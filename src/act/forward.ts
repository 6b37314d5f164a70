/** Sends an HTTP request on where it was going, over a kept connection, and streams the answer back. */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { HttpExchange } from '../http1/exchange.ts'
import { codedError, upstreamFault } from './fault.ts'
import { type Done, outcomeOf } from './finish.ts'
import { type ForwardOnce, needsOwnConnection } from './forward-once.ts'
import { refuseUpstream } from './refuse.ts'
import { type ForwardTarget, targetFor, upstreamHeaders } from './upstream-request.ts'
import { clientHeaders, type Marker, reasonPhrase } from './upstream-response.ts'
import { hadAnswered, type Upstreams } from './upstreams.ts'

/** A body this small that has already arrived is sent with the head, not streamed. */
const WHOLE_BODY_BYTES = 64 * 1024

export type Forward = (exchange: HttpExchange, target: ForwardTarget, done: Done) => void

/** Names, values, names … of a response, for the client; undici hands them over as bytes. */
const endToEnd = (status: number, raw: unknown, marker?: Marker): string[] => {
  const text: string[] = []
  if (Array.isArray(raw)) {
    for (const item of raw) text.push(Buffer.isBuffer(item) ? item.toString('latin1') : String(item))
  }
  return clientHeaders(status, text, marker)
}

/** Only a request that can be sent again without harm; the connection must have been an idle one too (RFC 9112 9.3.1). */
const mayRetry = (method: string, body: unknown): boolean =>
  body === null && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE')

/** undici's callbacks for one exchange. A class: one is made per request, and closures would cost five times as much. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #exchange: HttpExchange
  readonly #done: Done
  readonly #retry: (() => void) | undefined
  readonly #marker: Marker | undefined
  #status = 0
  #over = false
  #controller: Dispatcher.DispatchController | undefined

  constructor(exchange: HttpExchange, done: Done, retry: (() => void) | undefined, marker: Marker | undefined) {
    this.#exchange = exchange
    this.#done = done
    this.#retry = retry
    this.#marker = marker
    exchange.onGone = (fault, status) => {
      if (this.#over) return
      this.#over = true
      this.#done(outcomeOf(exchange, status ?? (this.#status || undefined), exchange.responseBytes, fault))
      this.#controller?.abort(new Error('the client went away'))
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('the client went away'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, reason?: string): void {
    if (this.#over) return
    if (status === 101) throw codedError('EPROTO', 'an upgrade that nobody asked for')
    const headers = endToEnd(status, controller.rawHeaders, this.#marker)
    if (status < 200) return this.#exchange.interim(status, headers)
    this.#status = status
    this.#exchange.onDrain = () => controller.resume()
    this.#exchange.start(status, reasonPhrase(reason), headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    if (!this.#exchange.write(chunk)) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return
    this.#over = true
    const exchange = this.#exchange
    const outcome = outcomeOf(exchange, this.#status, exchange.responseBytes)
    exchange.end(endToEnd(this.#status, controller.rawTrailers))
    this.#done(outcome)
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#over) return
    this.#over = true
    const exchange = this.#exchange
    const fault = upstreamFault(error)
    if (this.#status === 0) {
      const isStale = (fault === 'upstream_closed' || fault === 'upstream_reset') && hadAnswered(error)
      if (this.#retry && isStale) return this.#retry()
      return refuseUpstream(exchange, fault, error, this.#done)
    }
    const outcome = outcomeOf(exchange, this.#status, exchange.responseBytes, fault)
    exchange.abort()
    this.#done(outcome)
  }
}

/** The body as undici takes it: nothing, a buffer, or a stream that the client fills as fast as the upstream reads. */
const bodyOf = (exchange: HttpExchange): Buffer | Readable | null => {
  if (exchange.request.framing.kind === 'none') return null
  const whole = exchange.takeBody(WHOLE_BODY_BYTES)
  if (whole) return whole
  const stream = new Readable({ read: () => exchange.resumeBody() })
  // undici reads on its own time; an abort must not become an uncaught error.
  stream.on('error', () => undefined)
  exchange.readBody({
    data: (chunk) => stream.push(chunk),
    end: () => stream.push(null),
  })
  return stream
}

const lengthHeader = (exchange: HttpExchange, body: Buffer | Readable | null): readonly string[] => {
  const { framing } = exchange.request
  if (framing.kind === 'length') return ['content-length', `${framing.bytes}`]
  return Buffer.isBuffer(body) ? ['content-length', `${body.length}`] : []
}

export const createForward =
  (upstreams: Upstreams, once: ForwardOnce): Forward =>
  (exchange, target, done) => {
    const { head } = exchange.request
    if (needsOwnConnection(exchange, target)) return once(exchange, target, done)
    const body = bodyOf(exchange)
    const headers = upstreamHeaders(head, target)
    headers.push(...lengthHeader(exchange, body))
    const retry = mayRetry(head.method, body) ? () => once(exchange, target, done) : undefined
    const answer = new Answer(exchange, done, retry, target.marker)
    const options = { path: targetFor(head, target), method: head.method, headers, body }
    try {
      upstreams.dispatch(target.destination, target, options, answer)
    } catch (error) {
      // undici refuses a request it will not send by throwing; the client learns which part it was.
      answer.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
    }
  }
