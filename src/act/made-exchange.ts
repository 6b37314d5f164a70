/** An exchange whose request is another one than the client's: what a template made of it. */
import type { Socket } from 'node:net'
import type { MadeRequest } from '../action.ts'
import type { RequestHead } from '../flow.ts'
import type { BodySink, HttpExchange } from '../http1/exchange.ts'
import type { ParsedRequest } from '../http1/head.ts'

const headOf = (head: RequestHead, { method, path, query, headers }: MadeRequest): RequestHead => {
  const to = { path: path ?? head.path, query: query ?? head.query }
  return {
    ...head,
    ...to,
    method: method ?? head.method,
    target: to.query === '' ? to.path : `${to.path}?${to.query}`,
    headers: headers ?? head.headers,
  }
}

/** Everything but the request is the client's exchange. A class, as the exchange that it stands for. */
export class MadeExchange implements HttpExchange {
  readonly #inner: HttpExchange
  readonly #body: Buffer
  readonly request: ParsedRequest

  constructor(inner: HttpExchange, made: MadeRequest, body: Buffer) {
    this.#inner = inner
    this.#body = made.body ?? body
    // What was asked for beside the request itself, an upgrade above all, was asked of another request.
    this.request = {
      head: headOf(inner.request.head, made),
      framing: this.#body.length === 0 ? { kind: 'none' } : { kind: 'length', bytes: this.#body.length },
      keepAlive: inner.request.keepAlive,
      expectContinue: false,
      length: inner.request.length,
    }
  }

  get startedAtMs(): number {
    return this.#inner.startedAtMs
  }
  get requestBytes(): number {
    return this.#inner.requestBytes
  }
  get responseBytes(): number {
    return this.#inner.responseBytes
  }
  get keepAlive(): boolean {
    return this.#inner.keepAlive
  }
  get onGone(): HttpExchange['onGone'] {
    return this.#inner.onGone
  }
  set onGone(told: HttpExchange['onGone']) {
    this.#inner.onGone = told
  }
  get onDrain(): HttpExchange['onDrain'] {
    return this.#inner.onDrain
  }
  set onDrain(told: HttpExchange['onDrain']) {
    this.#inner.onDrain = told
  }

  takeBody(): Buffer | undefined {
    return this.#body
  }
  collectBody(_limit: number, done: (body: Buffer | 'unavailable') => void): void {
    done(this.#body)
  }
  peekBody(limit: number): Buffer {
    return this.#body.subarray(0, limit)
  }
  readBody(sink: BodySink): void {
    if (this.#body.length > 0) sink.data(this.#body)
    sink.end([])
  }
  resumeBody(): void {
    // All of it was given at once.
  }

  interim(statusCode: number, headers: readonly string[]): void {
    this.#inner.interim(statusCode, headers)
  }
  sendWhole(response: Buffer, payloadBytes: number): void {
    this.#inner.sendWhole(response, payloadBytes)
  }
  start(statusCode: number, reason: string | undefined, headers: readonly string[]): void {
    this.#inner.start(statusCode, reason, headers)
  }
  write(chunk: Buffer): boolean {
    return this.#inner.write(chunk)
  }
  end(trailers: readonly string[]): void {
    this.#inner.end(trailers)
  }
  abort(): void {
    this.#inner.abort()
  }
  takeOver(): { readonly socket: Socket; readonly rest: Buffer } {
    return this.#inner.takeOver()
  }
}
