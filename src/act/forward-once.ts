/**
 * One exchange over an upstream connection of its own: for what a pooled client cannot say. Expect: 100-continue goes
 * through to the upstream, Upgrade and CONNECT become a relay, trailers and `OPTIONS *` are kept.
 */
import type { Socket } from 'node:net'
import { createBodyDecoder } from '../http1/body.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { type ParsedResponse, parseResponseHead } from '../http1/head.ts'
import type { Limits } from '../http1/limits.ts'
import {
  CHUNK_END,
  encodeChunkHead,
  encodeLastChunk,
  encodeResponseHead,
  headerValue,
  withoutHopByHop,
} from '../http1/response.ts'
import type { Dial } from './dial.ts'
import { codedError, upstreamFault } from './fault.ts'
import { type Done, nowMs, outcomeOf } from './finish.ts'
import { refuseUpstream } from './refuse.ts'
import { relay } from './relay.ts'
import { type ForwardTarget, originForm, upstreamHeaders } from './upstream-request.ts'
import { connectWithin } from './upstreams.ts'

export type ForwardOnce = (exchange: HttpExchange, target: ForwardTarget, done: Done) => void

export interface ForwardOnceOptions {
  readonly limits: Limits
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  /** How long the upstream's answer may stand still. */
  readonly bodyTimeoutMs: number
}

const EMPTY: Buffer = Buffer.alloc(0)

/** What undici will not send, or would send otherwise. */
export const needsOwnConnection = (exchange: HttpExchange): boolean => {
  const { request } = exchange
  return (
    request.upgrade !== undefined ||
    request.expectContinue ||
    request.head.method === 'CONNECT' ||
    request.head.target === '*' ||
    headerValue(request.head.headers, 'trailer') !== undefined
  )
}

const requestHead = (exchange: HttpExchange, target: ForwardTarget, chunked: boolean): string => {
  const { head, upgrade, framing } = exchange.request
  const headers = upstreamHeaders(head, target.host)
  if (framing.kind === 'length') headers.push('content-length', `${framing.bytes}`)
  if (chunked) headers.push('transfer-encoding', 'chunked')
  const trailer = headerValue(head.headers, 'trailer')
  if (trailer !== undefined && chunked) headers.push('trailer', trailer)
  if (exchange.request.expectContinue) headers.push('expect', '100-continue')
  if (upgrade !== undefined) headers.push('connection', 'upgrade', 'upgrade', upgrade)
  else if (head.method !== 'CONNECT') headers.push('connection', 'close')
  const verbatim = head.method === 'CONNECT' || head.target === '*'
  // The encoder of response heads checks every field; only the first line differs.
  const fields = encodeResponseHead(200, undefined, headers)
  return `${head.method} ${verbatim ? head.target : originForm(head)} HTTP/1.1${fields.slice(fields.indexOf('\r\n'))}`
}

/** Sends the body as the client sends it. */
const sendBody = (exchange: HttpExchange, upstream: Socket, chunked: boolean): void => {
  upstream.on('drain', () => exchange.resumeBody())
  exchange.readBody({
    data: (chunk) => {
      if (!chunked) return upstream.write(chunk)
      upstream.cork()
      upstream.write(encodeChunkHead(chunk.length), 'latin1')
      upstream.write(chunk)
      const more = upstream.write(CHUNK_END, 'latin1')
      upstream.uncork()
      return more
    },
    end: (trailers) => {
      if (chunked) upstream.write(encodeLastChunk(trailers), 'latin1')
    },
  })
}

/** 101, or 2xx to CONNECT: what follows is no longer HTTP. */
const switches = (exchange: HttpExchange, response: ParsedResponse): boolean =>
  response.statusCode === 101
    ? exchange.request.upgrade !== undefined
    : exchange.request.head.method === 'CONNECT' && response.statusCode >= 200 && response.statusCode < 300

