/** The current exchange of a client connection, as later stages see it: its request, its body, its answer. */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import type { BodySink, HttpExchange, Sending } from '../http1/exchange.ts'
import type { ParsedRequest } from '../http1/head.ts'
import { CONTINUE, encodeResponseHead } from '../http1/response.ts'
import { BodyReader, type Collected } from './body-reader.ts'
import { createResponseWriter, type ResponseWriter } from './response-writer.ts'
import type { SessionOptions } from './session-options.ts'

/** A body nobody wants is read and dropped up to here, so that the connection can be kept; beyond, it is closed. */
export const DISCARD_BYTES = 256 * 1024

const EMPTY: Buffer = Buffer.alloc(0)

/** What an exchange asks of the connection that it is on. */
export interface ExchangeConnection {
  /** No further request is read: the connection ends with this exchange. */
  readonly isLast: boolean
  /** Somebody takes the body now: reads on. */
  advance(): void
  /** The client has not been idle: it was us who paused it. */
  moved(): void
  /** The whole body, if it has arrived and fits. */
  takeWhole(body: BodyReader, limit: number): Buffer | undefined
  /** The answer is complete. */
  answered(stays: boolean): void
  /** What was sent so far must not look complete. */
  reset(): void
  takeOver(): { readonly socket: Socket; readonly rest: Buffer }
}

/** A class: one object serves all exchanges of its connection, so that nothing is made per request but its body. */
export class ClientExchange implements HttpExchange {
  readonly #socket: Socket
  readonly #options: SessionOptions
  readonly #connection: ExchangeConnection
  readonly #writer: ResponseWriter
  #request: ParsedRequest | undefined
  #isOpen = false
  #continued = false
  /** The client was told that the connection ends with this answer. */
  #saidClose = false
  body: BodyReader | undefined
  startedAtMs = 0
  onGone: HttpExchange['onGone']
  onDrain: (() => void) | undefined

  constructor(socket: Socket, options: SessionOptions, connection: ExchangeConnection) {
    this.#socket = socket
    this.#options = options
    this.#connection = connection
    this.#writer = createResponseWriter(socket)
  }

  // ── what its connection does with it ────────────────────────────────────────────────────────────────────────────

  begin(request: ParsedRequest, startedAtMs: number): void {
    const { limits, budget } = this.#options
    this.#request = request
    this.startedAtMs = startedAtMs
    this.body = request.framing.kind === 'none' ? undefined : new BodyReader(request.framing, limits, budget)
    this.#continued = false
    this.#saidClose = false
    this.#isOpen = true
  }

  /** Nothing of an answer has left, and somebody waits for one. */
  get isUnanswered(): boolean {
    return this.#isOpen && !this.#writer.started
  }
  get bodyDone(): boolean {
    return this.body === undefined || this.body.done
  }

  /** The client is lost to this exchange, if it is not over. */
  gone(fault: ClientFault | 'bad_request', status?: number): void {
    const tell = this.onGone
    this.close()
    tell?.(fault, status)
  }

  close(): void {
    this.#isOpen = false
    this.onGone = undefined
    this.onDrain = undefined
    this.body?.drop()
  }

  /** Makes way for the next one; an idle connection holds neither request nor body. */
  clear(): void {
    this.#request = undefined
    this.body = undefined
    this.#writer.reset()
  }

  #answered(stays: boolean): void {
    this.close()
    this.#connection.answered(stays)
  }

  /** A client still waiting for 100 may or may not send its body: what follows cannot be told apart. */
  get #owesContinue(): boolean {
    return this.#request?.expectContinue === true && !this.#continued && !this.bodyDone
  }

  // ── what later stages do with it ────────────────────────────────────────────────────────────────────────────────

  get request(): ParsedRequest {
    if (!this.#request) throw new Error('no exchange is open')
    return this.#request
  }
  get requestBytes(): number {
    return this.body?.payloadBytes ?? 0
  }
  get responseBytes(): number {
    return this.#writer.payloadBytes
  }
  get keepAlive(): boolean {
    return this.#request?.keepAlive === true && this.#mayStay
  }
  get #mayStay(): boolean {
    if (this.#saidClose || this.#connection.isLast) return false
    if (this.body?.leavesMoreThan(DISCARD_BYTES)) return false
    return !this.#writer.endsWithClose && !this.#owesContinue
  }

  takeBody(limit: number): Buffer | undefined {
    return this.body ? this.#connection.takeWhole(this.body, limit) : EMPTY
  }

  collectBody(limit: number, done: (body: Collected) => void): void {
    const { body } = this
    if (!body) return done(EMPTY)
    const whole = this.#connection.takeWhole(body, limit)
    if (whole) {
      // Kept for whoever forwards it: the same bytes, already out of the socket.
      body.keep(whole)
      return done(whole)
    }
    if (this.#owesContinue) {
      this.#continued = true
      this.#socket.write(CONTINUE, 'latin1')
    }
    body.collect(limit, done, () => this.#options.onLimit('body'))
    this.#connection.advance()
  }

  peekBody(limit: number): Buffer {
    return this.body?.peek(limit) ?? EMPTY
  }

  readBody(sink: BodySink): void {
    if (!this.body) return sink.end([])
    this.body.stream(sink)
    this.#connection.advance()
  }

  resumeBody(): void {
    if (!this.body?.resume()) return
    this.#connection.moved()
    this.#connection.advance()
  }

  interim(statusCode: number, headers: readonly string[]): void {
    if (this.#writer.started || this.request.head.httpVersion === '1.0') return
    if (statusCode === 100 && this.#continued) return
    if (statusCode === 100) this.#continued = true
    this.#socket.write(encodeResponseHead(statusCode, undefined, headers), 'latin1')
  }

  sendWhole(response: Buffer, payloadBytes: number, sending?: Sending): void {
    this.#writer.raw(response, payloadBytes)
    this.#answered(sending?.stays === undefined ? this.keepAlive : sending.stays && this.#mayStay)
  }

  sendPart(bytes: Buffer, payloadBytes: number): void {
    this.#writer.raw(bytes, payloadBytes)
  }

  start(statusCode: number, reason: string | undefined, headers: readonly string[], closes = false): void {
    this.#saidClose = closes || !this.keepAlive
    this.#writer.start(this.request.head, statusCode, reason, headers, !this.#saidClose)
  }

  write(chunk: Buffer): boolean {
    return this.#writer.write(chunk)
  }

  end(trailers: readonly string[]): void {
    this.#writer.end(trailers)
    this.#answered(this.keepAlive)
  }

  abort(): void {
    this.#connection.reset()
  }

  takeOver(): { readonly socket: Socket; readonly rest: Buffer } {
    return this.#connection.takeOver()
  }
}
