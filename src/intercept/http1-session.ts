/**
 * One client connection that speaks HTTP/1.x: requests are read one after the other, answered in order, and the
 * connection is kept, closed or handed over as RFC 9112 says. What an exchange means is decided elsewhere.
 */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import type { BodySink, HttpExchange } from '../http1/exchange.ts'
import { type ParsedRequest, parseRequestHead } from '../http1/head.ts'
import type { Limits } from '../http1/limits.ts'
import { CONTINUE, encodeResponseHead } from '../http1/response.ts'
import { type BodyBudget, BodyReader, type Collected } from './body-reader.ts'
import { createResponseWriter, type ResponseWriter } from './response-writer.ts'

/** Unparsed bytes held for a connection before its socket is paused. */
const HOLD_BYTES = 64 * 1024
/** A body nobody wants is read and dropped up to here, so that the connection can be kept; beyond, it is closed. */
const DISCARD_BYTES = 256 * 1024
/** How long a closed connection may still send, so that our answer is not lost to a reset (RFC 9112 9.6). */
const LINGER_MS = 2000

export interface SessionOptions {
  readonly limits: Limits
  readonly headTimeoutMs: number
  readonly idleTimeoutMs: number
  /** How long a request body or an answer may stand still. */
  readonly stallTimeoutMs: number
  readonly budget: BodyBudget
  readonly now: () => number
}

export interface SessionEvents {
  exchange(exchange: HttpExchange): void
  /** Bytes that are no request: answered here with `status` and closed. */
  malformed(status: number, why: string, startedAtMs: number): void
  closed(): void
}

const EMPTY: Buffer = Buffer.alloc(0)

/**
 * head: waiting for a request · body: its body is still coming · answer: its body is complete, its answer is not ·
 * closing: no more requests, the last bytes leave · gone: closed, or handed over.
 */
type Stage = 'head' | 'body' | 'answer' | 'closing' | 'gone'

const REASONS: Readonly<Record<number, string>> = { 408: 'request_timeout', 417: 'expectation_failed' }

/** A class: as closures, one connection's state machine would be a single function of three hundred lines. */
export class HttpSession implements HttpExchange {
  readonly #socket: Socket
  readonly #options: SessionOptions
  readonly #events: SessionEvents
  readonly #writer: ResponseWriter
  #pending: Buffer = EMPTY
  #scanned = 0
  #stage: Stage = 'head'
  #request: ParsedRequest | undefined
  #body: BodyReader | undefined
  #isOpen = false
  #continued = false
  #inputEnded = false
  #draining = false
  #advancing = false
  #lastMovedMs: number
  startedAtMs: number
  onGone: ((fault: ClientFault) => void) | undefined
  onDrain: (() => void) | undefined