const converse = (exchange: HttpExchange, upstream: Socket, options: ForwardOnceOptions, done: Done): void => {
  let pending: Buffer = EMPTY
  let scanned = 0
  let status: number | undefined
  let over = false
  let feed: ((chunk: Buffer) => void) | undefined

  const end = (): void => {
    over = true
    upstream.destroy()
  }
  const fail = (error: unknown): void => {
    if (over) return
    end()
    const fault = upstreamFault(error)
    if (status === undefined) return refuseUpstream(exchange, fault, (error as Error).message, done)
    const outcome = outcomeOf(exchange, status, exchange.responseBytes, fault)
    exchange.abort()
    done(outcome)
  }
  const complete = (trailers: readonly string[]): void => {
    if (over) return
    end()
    const outcome = outcomeOf(exchange, status, exchange.responseBytes)
    exchange.end(trailers)
    done(outcome)
  }

  const handOver = (response: ParsedResponse): void => {
    over = true
    const { requestBytes, startedAtMs } = exchange
    const { socket, rest } = exchange.takeOver()
    const head = encodeResponseHead(response.statusCode, response.reason || undefined, response.headers)
    upstream.removeAllListeners()
    upstream.on('error', () => undefined)
    socket.write(head, 'latin1')
    relay(
      socket,
      upstream,
      { fromClient: rest, fromUpstream: pending },
      { halfClosedTimeoutMs: options.bodyTimeoutMs },
      (ended) =>
        done({
          status: response.statusCode,
          ...(ended.fault ? { fault: ended.fault } : {}),
          requestBytes: requestBytes + ended.sentBytes,
          responseBytes: ended.receivedBytes,
          durationMs: nowMs() - startedAtMs,
        }),
    )
  }

  const answer = (response: ParsedResponse): void => {
    const { statusCode } = response
    status = statusCode
    upstream.setTimeout(options.bodyTimeoutMs)
    exchange.onDrain = () => upstream.resume()
    exchange.start(statusCode, response.reason || undefined, withoutHopByHop(response.headers, 'response'))
    const decoder = createBodyDecoder(
      response.framing,
      (chunk) => {
        if (!exchange.write(chunk)) upstream.pause()
      },
      options.limits,
    )
    feed = (chunk) => {
      const progress = decoder.feed(chunk, 0)
      if (progress.state === 'done') complete(decoder.trailers)
      else if (progress.state === 'bad') fail(codedError('EPROTO', progress.why ?? 'malformed response body'))
    }
    upstream.once('end', () => {
      if (response.framing.kind === 'until_close') complete([])
      else fail(codedError('UND_ERR_SOCKET', 'the upstream closed in the middle of its answer'))
    })
    const rest = pending
    pending = EMPTY
    feed(rest)
  }

  const readHeads = (): void => {
    while (!over && !feed) {
      const parsed = parseResponseHead(pending, 0, options.limits, exchange.request.head.method, scanned)
      if (parsed.kind === 'more') {
        scanned = parsed.scanned
        return
      }
      if (parsed.kind === 'bad') return fail(codedError('EPROTO', parsed.why))
      pending = pending.subarray(parsed.response.length)
      scanned = 0
      if (switches(exchange, parsed.response)) return handOver(parsed.response)
      if (parsed.response.statusCode >= 200) return answer(parsed.response)
      if (parsed.response.statusCode === 101) return fail(codedError('EPROTO', 'an upgrade nobody asked for'))
      exchange.interim(parsed.response.statusCode, withoutHopByHop(parsed.response.headers, 'response'))
    }
  }

  exchange.onGone = (fault) => {
    if (over) return
    end()
    done(outcomeOf(exchange, status, exchange.responseBytes, fault))
  }
  upstream.setTimeout(options.headersTimeoutMs)
  upstream.on('timeout', () => fail(codedError('ETIMEDOUT', 'the upstream kept silent')))
  upstream.on('error', fail)
  upstream.on('data', (chunk: Buffer) => {
    if (over) return
    if (feed) return feed(chunk)
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    readHeads()
  })
  upstream.on('close', () => fail(codedError('UND_ERR_SOCKET', 'the upstream closed without an answer')))
}

export const createForwardOnce =
  (dial: Dial, options: ForwardOnceOptions): ForwardOnce =>
  (exchange, target, done) => {
    let gone = false
    exchange.onGone = (fault) => {
      gone = true
      done(outcomeOf(exchange, undefined, 0, fault))
    }
    connectWithin(dial, target.destination, target.source, options.connectTimeoutMs, (error, upstream) => {
      if (gone) return upstream?.destroy()
      if (error || !upstream) return refuseUpstream(exchange, upstreamFault(error), error?.message ?? '', done)
      const chunked = exchange.request.framing.kind === 'chunked'
      upstream.setNoDelay(true)
      converse(exchange, upstream, options, done)
      upstream.write(requestHead(exchange, target, chunked), 'latin1')
      if (exchange.request.framing.kind !== 'none') sendBody(exchange, upstream, chunked)
    })
  }
