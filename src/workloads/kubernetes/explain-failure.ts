/** From what came back, or did not, to a failure that says which call it was and what to do. */
import type { ApiCall } from './api-client.ts'
import type { ApiFailure, FailureKind } from './failure.ts'
import { cutText, elementsOf, field, fieldAt, parsed, textOf } from './fields.ts'
import { retryAfterOf } from './retry-after.ts'

const MOST_CHARACTERS = 1024
const MOST_SERVER_CHARACTERS = 512

export interface Where {
  readonly server: string
  readonly tokenFile: string
  readonly caFile: string
}

const KINDS: Readonly<Record<number, FailureKind>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'gone',
  429: 'throttled',
}

const kindOf = (status: number): FailureKind => KINDS[status] ?? (status >= 500 && status < 600 ? 'server' : 'rejected')

const remedyOf = (kind: FailureKind, { verb, resource }: ApiCall, { server, tokenFile, caFile }: Where): string => {
  switch (kind) {
    case 'unauthorized':
      return tokenFile
        ? `check that the token in ${tokenFile} is one of this cluster and has not expired`
        : 'give the agent a file with a token'
    case 'forbidden':
      return `allow the verb "${verb}" on "${resource}" in API group "" to the agent's service account`
    case 'not_found':
      return `check that ${server} is a Kubernetes API server`
    case 'network':
    case 'timeout':
      return `check that ${server} can be reached from here: address, network policy, firewall`
    case 'tls':
      return caFile
        ? `check that ${caFile} holds the certificate of the cluster's authority and that the address is one of the server's names`
        : "give the agent a file with the certificate of the cluster's authority"
    case 'malformed':
    case 'too_large':
      return `check that ${server} is a Kubernetes API server and what stands between`
    default:
      return ''
  }
}

/** Of something that went wrong other than by a status. */
export const failureOf = (kind: FailureKind, what: string, call: ApiCall, where: Where): ApiFailure => {
  const remedy = remedyOf(kind, call, where)
  const said = `${call.verb} ${where.server}${call.path}: ${cutText(what, MOST_SERVER_CHARACTERS)}`
  return { kind, message: cutText(remedy ? `${said}; ${remedy}` : said, MOST_CHARACTERS) }
}

const isVersionTooLarge = (status: unknown): boolean =>
  elementsOf(fieldAt(status, 'details', 'causes'), 16).some(
    (cause) => field(cause, 'reason') === 'ResourceVersionTooLarge',
  )

/** Of a Status object, or whatever else came with a status that is no success. `header` is Retry-After. */
export const statusFailure = (
  code: number,
  body: unknown,
  header: unknown,
  nowMs: number,
  call: ApiCall,
  where: Where,
): ApiFailure => {
  const reason = textOf(field(body, 'reason'), 128)
  const message = field(body, 'message')
  const seconds = fieldAt(body, 'details', 'retryAfterSeconds')
  const retryAfterMs = retryAfterOf(header ?? (typeof seconds === 'number' ? String(seconds) : undefined), nowMs)
  const words = typeof message === 'string' && message !== '' ? `${code}: ${message}` : `status ${code}`
  return {
    ...failureOf(kindOf(code), words, call, where),
    status: code,
    ...(reason !== undefined && { reason }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(isVersionTooLarge(body) && { isVersionTooLarge: true }),
  }
}

/** Of a Status object as text. */
export const statusTextFailure = (
  code: number,
  text: string,
  header: unknown,
  nowMs: number,
  call: ApiCall,
  where: Where,
): ApiFailure => statusFailure(code, parsed(text), header, nowMs, call, where)

const TLS_CODE = /CERT|TLS|SSL|EPROTO|SIGNATURE|SELF_SIGNED/

/** Of an error of the connection. */
export const networkFailure = (error: unknown, call: ApiCall, where: Where): ApiFailure => {
  const code = String(field(error, 'code') ?? '')
  const message = error instanceof Error ? error.message : String(error)
  const kind = TLS_CODE.test(code) ? 'tls' : code.includes('TIMEOUT') || code === 'ETIMEDOUT' ? 'timeout' : 'network'
  return failureOf(kind, message || code || 'the connection failed', call, where)
}
