/** The admin server: health, readiness, metrics and the live records, over HTTP. docs/records.md shows its use. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import type { Logger } from 'pino'
import { UnderstudyError } from '../errors.ts'
import { type FlowFeed, RING_LINES } from './flows.ts'
import type { Metrics } from './metrics.ts'

export interface AdminOptions {
  /** An IP address; 127.0.0.1 unless told. */
  readonly host?: string
  /** 9901 unless told; 0 takes any free port. */
  readonly port?: number
  readonly version: string
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'contentType' | 'text' | 'limitHit'>
  readonly flows: Pick<FlowFeed, 'subscribe' | 'close'>
  readonly ready: () => { readonly ok: boolean; readonly why?: string }
  /** The process that has a port, for the error message. */
  readonly whoListens?: (port: number) => string | undefined
}

export interface Admin {
  /** Errors: PORT_IN_USE, ADDRESS_UNAVAILABLE. */
  listen(): Promise<{ readonly port: number }>
  close(): Promise<void>
}

const DEFAULT_HOST = '127.0.0.1'
const DEFAULT_PORT = 9901
const MAX_HEADER_BYTES = 8192
const MAX_CONNECTIONS = 64
const HEADERS_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 5_000
const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

type Handler = (response: ServerResponse, query: URLSearchParams, request: IncomingMessage) => void | Promise<void>

export const createAdmin = (options: AdminOptions): Admin => {
  const { log, flows, host = DEFAULT_HOST, port = DEFAULT_PORT } = options
  const routes = createRoutes(options)
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => {
      handle(routes, request, response).catch((error: unknown) => {
        log.error({ err: error, path: request.url }, 'admin request failed')
        if (response.headersSent) response.destroy()
        else json(response, 500, { error: 'internal error, see the log' })
      })
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  return {
    async listen() {
      await listening(server, { host, port }, options.whoListens)
      server.on('error', (error) => log.error({ err: error }, 'admin server failed'))
      return { port: (server.address() as AddressInfo).port }
    },
    async close() {
      flows.close()
      if (!server.listening) return
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

const createRoutes = ({ version, metrics, flows, ready }: AdminOptions): ReadonlyMap<string, Handler> =>
  new Map<string, Handler>([
    ['/healthz', (response) => json(response, 200, { ok: true })],
    [
      '/readyz',
      (response) => {
        const answer = ready()
        json(response, answer.ok ? 200 : 503, answer)
      },
    ],
    [
      '/metrics',
      async (response) => {
        const text = await metrics.text()
        response.writeHead(200, { ...COMMON_HEADERS, 'content-type': metrics.contentType }).end(text)
      },
    ],
    ['/flows', (response, query, request) => streamFlows(response, query, request, flows, metrics)],
    ['/version', (response) => json(response, 200, { name: 'understudy', version, node: process.version })],
  ])

const handle = async (routes: ReadonlyMap<string, Handler>, request: IncomingMessage, response: ServerResponse) => {
  if (!isDirect(request.headers.host)) {
    // A page on a name that its owner points at 127.0.0.1 could otherwise read all of this from a browser.
    return json(response, 403, { error: 'the Host header must be an IP address or localhost' })
  }
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  const handler = routes.get(path)
  if (!handler) return json(response, 404, { error: 'not found', paths: [...routes.keys()] })
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return json(response, 405, { error: 'only GET and HEAD' })
  }
  await handler(response, new URLSearchParams(query), request)
}

/** Whether a Host header names this machine by address, not by a name that somebody else controls. */
const isDirect = (host: string | undefined): boolean => {
  const name = (host ?? '').replace(/:\d*$/, '')
  if (name.toLowerCase() === 'localhost') return true
  return name.startsWith('[') && name.endsWith(']') ? isIP(name.slice(1, -1)) === 6 : isIP(name) === 4
}

const json = (response: ServerResponse, status: number, body: unknown) => {
  const headers = { ...COMMON_HEADERS, 'content-type': 'application/json' }
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`)
}

const streamFlows = (
  response: ServerResponse,
  query: URLSearchParams,
  request: IncomingMessage,
  flows: AdminOptions['flows'],
  metrics: AdminOptions['metrics'],
) => {
  const replay = wholeNumber(query.get('replay') ?? '0')
  const limit = wholeNumber(query.get('limit') ?? String(Number.MAX_SAFE_INTEGER))
  const unknown = [...query.keys()].find((name) => name !== 'replay' && name !== 'limit')
  if (replay === undefined || limit === undefined || limit === 0 || unknown !== undefined) {
    return json(response, 400, { error: `takes replay=0..${RING_LINES} and limit=1.. only` })
  }
  const headers = { ...COMMON_HEADERS, 'content-type': 'application/x-ndjson' }
  if (request.method === 'HEAD') return void response.writeHead(200, headers).end()
  const reader = { write: (lines: string) => response.write(lines), end: () => void response.end() }
  const subscription = flows.subscribe(reader, { replay, limit })
  if (!subscription) {
    metrics.limitHit('flow_subscribers')
    return json(response, 503, { error: 'too many readers of /flows' })
  }
  response.on('drain', subscription.drained)
  response.on('close', subscription.close)
  response.writeHead(200, headers).flushHeaders()
}

const wholeNumber = (text: string): number | undefined => (/^\d{1,16}$/.test(text) ? Number(text) : undefined)

interface Place {
  readonly host: string
  readonly port: number
}

const listening = (server: Server, place: Place, whoListens: AdminOptions['whoListens']): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException) => reject(listenError(cause, place, whoListens))
    server.once('error', failed)
    server.listen(place, () => {
      server.removeListener('error', failed)
      resolve()
    })
  })

const listenError = (cause: NodeJS.ErrnoException, { host, port }: Place, whoListens: AdminOptions['whoListens']) => {
  const at = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
  const facts = { host, port, code: cause.code }
  if (cause.code !== 'EADDRINUSE') {
    const remedy = 'Set adminHost to an address of this machine and adminPort to a port this user may open.'
    return new UnderstudyError('ADDRESS_UNAVAILABLE', `the admin server cannot listen on ${at}: ${cause.code}`, {
      cause,
      remedy,
      facts,
    })
  }
  const holder = whoListens?.(port)
  const by = holder === undefined ? '' : ` by ${holder}`
  const remedy = 'Stop the other process, set adminPort to another port (0 takes any), or set adminEnabled to false.'
  return new UnderstudyError('PORT_IN_USE', `the admin address ${at} is already used${by}`, { cause, remedy, facts })
}
