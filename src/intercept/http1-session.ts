/**
 * One client connection that speaks HTTP/1.x: requests are read one after the other, answered in order, and the
 * connection is kept, closed or handed over as RFC 9112 says. What an exchange means is decided elsewhere.
 */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import type { BodySink, HttpExchange } from '../http1/exchange.ts'
import { type ParsedRequest, parseRequestHead } from '../http1/head.ts'
import { CONTINUE, encodeResponseHead } from '../http1/response.ts'
import { reset } from '../reset.ts'
import { BodyReader, type Collected } from './body-reader.ts'
import { malformedAnswer } from './malformed.ts'
import { createResponseWriter, type ResponseWriter } from './response-writer.ts'
import type { SessionEvents, SessionOptions } from './session-options.ts'

/** Unparsed bytes held for a connection before its socket is paused. */
const HOLD_BYTES = 64 * 1024
/** A body nobody wants is read and dropped up to here, so that the connection can be kept; beyond, it is closed. */
const DISCARD_BYTES = 256 * 1024
/** How long a closed connection may still send, so that our answer is not lost to a reset (RFC 9112 9.6). */
const LINGER_MS = 2000

const ENDS_EARLY = 'the body ends early'
const EMPTY: Buffer = Buffer.alloc(0)

/**
 * head: waiting for a request · body: its body is still coming · answer: its body is complete, its answer is not ·
 * closing: no more requests, the last bytes leave · gone: closed, or handed over.
 */
