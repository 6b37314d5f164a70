/** TLS towards upstreams: whom we trust, and what is told of a server that did not prove who it is. */
import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls'
import type { Endpoint } from '../flow.ts'
import type { Dial } from './dial.ts'
import { codedError, TLS_FAILED } from './fault.ts'

export interface Trust {
  /** Whether a server must prove to be the one that was asked for. */
  readonly isVerified: boolean
  /** Certificates (PEM) of issuers that are trusted beside Node's own; empty for none. */
  readonly ca: string
}

const MIN_VERSION = 'TLSv1.2'
const LET_IT_PASS = 'or set upstreamTlsVerify: false'
const UNTRUSTED = `name the certificate of its issuer in upstreamTlsCaFile, ${LET_IT_PASS}`

/** What can be done, by OpenSSL's and Node's codes. */
const REMEDIES: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: `name it in upstreamTlsCaFile, ${LET_IT_PASS}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  INVALID_CA: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: `renew it, ${LET_IT_PASS}`,
  CERT_NOT_YET_VALID: `look at the clocks of both machines, ${LET_IT_PASS}`,
  ERR_TLS_CERT_ALTNAME_INVALID: `forward to a name that the certificate has, ${LET_IT_PASS}`,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: use its TLS port, or scheme HTTP',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there: use its TLS port, or scheme HTTP',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: `it must speak ${MIN_VERSION} or newer`,
  ERR_SSL_UNSUPPORTED_PROTOCOL: `it must speak ${MIN_VERSION} or newer`,
}

/** Errors of TCP and of our own are no matter of TLS. */
const isOfTls = (error: NodeJS.ErrnoException): boolean => {
  const { code = '', syscall } = error
  if (code === 'ECONNRESET' || code === 'EPROTO') return true
  return syscall === undefined && !('errors' in error) && code !== 'ELOOP' && code !== 'ETIMEDOUT'
}

/**
 * The error of a connection that was to be secure, as the client is told it: with whom, why, and what to do about it. What was
 * not about TLS stays as it is.
 */
export const tlsError = (error: NodeJS.ErrnoException, { address, port }: Endpoint): Error => {
  if (!isOfTls(error)) return error
  // OpenSSL's own texts have places in its source in them; its reason says enough.
  const reason: unknown = error.code?.startsWith('ERR_SSL_') ? Reflect.get(error, 'reason') : undefined
  const said =
    error.code === 'ECONNRESET'
      ? 'it closed the connection during the handshake'
      : error.message.replace(/; if the root CA .*/, '')
  const why = typeof reason === 'string' ? reason : said
  const remedy = REMEDIES[error.code ?? '']
  const text = `${address} port ${port}: ${why.trim()}${remedy === undefined ? '' : `; ${remedy}`}`
  return Object.assign(codedError(TLS_FAILED, text), { cause: error })
}

/** A connection over TLS with whoever is at the other end of `socket`, which may be connecting still. */
const secured = (socket: Socket, name: string, context: SecureContext, isVerified: boolean): TLSSocket => {
  const host = name.replace(/\.$/, '')
  const tls = connect({
    socket,
    secureContext: context,
    host,
    // SNI is for names only (RFC 6066 section 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: isVerified,
  })
  // What ends the connection beneath is not always told above, and sometimes twice.
  socket.on('error', (error) => tls.destroy(error))
  tls.on('error', () => undefined)
  return tls
}

/**
 * Wraps the connections that are to be secure; the others are left alone. Such a socket says `secureConnect` once the server
 * has proved who it is.
 */
export const overTls = (dial: Dial, { isVerified, ca }: Trust): Dial => {
  let context: SecureContext | undefined
  return (destination, options, done) =>
    dial(destination, options, (failure, socket) => {
      if (options.secureName === undefined || failure || !socket) return done(failure, socket)
      // Made when it is first needed: to parse all the certificates takes a while.
      context ??= createSecureContext({ minVersion: MIN_VERSION, ...(ca ? { ca: [...rootCertificates, ca] } : {}) })
      done(undefined, secured(socket, options.secureName, context, isVerified))
    })
}
