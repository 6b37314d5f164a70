/** A client's request as an upstream is to see it. Pure. */
import type { Endpoint, RequestHead } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { withForwardedBy } from '../http1/forwarded-by.ts'
import { headerValue, headerValues, withoutHopByHop } from '../http1/response.ts'
import { type ForwardedStyle, withForwarded } from './forwarded.ts'
import type { Marker } from './upstream-response.ts'

export interface ForwardTarget {
  readonly destination: Endpoint
  /** The source address to keep; '' = the kernel's choice. */
  readonly source: string
  /** A PROXY header that the upstream connection is to begin with. */
  readonly proxyHeader?: Buffer
  /** Over TLS, with a server that proves to be this. */
  readonly secureName?: string
  /** The client meant to speak to this destination itself: target and Host go on as it sent them, a proxy's included. */
  readonly verbatim: boolean
  /** Host header to send instead of the client's: where an expectation sends the request elsewhere. */
  readonly host?: string
  /** Our own id, for requests that may come back to us. */
  readonly forwardedBy?: string
  /** Tell the upstream who the client is, in these headers. */
  readonly forwarded?: { readonly style: ForwardedStyle; readonly client: string }
  /** A header that the answer is to carry. */
  readonly marker?: Marker
}

const SLASH = 0x2f

/** As a browser writes it: the port only where it is not the scheme's own. */
export const hostHeader = ({ address, port }: Endpoint, isSecure = false): string => {
  const host = address.includes(':') ? `[${address}]` : address
  return port === (isSecure ? 443 : 80) ? host : `${host}:${port}`
}

/**
 * The protocol that the client wants to change to. An offer of HTTP/2 is declined by not passing it on (RFC 9110 7.8):
 * behind it, requests could no longer be told apart, let alone mocked.
 */
export const upgradeOf = ({ request }: HttpExchange): string | undefined =>
  request.upgrade?.toLowerCase() === 'h2c' ? undefined : request.upgrade

/** Origin-form, whatever form the client used (RFC 9112 3.2.1): the upstream is not a proxy, unless it was meant to be. */
export const targetFor = (head: RequestHead, { verbatim }: ForwardTarget): string => {
  if (verbatim || head.target.charCodeAt(0) === SLASH || head.method === 'CONNECT' || head.target === '*') {
    return head.target
  }
  return head.query === '' ? head.path : `${head.path}?${head.query}`
}

/** End-to-end headers with the Host of the target; without the length, which the framing gives. */
export const upstreamHeaders = (head: RequestHead, target: ForwardTarget): string[] => {
  const { destination, host, verbatim, forwarded, forwardedBy } = target
  const endToEnd = withoutHopByHop(head.headers, 'request')
  const kept = forwarded ? withForwarded(endToEnd, forwarded.style, forwarded.client) : endToEnd
  const sent: string[] = []
  let isNamed = false
  for (let i = 0; i < kept.length; i += 2) {
    const name = kept[i] ?? ''
    const value = kept[i + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'content-length' || lower === 'expect') continue
    if (lower !== 'host') sent.push(name, value)
    else if (!isNamed) {
      isNamed = true
      sent.push(name, host ?? (verbatim ? value : (head.host ?? value)))
    }
  }
  // HTTP/1.0 does not ask for one, the HTTP/1.1 of our own request does.
  if (!isNamed) sent.push('host', host ?? head.host ?? hostHeader(destination))
  // For the proxy that the client speaks to; we are only in between.
  if (verbatim && head.target.charCodeAt(0) !== SLASH) {
    for (const value of headerValues(head.headers, 'proxy-authorization')) sent.push('proxy-authorization', value)
  }
  return forwardedBy === undefined ? sent : withForwardedBy(sent, forwardedBy)
}

/** Connection as sent, and what it names: the offer of another protocol is one with its parameters. */
export const upgradeHeaders = ({ headers }: RequestHead): string[] => {
  const connection = headerValues(headers, 'connection').join(', ')
  const sent = ['connection', connection]
  for (const item of connection.toLowerCase().split(',')) {
    const name = item.trim()
    const value = headerValue(headers, name)
    const isFraming = name === 'content-length' || name === 'transfer-encoding' || name === 'host'
    if (value !== undefined && name !== 'connection' && !isFraming) sent.push(name, value)
  }
  return sent
}
