/** Names for what went wrong upstream; the client, the record and the metrics all get the same one. */
import type { UpstreamFault } from '../flow.ts'

/** The code of a connection that could not be made secure. */
export const TLS_FAILED = 'UPSTREAM_TLS'

const FAULTS: Readonly<Record<string, UpstreamFault>> = {
  ECONNREFUSED: 'upstream_refused',
  ECONNRESET: 'upstream_reset',
  ECONNABORTED: 'upstream_reset',
  UPSTREAM_RESET: 'upstream_reset',
  EPIPE: 'upstream_reset',
  ETIMEDOUT: 'upstream_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'upstream_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream_timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream_timeout',
  ENETUNREACH: 'upstream_unreachable',
  EHOSTUNREACH: 'upstream_unreachable',
  EHOSTDOWN: 'upstream_unreachable',
  ENETDOWN: 'upstream_unreachable',
  EADDRNOTAVAIL: 'upstream_unreachable',
  ELOOP: 'upstream_unreachable',
  EMFILE: 'upstream_unreachable',
  ENFILE: 'upstream_unreachable',
  ENOBUFS: 'upstream_unreachable',
  ENOMEM: 'upstream_unreachable',
  EACCES: 'upstream_unreachable',
  EPERM: 'upstream_unreachable',
  ENOTFOUND: 'upstream_unresolved',
  EAI_AGAIN: 'upstream_unresolved',
  EAI_NODATA: 'upstream_unresolved',
  UND_ERR_SOCKET: 'upstream_closed',
  UND_ERR_CLOSED: 'upstream_closed',
  UND_ERR_DESTROYED: 'upstream_closed',
  [TLS_FAILED]: 'upstream_tls',
  // An answer that ends before its framing says so.
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream_closed',
}

/** The fault of a system or undici error, through its causes; what is unknown is the upstream's protocol error. */
export const upstreamFault = (error: unknown): UpstreamFault => {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const code = 'code' in cause ? String(cause.code) : ''
    // Alerts that come after the handshake, such as that a certificate of ours is wanted.
    const fault = code.startsWith('ERR_SSL_') ? 'upstream_tls' : FAULTS[code]
    if (fault) return fault
  }
  return 'upstream_protocol_error'
}

/** What the client is told: 504 where the upstream kept silent, 502 for the rest (RFC 9110 15.6.3, 15.6.5). */
export const statusOfFault = (fault: UpstreamFault): number => (fault === 'upstream_timeout' ? 504 : 502)

/** An error that carries a code of our own making. */
export const codedError = (code: string, message: string): NodeJS.ErrnoException =>
  Object.assign(new Error(message), { code })
