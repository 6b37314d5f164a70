/** CONNECT to ourselves as an explicit proxy (RFC 9110 9.3.6): the tunnel's bytes become a flow of their own. */
import type { Socket } from 'node:net'
import type { HttpExchange } from '../http1/exchange.ts'
import { encodeResponseHead } from '../http1/response.ts'

/** Answers 200 and gives the client's socket with what it has sent beyond the request. */
export const openTunnel = (exchange: HttpExchange): { readonly socket: Socket; readonly rest: Buffer } => {
  const taken = exchange.takeOver()
  taken.socket.pause()
  taken.socket.write(encodeResponseHead(200, 'Connection established', []), 'latin1')
  return taken
}
