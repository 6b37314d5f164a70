/**
 * Calls of the Kubernetes API over undici: bearer token, the cluster's certificates, time limits. Answers are handed on as
 * they arrive. Redirects are not followed: the token is for this server alone.
 */
import { createSecureContext } from 'node:tls'
// Not the package's front door: that also loads fetch, WebSocket and caches, and costs 4 MB for nothing used here.
import Pool from 'undici/lib/dispatcher/pool.js'
import { UnderstudyError } from '../../errors.ts'
import { type AnswerLimits, createAnswer } from './api-answer.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { ConnectionOptions } from './connection.ts'
import { failureOf } from './explain-failure.ts'
import type { ApiFailure } from './failure.ts'
import { acceptCertificates, acceptToken, createFileText } from './file-text.ts'

export interface ApiCall extends AnswerLimits {
  /** As RBAC names it, for messages. */
  readonly verb: 'list' | 'watch' | 'create' | 'patch'
  /** As RBAC names it. */
  readonly resource: string
  /** `/api/v1/pods` */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON; of a patch, a merge patch. */
  readonly body?: object
}

/** Told of one answer. None of these is called after `done`, nor before the call has returned. */
export interface ApiSink {
  /** The status is a success. */
  begin(): void
  data(chunk: Buffer): void
  /** Exactly once; with a failure unless all of a good answer was handed over. */
  done(failure?: ApiFailure): void
}

export interface OpenCall {
  /** Breaks it off: `done` is called with this. Nothing once it is over. */
  abort(failure: ApiFailure): void
  /** What is wrong with the answer, as a failure of this call. */
  failure(kind: ApiFailure['kind'], what: string): ApiFailure
  /** A Status object that came as an event. */
  statusFailure(code: number, status: unknown): ApiFailure
}

export interface ApiClient {
  /** Never throws. */
  open(call: ApiCall, sink: ApiSink): OpenCall
  /** Breaks off what is open. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
const TCP_KEEPALIVE_MS = 30_000
const IDLE_CONNECTION_MS = 30_000
/** Connections for all calls but watches, which have one each. */
const SHARED_CONNECTIONS = 2
const MOST_HEAD_BYTES = 32 * 1024
const USER_AGENT = 'understudy-agent'

const parseServer = (server: string): URL => {
  const url = URL.canParse(server) ? new URL(server) : undefined
  const isFine = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
  if (isFine) return url
  throw new UnderstudyError('BAD_CONFIG', 'the URL of the Kubernetes API is not one that can be called', {
    remedy: 'Give it as https://HOST:PORT, without user, query or fragment.',
    facts: { server: server.slice(0, 256) },
  })
}

const poolOf = (origin: string, certificates: string | undefined, connections: number): Pool =>
  new Pool(origin, {
    connections,
    pipelining: 1,
    // Time limits are our own, since they go by the injected clock and cover the whole call.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
    maxHeaderSize: MOST_HEAD_BYTES,
    allowH2: false,
    connect: {
      ...(certificates !== undefined && { ca: certificates }),
      rejectUnauthorized: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
      timeout: CONNECT_TIMEOUT_MS,
    },
  })

const pathOf = (base: URL, { path, query = {} }: ApiCall): string => {
  const search = new URLSearchParams(query).toString()
  return `${base.pathname.replace(/\/+$/, '')}${path}${search && `?${search}`}`
}

/** Throws BAD_CONFIG where the server's URL is none. */
export const createApiClient = ({ server, tokenFile, caFile, clock = SYSTEM_CLOCK }: ConnectionOptions): ApiClient => {
  const base = parseServer(server)
  const where = { server: server.replace(/\/+$/, ''), tokenFile, caFile }
  const token = tokenFile ? createFileText(tokenFile, clock, acceptToken) : undefined
  const certificates =
    caFile && base.protocol === 'https:'
      ? createFileText(caFile, clock, (text) => {
          createSecureContext({ ca: acceptCertificates(text) })
          return text
        })
      : undefined
  /** Watches, and calls on connections made with certificates that have since rotated. */
  const others = new Set<Pool>()
  let shared: { readonly pool: Pool; readonly certificates: string | undefined } | undefined
  let isClosed = false

  const release = (pool: Pool, isAtOnce: boolean): void => {
    others.add(pool)
    const over = (): boolean => others.delete(pool)
    ;(isAtOnce ? pool.destroy() : pool.close()).then(over, over)
  }
  const poolFor = (call: ApiCall, trusted: string | undefined): Pool => {
    if (call.verb === 'watch') {
      const pool = poolOf(base.origin, trusted, 1)
      others.add(pool)
      return pool
    }
    if (shared && shared.certificates !== trusted) {
      release(shared.pool, false)
      shared = undefined
    }
    shared ??= { pool: poolOf(base.origin, trusted, SHARED_CONNECTIONS), certificates: trusted }
    return shared.pool
  }
  const headersOf = (call: ApiCall): Record<string, string> => ({
    accept: 'application/json',
    'user-agent': USER_AGENT,
    ...(token && { authorization: `Bearer ${token.read()}` }),
    ...(call.body && { 'content-type': call.verb === 'patch' ? 'application/merge-patch+json' : 'application/json' }),
  })

  return {
    open: (call, sink) => {
      let pool: Pool | undefined
      const answer = createAnswer({ call, where, clock }, sink, (failure) => {
        // A rotated token or authority shows itself by this first.
        if (failure?.kind === 'unauthorized') token?.expire()
        if (failure?.kind === 'tls') certificates?.expire()
        if (pool && call.verb === 'watch') release(pool, true)
      })
      try {
        if (isClosed) throw new Error('the client is closed')
        const headers = headersOf(call)
        pool = poolFor(call, certificates?.read())
        pool.dispatch(
          {
            method: { list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH' }[call.verb] as
              | 'GET'
              | 'POST'
              | 'PATCH',
            path: pathOf(base, call),
            headers,
            body: call.body ? JSON.stringify(call.body) : null,
          },
          answer.handler,
        )
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        answer.abort(failureOf('credentials', message, call, where))
      }
      return answer
    },
    close: async () => {
      isClosed = true
      const pools = [...others, ...(shared ? [shared.pool] : [])]
      shared = undefined
      await Promise.all(pools.map((pool) => pool.destroy().catch(() => undefined)))
    },
  }
}
