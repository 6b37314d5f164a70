/**
 * One client connection that speaks HTTP/1.x: requests are read one after the other, answered in order, and the
 * connection is kept, closed or handed over as RFC 9112 says. What an exchange means is decided elsewhere.
 */
import type { Socket } from 'node:net'
import type { ClientFault } from '../flow.ts'
import { type BodyDecoder, createBodyDecoder } from '../http1/body.ts'
import type { BodySink, HttpExchange } from '../http1/exchange.ts'
import { type ParsedRequest, parseRequestHead } from '../http1/head.ts'
import type { Limits } from '../http1/limits.ts'
import { CONTINUE, encodeResponseHead } from '../http1/response.ts'
import { createResponseWriter } from './response-writer.ts'

/** Unparsed bytes held for a connection before its socket is paused. */
const HOLD_BYTES = 64 * 1024
/** A body nobody wants is read and dropped up to here, so that the connection can be kept; beyond, it is closed. */
const DISCARD_BYTES = 256 * 1024
/** How long a closed connection may still send, so that our answer is not lost to a reset (RFC 9112 9.6). */
const LINGER_MS = 2000

/** Memory shared by all bodies that are held for matching. */
export interface BodyBudget {
  take(bytes: number): boolean
  give(bytes: number): void
}

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

export interface HttpSession {
  /** Bytes that arrived before the session took over. */
  begin(first: Buffer): void
  /** Checks the deadlines; called about once a second. */
  tick(nowMs: number): void
  /** Closes an idle connection now, a busy one after its exchange. */
  drain(): void
}

const EMPTY = Buffer.alloc(0)

