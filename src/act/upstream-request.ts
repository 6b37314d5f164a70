/** A client's request as an upstream is to see it. Pure. */
import type { Endpoint, RequestHead } from '../flow.ts'
import { withoutHopByHop } from '../http1/response.ts'

export interface ForwardTarget {
  readonly destination: Endpoint
  /** The source address to keep; '' = the kernel's choice. */
  readonly source: string
  /** Host header to send instead of the client's: where an expectation sends the request elsewhere. */
  readonly host?: string
}

/** Origin-form, whatever form the client used (RFC 9112 3.2.1): the upstream is not a proxy. */
export const originForm = (head: RequestHead): string => {
  if (head.target.startsWith('/')) return head.target
  return head.query === '' ? head.path : `${head.path}?${head.query}`
}

/** End-to-end headers with the Host of the target; without the length, which the framing gives. */
export const upstreamHeaders = (head: RequestHead, host: string | undefined): string[] => {
  const kept = withoutHopByHop(head.headers, 'request')
  const sent: string[] = []
  let named = false
  for (let i = 0; i < kept.length; i += 2) {
    const name = kept[i] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'content-length' || lower === 'expect') continue
    if (lower !== 'host') sent.push(name, kept[i + 1] ?? '')
    else if (!named) {
      named = true
      sent.push(name, host ?? head.host ?? kept[i + 1] ?? '')
    }
  }
  if (!named && (host ?? head.host)) sent.push('host', host ?? head.host ?? '')
  return sent
}
