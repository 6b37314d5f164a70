/**
 * WebSockets (RFC 6455) on connections whose request asks for one. The protocol is spoken by `ws`, which is loaded with the first
 * of them.
 */
import { createHash } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type * as Ws from 'ws'
import type { RequestHead } from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import { encodeResponseHead, headerValue, headerValues } from './http1/response.ts'

export type WebSocket = Ws.WebSocket

export interface AcceptOptions {
  /** Chosen if the client offers it. */
  readonly subprotocol?: string | undefined
  /** Header lines of the answer beside those of the handshake. */
  readonly headers?: readonly string[]
  /** Most bytes of one message; a larger one ends the connection (1009). */
  readonly maxMessageBytes: number
  readonly onTooLarge: () => void
}

export interface WebSockets {
  /** Answers the handshake and takes the connection; undefined where the client is gone already. For requests that
   * `handshakeProblem` has nothing against. */
  accept(exchange: HttpExchange, options: AcceptOptions): WebSocket | undefined
  /** Tells all of them that the server goes away. */
  close(): void
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const GOING_AWAY = 1001
const require = createRequire(import.meta.url)
let loaded: typeof Ws | undefined
const load = (): typeof Ws => {
  loaded ??= require('ws') as typeof Ws
  return loaded
}

const lists = (headers: readonly string[], lowerName: string): string[] =>
  headerValues(headers, lowerName).flatMap((line) => line.split(',').map((item) => item.trim()))

/** Whether a request asks for a WebSocket at all. */
export const asksForWebSocket = ({ headers }: RequestHead): boolean =>
  lists(headers, 'upgrade').some((item) => item.toLowerCase() === 'websocket')

/** Why a request cannot become a WebSocket, in words; undefined where it can (RFC 6455 4.2.1). */
export const handshakeProblem = (head: RequestHead): string | undefined => {
  const { headers } = head
  if (head.method !== 'GET' || head.httpVersion !== '1.1') return 'the handshake is a GET of HTTP/1.1'
  if (!asksForWebSocket(head)) return 'Upgrade does not say websocket'
  if (!lists(headers, 'connection').some((item) => item.toLowerCase() === 'upgrade')) return 'Connection lacks Upgrade'
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headerValue(headers, 'sec-websocket-key') ?? ''))
    return 'Sec-WebSocket-Key is not 16 bytes in base64'
  if (!['13', '8'].includes(headerValue(headers, 'sec-websocket-version') ?? ''))
    return 'Sec-WebSocket-Version is not 13'
  return undefined
}

/** What `ws` reads of a request. */
const requestFor = (
  socket: IncomingMessage['socket'],
  headers: readonly string[],
  protocol: string | undefined,
): IncomingMessage => {
  const request = new IncomingMessage(socket)
  request.method = 'GET'
  request.headers = {
    upgrade: 'websocket',
    'sec-websocket-key': headerValue(headers, 'sec-websocket-key'),
    'sec-websocket-version': headerValue(headers, 'sec-websocket-version'),
    ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
  }
  return request
}

/** The head of the answer, for those who watch. */
const shownHead = (headers: readonly string[], protocol: string | undefined, more: readonly string[]): Buffer => {
  const key = headerValue(headers, 'sec-websocket-key') ?? ''
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  const chosen = protocol === undefined ? [] : ['sec-websocket-protocol', protocol]
  const lines = ['upgrade', 'websocket', 'connection', 'Upgrade', 'sec-websocket-accept', accept, ...chosen, ...more]
  return Buffer.from(encodeResponseHead(101, undefined, lines), 'latin1')
}

const isTooLarge = (error: Error & { readonly code?: unknown }): boolean =>
  error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

export const createWebSockets = (): WebSockets => {
  const open = new Set<WebSocket>()
  return {
    accept: (exchange, { subprotocol, headers: more = [], maxMessageBytes, onTooLarge }) => {
      const { headers } = exchange.request.head
      const offered = lists(headers, 'sec-websocket-protocol')
      const protocol = subprotocol !== undefined && offered.includes(subprotocol) ? subprotocol : undefined
      const { socket, rest } = exchange.takeOver(shownHead(headers, protocol, more))
      const server = new (load().WebSocketServer)({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: maxMessageBytes,
      })
      server.on('headers', (lines) => {
        for (let at = 0; at < more.length; at += 2) lines.push(`${more[at]}: ${more[at + 1]}`)
      })
      let accepted: WebSocket | undefined
      server.handleUpgrade(requestFor(socket, headers, protocol), socket, rest, (made) => {
        accepted = made
        open.add(made)
        made.on('close', () => open.delete(made))
        // The protocol's own errors end the connection; 'close' tells.
        made.on('error', (error) => isTooLarge(error) && onTooLarge())
      })
      socket.resume()
      return accepted
    },
    close: () => {
      for (const one of open) one.close(GOING_AWAY)
    },
  }
}
