/**
 * One client connection that speaks HTTP/1.x: requests are read one after the other, answered in order, and the
 * connection is kept, closed or handed over as RFC 9112 says. What an exchange means is decided elsewhere.
 */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import { parseRequestHead } from '../http1/head.ts'
import { reset } from '../reset.ts'
import type { BodyReader } from './body-reader.ts'
import { ClientExchange, DISCARD_BYTES, type ExchangeConnection } from './client-exchange.ts'
import { malformedAnswer } from './malformed.ts'
import type { SessionEvents, SessionOptions } from './session-options.ts'

/** Unparsed bytes held for a connection before its socket is paused. */
const HOLD_BYTES = 64 * 1024
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
export class HttpSession implements ExchangeConnection {
  readonly #socket: Socket
  readonly #options: SessionOptions
  readonly #events: SessionEvents
  readonly #exchange: ClientExchange
  #pending: Buffer = EMPTY
  #scanned = 0
  #stage: Stage = 'head'
  #inputEnded = false
  #draining = false
  #advancing = false
  #lastMovedMs: number
  /** Of the current request, or of the next one's first byte. */
  #startedAtMs: number

  constructor(socket: Socket, options: SessionOptions, events: SessionEvents) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#exchange = new ClientExchange(socket, options, this)
    this.#startedAtMs = options.now()
    this.#lastMovedMs = this.#startedAtMs
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
    } else if (socket.writableNeedDrain || (this.#stage === 'body' && this.#exchange.body?.wanted)) {
      if (stillMs <= stallTimeoutMs) return
      this.#exchange.gone('client_timeout')
      this.reset()
    } else if (this.#stage === 'head') {
      if (this.#pending.length === 0) {
        if (stillMs > idleTimeoutMs) this.#close()
      } else if (nowMs - this.#startedAtMs > headTimeoutMs) {
        this.#refuse(408, 'the request head did not arrive in time')
      }
    }
  }

  /** Closes an idle connection now, a busy one after its exchange; gently, an idle one after its next. */
  drain(isGentle: boolean): void {
    this.#draining = true
    if (!isGentle && this.#stage === 'head' && this.#pending.length === 0) this.#close()
  }

  #onData = (chunk: Buffer): void => {
    if (this.#stage === 'closing' || this.#stage === 'gone') return
    this.#lastMovedMs = this.#options.now()
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    this.advance()
  }

  #onEnd = (): void => {
    this.#inputEnded = true
    this.advance() // finds out whether what has come was complete
  }

  #onFlushed = (): void => {
    this.#lastMovedMs = this.#options.now()
    this.#exchange.onDrain?.()
    if (this.#stage === 'head') this.advance()
  }

  #onError = (): void => {
    this.#exchange.gone('client_reset')
  }

  #onClose = (): void => {
    this.#exchange.gone('client_closed')
    if (this.#stage === 'gone') return
    this.#stage = 'gone'
    this.#events.closed()
  }

  /** Ends our side after the last byte written; `tick` sees to a client that does not end its own. */
  #close(): void {
    if (this.#stage === 'closing') return
    this.#stage = 'closing'
    this.#pending = EMPTY
    this.#socket.end(this.#onFlushed)
    this.#socket.resume()
  }

  reset(): void {
    this.#exchange.close()
    this.#stage = 'closing'
    this.#pending = EMPTY
    reset(this.#socket)
  }

  /** Enough is held that nobody takes yet. A head in the making is bounded by its parser, not here. */
  get #isFull(): boolean {
    return this.#pending.length > HOLD_BYTES && (this.#stage !== 'head' || this.#socket.writableNeedDrain)
  }

  /** Moves through what has arrived, as far as it goes. Re-entrant calls do nothing: the loop is already at it. */
  advance(): void {
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
    if (this.#scanned === 0) this.#startedAtMs = this.#options.now()
    const parsed = parseRequestHead(this.#pending, 0, this.#options.limits, this.#scanned)
    if (parsed.kind === 'more') {
      this.#scanned = parsed.scanned
      return false
    }
    if (parsed.kind === 'bad') {
      if (parsed.limit) this.#options.onLimit(parsed.limit)
      this.#refuse(parsed.status, parsed.why)
      return false
    }
    const { request } = parsed
    this.#pending = this.#pending.length === request.length ? EMPTY : this.#pending.subarray(request.length)
    this.#exchange.begin(request, this.#startedAtMs)
    this.#stage = this.#exchange.bodyDone ? 'answer' : 'body'
    this.#events.exchange(this.#exchange)
    return true
  }

  /** Decodes while somebody takes the payload. */
  #readBody(): boolean {
    const { body } = this.#exchange
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
    if (!this.#exchange.isUnanswered) {
      this.#exchange.gone(fault)
      this.reset()
    } else {
      this.#exchange.gone(fault, 400)
      this.#socket.write(malformedAnswer(400, why).bytes)
      this.#close()
    }
  }

  #refuse(status: number, why: string): void {
    const { bytes, payloadBytes, reason } = malformedAnswer(status, why)
    this.#socket.write(bytes)
    this.#events.malformed(status, reason, payloadBytes, this.#startedAtMs)
    this.#close()
  }

  /** On to the next request, once the rest of this one is out of the way. */
  answered(stays: boolean): void {
    this.#lastMovedMs = this.#options.now()
    if (!stays) this.#close()
    else if (this.#exchange.bodyDone) this.#next()
    else this.#discardBody()
  }

  #next(): void {
    this.#stage = 'head'
    this.#scanned = 0
    this.#exchange.clear()
    // Whoever has just ended this exchange still records it: the next one must not be recorded before.
    if (this.#pending.length > 0 && !this.#advancing) process.nextTick(() => this.advance())
    else this.advance()
  }

  #discardBody(): void {
    let dropped = 0
    this.#exchange.body?.stream({
      data: (chunk) => {
        dropped += chunk.length
        if (dropped > DISCARD_BYTES) this.#close()
        return true
      },
      end: () => this.#next(),
    })
    this.advance()
  }

  get isLast(): boolean {
    return this.#draining || (this.#inputEnded && this.#pending.length === 0)
  }

  moved(): void {
    this.#lastMovedMs = this.#options.now()
  }

  takeWhole(body: BodyReader, limit: number): Buffer | undefined {
    const whole = body.takeWhole(this.#pending, limit)
    if (!whole) return undefined
    this.#pending = whole.rest
    this.#stage = 'answer'
    return whole.body
  }

  takeOver(): { readonly socket: Socket; readonly rest: Buffer } {
    const rest = this.#pending
    const socket = this.#socket
    this.#stage = 'gone'
    this.#exchange.close()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onFlushed)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    this.#events.closed()
    return { socket, rest }
  }
}