export const createHttpSession = (socket: Socket, options: SessionOptions, events: SessionEvents): HttpSession => {
  const { limits, budget, now } = options
  const writer = createResponseWriter(socket)
  let pending: Buffer = EMPTY
  let scanned = 0
  let stage: 'head' | 'body' | 'answer' | 'closing' | 'gone' = 'head'
  let request: ParsedRequest | undefined
  let exchangeOpen = false
  let bodyDone = true
  let decoder: BodyDecoder | undefined
  let sink: BodySink | undefined
  let sinkPaused = false
  let held: Buffer[] = []
  let heldBytes = 0
  let startedAtMs = now()
  let lastMovedMs = startedAtMs
  let inputEnded = false
  let draining = false
  let continued = false
  let advancing = false
  let trailers: readonly string[] = []

  const keepsAlive = (): boolean =>
    request !== undefined && request.keepAlive && !inputEnded && !draining && !writer.endsWithClose && !owesContinue()
  /** A client still waiting for 100 may or may not send its body: what follows cannot be told apart. */
  const owesContinue = (): boolean => request?.expectContinue === true && !continued && !bodyDone

  const releaseHeld = (): void => {
    if (heldBytes > 0) budget.give(heldBytes)
    held = []
    heldBytes = 0
  }

  const close = (): void => {
    stage = 'closing'
    pending = EMPTY
    socket.end()
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }

  const finish = (): void => {
    const stays = keepsAlive()
    exchangeOpen = false
    exchange.onGone = undefined
    exchange.onDrain = undefined
    releaseHeld()
    sink = undefined
    sinkPaused = false
    lastMovedMs = now()
    if (!stays) return close()
    if (!bodyDone) discardBody()
    else nextRequest()
  }

  const nextRequest = (): void => {
    stage = 'head'
    scanned = 0
    request = undefined
    writer.reset()
    if (inputEnded && pending.length === 0) return close()
    advance()
  }

  const discardBody = (): void => {
    let dropped = 0
    sink = {
      data: (chunk) => {
        dropped += chunk.length
        if (dropped > DISCARD_BYTES) close()
        return true
      },
      end: nextRequest,
    }
    advance()
  }

  const refuse = (status: number, why: string): void => {
    const body = Buffer.from(`${why}\n`, 'latin1')
    const headers = ['content-type', 'text/plain', 'content-length', `${body.length}`]
    const reason = status === 408 ? 'request_timeout' : status === 417 ? 'expectation_failed' : 'bad_request'
    const head = encodeResponseHead(status, undefined, [
      ...headers,
      'x-understudy-reason',
      reason,
      'connection',
      'close',
    ])
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]))
    events.malformed(status, why, startedAtMs)
    close()
  }

  const readHead = (): boolean => {
    if (scanned === 0) startedAtMs = now()
    const parsed = parseRequestHead(pending, 0, limits, scanned)
    if (parsed.kind === 'more') {
      scanned = parsed.scanned
      return false
    }
    if (parsed.kind === 'bad') {
      refuse(parsed.status, parsed.why)
      return false
    }
    request = parsed.request
    pending = pending.length === request.length ? EMPTY : pending.subarray(request.length)
    bodyDone = request.framing.kind === 'none' || (request.framing.kind === 'length' && request.framing.bytes === 0)
    decoder = bodyDone ? undefined : createBodyDecoder(request.framing, onPayload, limits)
    trailers = []
    continued = false
    exchangeOpen = true
    stage = bodyDone ? 'answer' : 'body'
    events.exchange(exchange)
    return true
  }

  const onPayload = (chunk: Buffer): void => {
    if (sink && !sink.data(chunk)) sinkPaused = true
  }

  /** Decodes while somebody takes the payload. */
  const feedBody = (): boolean => {
    if (!sink || sinkPaused || !decoder) return false
    const progress = decoder.feed(pending, 0)
    if (stage !== 'body') return false // the sink closed the connection
    pending = progress.consumed === pending.length ? EMPTY : pending.subarray(progress.consumed)
    if (progress.state === 'more') {
      if (inputEnded) brokenBody('the request body ends early')
      return false
    }
    if (progress.state === 'bad') {
      brokenBody(progress.why ?? 'malformed body')
      return false
    }
    bodyDone = true
    trailers = decoder.trailers
    stage = 'answer'
    sink.end(trailers)
    return true
  }

  const brokenBody = (why: string): void => {
    const started = writer.started || !exchangeOpen
    gone('client_closed')
    if (started) socket.resetAndDestroy()
    else refuse(400, why)
  }

  const advance = (): void => {
    if (advancing) return
    advancing = true
    let moved = true
    while (moved) {
      if (stage === 'head') moved = pending.length > 0 && !exchangeOpen && readHead()
      else if (stage === 'body') moved = feedBody()
      else moved = false
    }
    advancing = false
    // Full of bytes nobody takes yet: let the client wait.
    if (stage === 'closing' || stage === 'gone') return
    if (pending.length > HOLD_BYTES) socket.pause()
    else if (socket.isPaused()) socket.resume()
  }

  const gone = (fault: ClientFault): void => {
    const tell = exchange.onGone
    exchangeOpen = false
    exchange.onGone = undefined
    exchange.onDrain = undefined
    sink = undefined
    releaseHeld()
    tell?.(fault)
  }

  const onData = (chunk: Buffer): void => {
    if (stage === 'closing' || stage === 'gone') return
    lastMovedMs = now()
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    advance()
  }
  const onEnd = (): void => {
    inputEnded = true
    if (stage === 'head' && !exchangeOpen) close()
    else if (stage === 'body' && (pending.length === 0 || sink)) {
      // The rest of the body will never come.
      gone('client_closed')
      socket.destroy()
    }
  }
  const onDrain = (): void => {
    lastMovedMs = now()
    exchange.onDrain?.()
  }
  const onError = (): void => {
    if (exchangeOpen) gone('client_reset')
  }
  const onClose = (): void => {
    if (exchangeOpen) gone('client_closed')
    if (stage !== 'gone') events.closed()
    stage = 'gone'
    releaseHeld()
  }

  const collect = (limit: number, done: (body: Buffer | 'unavailable') => void): BodySink => {
    let over = false
    return {
      data: (chunk) => {
        over = heldBytes + chunk.length > limit || !budget.take(chunk.length)
        held.push(chunk)
        if (!over) heldBytes += chunk.length
        else {
          sink = undefined // the rest waits for readBody
          done('unavailable')
        }
        return !over
      },
      end: () => done(held.length === 1 && held[0] ? held[0] : Buffer.concat(held)),
    }
  }

  const exchange: HttpExchange = {
    get request() {
      if (!request) throw new Error('no exchange is open')
      return request
    },
    get startedAtMs() {
      return startedAtMs
    },
    get requestBytes() {
      return decoder?.payloadBytes ?? 0
    },
    get responseBytes() {
      return writer.payloadBytes
    },
    get keepAlive() {
      return keepsAlive()
    },
    onGone: undefined,
    onDrain: undefined,

    takeBody: (limit) => {
      if (bodyDone) return held.length > 0 ? Buffer.concat(held) : EMPTY
      const { framing } = exchange.request
      if (framing.kind !== 'length' || framing.bytes > limit || pending.length < framing.bytes || held.length > 0)
        return undefined
      const body = pending.subarray(0, framing.bytes)
      decoder?.feed(pending, 0)
      pending = pending.subarray(framing.bytes)
      bodyDone = true
      stage = 'answer'
      return body
    },
    collectBody: (limit, done) => {
      if (bodyDone) return done(EMPTY)
      if (owesContinue()) {
        continued = true
        socket.write(CONTINUE, 'latin1')
      }
      sink = collect(limit, done)
      advance()
    },
    readBody: (taker) => {
      sinkPaused = false
      for (const chunk of held) if (!taker.data(chunk)) sinkPaused = true
      releaseHeld()
      if (bodyDone) return taker.end(trailers)
      sink = taker
      advance()
    },
    resumeBody: () => {
      if (!sinkPaused) return
      sinkPaused = false
      lastMovedMs = now()
      advance()
    },
    interim: (statusCode, headers) => {
      if (writer.started || exchange.request.head.httpVersion === '1.0') return
      if (statusCode === 100 && continued) return
      if (statusCode === 100) continued = true
      socket.write(encodeResponseHead(statusCode, undefined, headers), 'latin1')
    },
    sendWhole: (response, payloadBytes) => {
      writer.whole(response, payloadBytes)
      finish()
    },
    start: (statusCode, reason, headers) => {
      writer.start(exchange.request.head, statusCode, reason, headers, keepsAlive())
    },
    write: (chunk) => writer.write(chunk),
    end: (ending) => {
      writer.end(ending)
      finish()
    },
    abort: () => {
      exchangeOpen = false
      exchange.onGone = undefined
      sink = undefined
      releaseHeld()
      socket.resetAndDestroy()
    },
    takeOver: () => {
      const rest = pending
      stage = 'gone'
      exchangeOpen = false
      exchange.onGone = undefined
      exchange.onDrain = undefined
      releaseHeld()
      for (const [event, listener] of listeners) socket.off(event, listener)
      events.closed()
      return { socket, rest }
    },
  }

  const listeners = [
    ['data', onData],
    ['end', onEnd],
    ['drain', onDrain],
    ['error', onError],
    ['close', onClose],
  ] as const

  return {
    begin: (first) => {
      for (const [event, listener] of listeners) socket.on(event, listener)
      if (first.length > 0) onData(first)
      if (socket.readableEnded) onEnd()
      else if (pending.length <= HOLD_BYTES) socket.resume()
    },
    tick: (nowMs) => {
      if (stage === 'head' && !exchangeOpen) {
        if (pending.length === 0) {
          if (nowMs - lastMovedMs > options.idleTimeoutMs) close()
        } else if (nowMs - startedAtMs > options.headTimeoutMs) refuse(408, 'the request head did not arrive in time')
      } else if (exchangeOpen && (stage === 'body' || socket.writableNeedDrain)) {
        if (nowMs - lastMovedMs <= options.stallTimeoutMs) return
        gone('client_timeout')
        socket.resetAndDestroy()
      }
    },
    drain: () => {
      draining = true
      if (stage === 'head' && !exchangeOpen && pending.length === 0) close()
    },
  }
}
