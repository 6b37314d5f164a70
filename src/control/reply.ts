/** Answers of the API: status, text, and the headers that every one of them has. */

import type { HttpExchange } from '../http1/exchange.ts'
import { encodeResponseHead } from '../http1/response.ts'
import { deprecated } from './texts.ts'

export interface Reply {
  readonly status: number
  readonly contentType?: string
  readonly body?: string
  readonly headers?: readonly string[]
}

export const TEXT = 'text/plain; charset=utf-8'
export const JSON_TYPE = 'application/json; charset=utf-8'

export const text = (status: number, body: string): Reply => ({ status, contentType: TEXT, body })
/** An empty list is written without a space, though lists within documents are. */
export const json = (status: number, body: string): Reply => ({
  status,
  contentType: JSON_TYPE,
  body: body === '[ ]' ? '[]' : body,
})

const METHODS = 'CONNECT, DELETE, GET, HEAD, OPTIONS, POST, PUT, PATCH, TRACE'
const ALLOWED_HEADERS =
  'Allow, Content-Encoding, Content-Length, Content-Type, ETag, Expires, Last-Modified, Location, Server, Vary, Authorization'

/** Lets the page that asks read the answer. */
const corsHeaders = (origin: string | undefined): string[] => {
  if (origin === undefined) return []
  return [
    ...['access-control-allow-origin', origin, 'vary', 'origin'],
    ...['access-control-allow-methods', METHODS, 'access-control-allow-headers', ALLOWED_HEADERS],
    ...['access-control-expose-headers', ALLOWED_HEADERS, 'access-control-max-age', '300'],
  ]
}

export interface Answering {
  readonly version: string
  /** Whether the call was made without the prefix. */
  readonly isDeprecated: boolean
  /** The page that may read the answer. */
  readonly origin: string | undefined
}

/** Sends a reply; the exchange is over then. */
export const sendReply = (exchange: HttpExchange, reply: Reply, { version, isDeprecated, origin }: Answering): void => {
  const { head } = exchange.request
  const body = Buffer.from(reply.body ?? '', 'utf8')
  const headers = [
    ...['connection', exchange.keepAlive ? 'keep-alive' : 'close', 'version', version],
    ...(isDeprecated ? ['deprecated', deprecated(head.path)] : []),
    ...(reply.contentType !== undefined && body.length > 0 ? ['content-type', reply.contentType] : []),
    ...(reply.headers ?? []),
    ...corsHeaders(origin),
    ...['content-length', `${body.length}`],
  ]
  const sent = head.method === 'HEAD' ? Buffer.alloc(0) : body
  const start = Buffer.from(encodeResponseHead(reply.status, undefined, headers), 'latin1')
  exchange.sendWhole(Buffer.concat([start, sent]), sent.length)
}