type Stage = 'head' | 'body' | 'answer' | 'closing' | 'gone'

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
  /** The client was told that the connection ends with this answer. */
  #saidClose = false
  #inputEnded = false
  #draining = false
  #advancing = false
  #lastMovedMs: number
  startedAtMs: number
  onGone: HttpExchange['onGone']
  onDrain: (() => void) | undefined

  constructor(socket: Socket, options: SessionOptions, events: SessionEvents) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#writer = createResponseWriter(socket)
    this.startedAtMs = options.now()
    this.#lastMovedMs = this.startedAtMs
  }

  /** Takes over the socket; `first` are bytes that have arrived already. */
  begin(first: Buffer): void {
    const socket = this.#socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onFlushed)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    if (first.length > 0) this.#onData(first)
    if (socket.readableEnded) this.#onEnd()
    else if (this.#stage !== 'gone' && !this.#isFull) socket.resume()
  }

  /** Checks the deadlines; called about once a second. */
  tick(nowMs: number): void {
    const { idleTimeoutMs, headTimeoutMs, stallTimeoutMs } = this.#options
    const stillMs = nowMs - this.#lastMovedMs
    const socket = this.#socket
    if (this.#stage === 'closing') {
      if (!socket.writableFinished && stillMs > stallTimeoutMs) reset(socket)
      else if (socket.writableFinished && stillMs > LINGER_MS) socket.destroy()
    } else if (socket.writableNeedDrain || (this.#stage === 'body' && this.#body?.wanted)) {
      if (stillMs <= stallTimeoutMs) return
      this.#gone('client_timeout')
      this.#reset()
    } else if (this.#stage === 'head') {
      if (this.#pending.length === 0) {
        if (stillMs > idleTimeoutMs) this.#close()
      } else if (nowMs - this.startedAtMs > headTimeoutMs) {
        this.#refuse(408, 'the request head did not arrive in time')
      }
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
    this.#advance() // finds out whether what has come was complete
  }

  #onFlushed = (): void => {
    this.#lastMovedMs = this.#options.now()
    this.onDrain?.()
    if (this.#stage === 'head') this.#advance()
  }

  #onError = (): void => {
    this.#gone('client_reset')
  }

  #onClose = (): void => {
    this.#gone('client_closed')
    if (this.#stage === 'gone') return
    this.#stage = 'gone'
    this.#events.closed()
  }

  /** The client is lost to this exchange, if there is one. */
  #gone(fault: ClientFault | 'bad_request', status?: number): void {
    const tell = this.onGone
    this.#endExchange()
    tell?.(fault, status)
  }

  #endExchange(): void {
    this.#isOpen = false
    this.onGone = undefined
    this.onDrain = undefined
    this.#body?.drop()
  }

  /** Ends our side after the last byte written; `tick` sees to a client that does not end its own. */
  #close(): void {
    if (this.#stage === 'closing') return
    this.#stage = 'closing'
    this.#pending = EMPTY
    this.#socket.end(this.#onFlushed)
    this.#socket.resume()
  }

  /** What was sent so far must not look complete. */
  #reset(): void {
    this.#endExchange()
    this.#stage = 'closing'
    this.#pending = EMPTY
    reset(this.#socket)
  }

  /** Enough is held that nobody takes yet. A head in the making is bounded by its parser, not here. */
  get #isFull(): boolean {
    return this.#pending.length > HOLD_BYTES && (this.#stage !== 'head' || this.#socket.writableNeedDrain)
  }

  /** Moves through what has arrived, as far as it goes. Re-entrant calls do nothing: the loop is already at it. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    const socket = this.#socket
    let moved = true
    while (moved) {
      // A client that does not read its answers gets no further ones: they would pile up here.
      if (this.#stage === 'head') moved = this.#pending.length > 0 && !socket.writableNeedDrain && this.#readHead()
      else if (this.#stage === 'body') moved = this.#readBody()
      else moved = false
    }
    this.#advancing = false
    if (this.#stage === 'closing' || this.#stage === 'gone') return
    if (this.#stage === 'head' && this.#inputEnded && (this.#pending.length === 0 || !socket.writableNeedDrain)) {
      return this.#close()
    }
    if (this.#isFull) socket.pause()
    else if (socket.isPaused()) socket.resume()
  }

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
    this.#saidClose = false
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
      if (this.#inputEnded && this.#pending.length === 0 && body && !body.hasSink)
        this.#broken('client_closed', ENDS_EARLY)
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
    if (state === 'bad') this.#broken('bad_request', body.why)
    else if (this.#inputEnded && body.wanted) this.#broken('client_closed', ENDS_EARLY)
    return false
  }

  /** A body that cannot be read to its end: nothing after it can be either. */
  #broken(fault: ClientFault | 'bad_request', why: string): void {
    if (this.#writer.started || !this.#isOpen) {
      this.#gone(fault)
      this.#reset()
    } else {
      this.#gone(fault, 400)
      this.#socket.write(malformedAnswer(400, why).bytes)
      this.#close()
    }
  }

  #refuse(status: number, why: string): void {
    const { bytes, payloadBytes, reason } = malformedAnswer(status, why)
    this.#socket.write(bytes)
    this.#events.malformed(status, reason, payloadBytes, this.startedAtMs)
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
    // Whoever has just ended this exchange still records it: the next one must not be recorded before.
    if (this.#pending.length > 0 && !this.#advancing) process.nextTick(() => this.#advance())
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
    if (this.#request?.keepAlive !== true || this.#draining || this.#saidClose) return false
    if (this.#inputEnded && this.#pending.length === 0) return false
    if (this.#body?.leavesMoreThan(DISCARD_BYTES)) return false
    return !this.#writer.endsWithClose && !this.#owesContinue
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
    this.#saidClose = !this.keepAlive
    this.#writer.start(this.request.head, statusCode, reason, headers, !this.#saidClose)
  }

  write(chunk: Buffer): boolean {
    return this.#writer.write(chunk)
  }

  end(trailers: readonly string[]): void {
    this.#writer.end(trailers)
    this.#finish()
  }

  abort(): void {
    this.#reset()
  }

  takeOver(): { readonly socket: Socket; readonly rest: Buffer } {
    const rest = this.#pending
    const socket = this.#socket
    this.#stage = 'gone'
    this.#endExchange()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onFlushed)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    this.#events.closed()
    return { socket, rest }
  }
}