  constructor(socket: Socket, options: SessionOptions, events: SessionEvents) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#writer = createResponseWriter(socket)
    this.startedAtMs = options.now()
    this.#lastMovedMs = this.startedAtMs
  }

  // ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes over the socket; `first` are bytes that have arrived already. */
  begin(first: Buffer): void {
    const socket = this.#socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrainEvent)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    if (first.length > 0) this.#onData(first)
    if (socket.readableEnded) this.#onEnd()
    else if (this.#pending.length <= HOLD_BYTES && this.#stage !== 'gone') socket.resume()
  }

  /** Checks the deadlines; called about once a second. */
  tick(nowMs: number): void {
    const { idleTimeoutMs, headTimeoutMs, stallTimeoutMs } = this.#options
    if (this.#stage === 'head') {
      if (this.#pending.length === 0) {
        if (nowMs - this.#lastMovedMs > idleTimeoutMs) this.#close()
      } else if (nowMs - this.startedAtMs > headTimeoutMs) {
        this.#refuse(408, 'the request head did not arrive in time')
      }
    } else if (this.#isOpen && (this.#stage === 'body' || this.#socket.writableNeedDrain)) {
      if (nowMs - this.#lastMovedMs <= stallTimeoutMs) return
      this.#gone('client_timeout')
      this.#socket.resetAndDestroy()
    }
  }

  /** Closes an idle connection now, a busy one after its exchange. */
  drain(): void {
    this.#draining = true
    if (this.#stage === 'head' && this.#pending.length === 0) this.#close()
  }

  #onData = (chunk: Buffer): void => {
    if (this.#stage === 'closing' || this.#stage === 'gone') return
    this.#lastMovedMs = this.#options.now()
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    this.#advance()
  }

  #onEnd = (): void => {
    this.#inputEnded = true
    if (this.#stage === 'head') this.#close()
    else if (this.#stage === 'body') this.#advance() // finds out whether the body was complete
  }

  #onDrainEvent = (): void => {
    this.#lastMovedMs = this.#options.now()
    this.onDrain?.()
  }

  #onError = (): void => {
    if (this.#isOpen) this.#gone('client_reset')
  }

  #onClose = (): void => {
    if (this.#isOpen) this.#gone('client_closed')
    if (this.#stage === 'gone') return
    this.#stage = 'gone'
    this.#events.closed()
  }

  /** The client is lost to this exchange. */
  #gone(fault: ClientFault): void {
    const tell = this.onGone
    this.#endExchange()
    tell?.(fault)
  }

  #endExchange(): void {
    this.#isOpen = false
    this.onGone = undefined
    this.onDrain = undefined
    this.#body?.drop()
  }

  #close(): void {
    this.#stage = 'closing'
    this.#pending = EMPTY
    const socket = this.#socket
    socket.end()
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    socket.once('close', () => clearTimeout(timer))
  }

  /** Moves through what has arrived, as far as it goes. Re-entrant calls do nothing: the loop is already at it. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    let moved = true
    while (moved) {
      if (this.#stage === 'head') moved = this.#pending.length > 0 && this.#readHead()
      else if (this.#stage === 'body') moved = this.#readBody()
      else moved = false
    }
    this.#advancing = false
    if (this.#stage === 'closing' || this.#stage === 'gone') return
    // Full of bytes nobody takes yet: let the client wait.
    if (this.#pending.length > HOLD_BYTES) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  #readHead(): boolean {
    if (this.#scanned === 0) this.startedAtMs = this.#options.now()
    const parsed = parseRequestHead(this.#pending, 0, this.#options.limits, this.#scanned)
    if (parsed.kind === 'more') {
      this.#scanned = parsed.scanned
      return false
    }
    if (parsed.kind === 'bad') {
      this.#refuse(parsed.status, parsed.why)
      return false
    }
    const { request } = parsed
    this.#request = request
    this.#pending = this.#pending.length === request.length ? EMPTY : this.#pending.subarray(request.length)
    this.#body =
      request.framing.kind === 'none'
        ? undefined
        : new BodyReader(request.framing, this.#options.limits, this.#options.budget)
    this.#continued = false
    this.#isOpen = true
    this.#stage = this.#bodyDone ? 'answer' : 'body'
    this.#events.exchange(this)
    return true
  }

  get #bodyDone(): boolean {
    return this.#body === undefined || this.#body.done
  }

  /** Decodes while somebody takes the payload. */
  #readBody(): boolean {
    const body = this.#body
    if (!body?.wanted) {
      // Nobody is asked to wait for bytes that will never come.
      if (this.#inputEnded && this.#pending.length === 0 && body && !body.hasSink) this.#broken('the body ends early')
      return false
    }
    const { rest, state } = body.feed(this.#pending)
    if (this.#stage !== 'body') return false // whoever took it ended the connection
    this.#pending = rest
    if (state === 'done') {
      this.#stage = 'answer'
      body.tellEnd()
      return true
    }
    if (state === 'bad') this.#broken(body.why)
    else if (this.#inputEnded && body.wanted) this.#broken('the body ends early')
    return false
  }

  /** A body that cannot be read to its end: nothing after it can be either. */
  #broken(why: string): void {
    const answering = this.#writer.started || !this.#isOpen
    this.#gone('client_closed')
    if (answering) this.#socket.resetAndDestroy()
    else this.#refuse(400, why)
  }

  #refuse(status: number, why: string): void {
    const body = Buffer.from(`${why}\n`, 'latin1')
    const head = encodeResponseHead(status, undefined, [
      ...['content-type', 'text/plain', 'content-length', `${body.length}`],
      ...['x-understudy-reason', REASONS[status] ?? 'bad_request', 'connection', 'close'],
    ])
    this.#socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]))
    this.#events.malformed(status, why, this.startedAtMs)
    this.#close()
  }

  /** The answer is complete: on to the next request, once the rest of this one is out of the way. */
  #finish(): void {
    const stays = this.keepAlive
    this.#endExchange()
    this.#lastMovedMs = this.#options.now()
    if (!stays) this.#close()
    else if (this.#bodyDone) this.#next()
    else this.#discardBody()
  }

  #next(): void {
    this.#stage = 'head'
    this.#scanned = 0
    this.#request = undefined
    this.#body = undefined
    this.#writer.reset()
    if (this.#inputEnded && this.#pending.length === 0) this.#close()
    else this.#advance()
  }

  #discardBody(): void {
    let dropped = 0
    this.#body?.stream({
      data: (chunk) => {
        dropped += chunk.length
        if (dropped > DISCARD_BYTES) this.#close()
        return true
      },
      end: () => this.#next(),
    })
    this.#advance()
  }

  /** A client still waiting for 100 may or may not send its body: what follows cannot be told apart. */
  get #owesContinue(): boolean {
    return this.#request?.expectContinue === true && !this.#continued && !this.#bodyDone
  }

  // ── the exchange, as later stages see it ────────────────────────────────────────────────────────────────────────

  get request(): ParsedRequest {
    if (!this.#request) throw new Error('no exchange is open')
    return this.#request
  }
  get requestBytes(): number {
    return this.#body?.payloadBytes ?? 0
  }
  get responseBytes(): number {
    return this.#writer.payloadBytes
  }
  get keepAlive(): boolean {
    const asked = this.#request?.keepAlive === true && !this.#inputEnded && !this.#draining
    return asked && !this.#writer.endsWithClose && !this.#owesContinue
  }

  takeBody(limit: number): Buffer | undefined {
    if (!this.#body) return EMPTY
    const whole = this.#body.takeWhole(this.#pending, limit)
    if (!whole) return undefined
    this.#pending = whole.rest
    this.#stage = 'answer'
    return whole.body
  }

  collectBody(limit: number, done: (body: Collected) => void): void {
    const whole = this.takeBody(limit)
    // Kept for whoever forwards it: the same bytes, already out of the socket.
    if (whole && this.#body) {
      this.#body.keep(whole)
      return done(whole)
    }
    if (!this.#body) return done(EMPTY)
    if (this.#owesContinue) {
      this.#continued = true
      this.#socket.write(CONTINUE, 'latin1')
    }
    this.#body.collect(limit, done)
    this.#advance()
  }

  readBody(sink: BodySink): void {
    if (!this.#body) return sink.end([])
    this.#body.stream(sink)
    this.#advance()
  }

  resumeBody(): void {
    if (!this.#body?.resume()) return
    this.#lastMovedMs = this.#options.now()
    this.#advance()
  }

  interim(statusCode: number, headers: readonly string[]): void {
    if (this.#writer.started || this.request.head.httpVersion === '1.0') return
    if (statusCode === 100 && this.#continued) return
    if (statusCode === 100) this.#continued = true
    this.#socket.write(encodeResponseHead(statusCode, undefined, headers), 'latin1')
  }

  sendWhole(response: Buffer, payloadBytes: number): void {
    this.#writer.whole(response, payloadBytes)
    this.#finish()
  }

  start(statusCode: number, reason: string | undefined, headers: readonly string[]): void {
    this.#writer.start(this.request.head, statusCode, reason, headers, this.keepAlive)
  }

  write(chunk: Buffer): boolean {
    return this.#writer.write(chunk)
  }

  end(trailers: readonly string[]): void {
    this.#writer.end(trailers)
    this.#finish()
  }

  abort(): void {
    this.#endExchange()
    this.#socket.resetAndDestroy()
  }

  takeOver(): { readonly socket: Socket; readonly rest: Buffer } {
    const rest = this.#pending
    const socket = this.#socket
    this.#stage = 'gone'
    this.#endExchange()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onDrainEvent)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    this.#events.closed()
    return { socket, rest }
  }
}
