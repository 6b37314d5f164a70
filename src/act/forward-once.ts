/**
 * One exchange over an upstream connection of its own: for what a pooled client cannot say. Expect: 100-continue goes
 * through to the upstream, Upgrade and CONNECT become a relay, trailers and `OPTIONS *` are kept.
 */
import type { Socket } from 'node:net'
import type { HttpExchange } from '../http1/exchange.ts'
import { CHUNK_END, encodeChunkHead, encodeLastChunk, encodeResponseHead, headerValue } from '../http1/response.ts'
import { Conversation, type ConversationOptions } from './conversation.ts'
import type { Dial } from './dial.ts'
import { codedError, upstreamFault } from './fault.ts'
import { type Done, outcomeOf } from './finish.ts'
import { refuseUpstream } from './refuse.ts'
import { type ForwardTarget, targetFor, upgradeHeaders, upgradeOf, upstreamHeaders } from './upstream-request.ts'
import { connectWithin } from './upstreams.ts'

export type ForwardOnce = (exchange: HttpExchange, target: ForwardTarget, done: Done) => void

export interface ForwardOnceOptions extends ConversationOptions {
  readonly connectTimeoutMs: number
}

/** What undici will not send, or would send otherwise. */
export const needsOwnConnection = (exchange: HttpExchange, { verbatim }: ForwardTarget): boolean => {
  const { request } = exchange
  return (
    upgradeOf(exchange) !== undefined ||
    request.expectContinue ||
    request.head.method === 'CONNECT' ||
    request.head.target === '*' ||
    (verbatim && !/^(?:\/|https?:\/\/)/.test(request.head.target)) ||
    headerValue(request.head.headers, 'trailer') !== undefined
  )
}

const requestHead = (exchange: HttpExchange, target: ForwardTarget, chunked: boolean): string => {
  const { head, framing } = exchange.request
  const headers = upstreamHeaders(head, target)
  if (framing.kind === 'length') headers.push('content-length', `${framing.bytes}`)
  if (chunked) headers.push('transfer-encoding', 'chunked')
  const trailer = headerValue(head.headers, 'trailer')
  if (trailer !== undefined && chunked) headers.push('trailer', trailer)
  if (exchange.request.expectContinue) headers.push('expect', '100-continue')
  if (upgradeOf(exchange) !== undefined) headers.push(...upgradeHeaders(head))
  else if (head.method !== 'CONNECT') headers.push('connection', 'close')
  // The encoder of response heads checks every field; only the first line differs.
  const fields = encodeResponseHead(200, undefined, headers)
  return `${head.method} ${targetFor(head, target)} HTTP/1.1${fields.slice(fields.indexOf('\r\n'))}`
}

/** Sends the body as the client sends it. */
const sendBody = (exchange: HttpExchange, upstream: Socket, chunked: boolean, sent: () => void): void => {
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
      sent()
    },
  })
}

export const createForwardOnce =
  (dial: Dial, options: ForwardOnceOptions): ForwardOnce =>
  (exchange, target, done) => {
    let gone = false
    exchange.onGone = (fault, status) => {
      gone = true
      done(outcomeOf(exchange, status, 0, fault))
    }
    connectWithin(dial, target.destination, target, options.connectTimeoutMs, (error, upstream) => {
      if (gone) return upstream?.destroy()
      if (error || !upstream) return refuseUpstream(exchange, upstreamFault(error), error, done)
      const chunked = exchange.request.framing.kind === 'chunked'
      const marked = target.marker ? { marker: target.marker } : {}
      upstream.setNoDelay(true)
      const conversation = new Conversation(exchange, upstream, { ...options, ...marked }, done)
      try {
        upstream.write(requestHead(exchange, target, chunked), 'latin1')
      } catch (cause) {
        return conversation.fail(codedError('EPROTO', String(cause)))
      }
      if (exchange.request.framing.kind === 'none') conversation.requestSent()
      else sendBody(exchange, upstream, chunked, () => conversation.requestSent())
    })
  }
