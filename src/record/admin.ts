/** The admin server: health, readiness, metrics and the live records, over HTTP. docs/records.md shows its use. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import type { Logger } from 'pino'
import { UnderstudyError } from '../errors.ts'
import { type AccessOptions, createAccess } from './admin-access.ts'
import { dumpText } from './debug-dump.ts'
import { FLOW_PARAMETERS, flowQuery, streamFlows } from './flow-stream.ts'
import type { FlowFeed } from './flows.ts'
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
  /** Names that it may be asked by, beside addresses and localhost; none unless told. */
  readonly names?: readonly string[]
  /** Whether the value of an Authorization header will do, for what is private; without it, only loopback has that. */
  readonly isAuthorized?: AccessOptions['isAuthorized']
  /** What `/debug/workloads` shows; without it, there is no such path. */
  readonly debugWorkloads?: () => Iterable<object>
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

interface Route {
  /** It shows what workloads do. */
  readonly isPrivate: boolean
  readonly answer: (response: ServerResponse, query: URLSearchParams, isHead: boolean) => void | Promise<void>
}

export const createAdmin = (options: AdminOptions): Admin => {
  const { log, flows, host = DEFAULT_HOST, port = DEFAULT_PORT } = options
  const routes = createRoutes(options)
  const handle = createHandler(options, host, routes)
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
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

const createRoutes = (options: AdminOptions): ReadonlyMap<string, Route> => {
  const { version, metrics, flows, ready, debugWorkloads } = options
  const open = (answer: Route['answer']): Route => ({ isPrivate: false, answer })
  return new Map<string, Route>([
    ['/healthz', open((response) => json(response, 200, { ok: true }))],
    [
      '/readyz',
      open((response) => {
        const answer = ready()
        json(response, answer.ok ? 200 : 503, answer)
      }),
    ],
    [
      '/metrics',
      open(async (response) => {
        const text = await metrics.text()
        response.writeHead(200, { ...COMMON_HEADERS, 'content-type': metrics.contentType }).end(text)
      }),
    ],
    ['/flows', { isPrivate: true, answer: (...call) => answerFlows(flows, metrics, ...call) }],
    ['/version', open((response) => json(response, 200, { name: 'understudy', version, node: process.version }))],
    ...(debugWorkloads ? [['/debug/workloads', debugRoute(debugWorkloads)] as const] : []),
  ])
}

const debugRoute = (debugWorkloads: () => Iterable<object>): Route => ({
  isPrivate: true,
  answer(response) {
    const headers = { ...COMMON_HEADERS, 'content-type': 'application/json' }
    response.writeHead(200, headers).end(dumpText(debugWorkloads()))
  },
})

const createHandler = (
  { names = [], isAuthorized }: AdminOptions,
  host: string,
  routes: ReadonlyMap<string, Route>,
): ((request: IncomingMessage, response: ServerResponse) => Promise<void>) => {
  const access = createAccess({ host, names, ...(isAuthorized ? { isAuthorized } : {}) })
  return async ({ url = '', method, headers }, response) => {
    const [path = '', query = ''] = url.split('?', 2)
    const route = routes.get(path)
    const refusal = access.refuse(headers, route?.isPrivate ?? false)
    if (refusal) {
      if (refusal.challenge !== undefined) response.setHeader('www-authenticate', refusal.challenge)
      return json(response, refusal.status, { error: refusal.error })
    }
    if (!route) return json(response, 404, { error: 'not found', paths: [...routes.keys()] })
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return json(response, 405, { error: 'only GET and HEAD' })
    }
    await route.answer(response, new URLSearchParams(query), method === 'HEAD')
  }
}

const json = (response: ServerResponse, status: number, body: unknown) => {
  const headers = { ...COMMON_HEADERS, 'content-type': 'application/json' }
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`)
}

const answerFlows = (
  flows: AdminOptions['flows'],
  metrics: AdminOptions['metrics'],
  response: ServerResponse,
  query: URLSearchParams,
  isHead: boolean,
) => {
  const asked = flowQuery(query)
  if (!asked) return json(response, 400, { error: FLOW_PARAMETERS })
  const headers = { ...COMMON_HEADERS, 'content-type': 'application/x-ndjson' }
  if (isHead) return void response.writeHead(200, headers).end()
  if (!streamFlows(flows, response, asked)) {
    metrics.limitHit('flow_subscribers')
    return json(response, 503, { error: 'too many readers of /flows' })
  }
  response.writeHead(200, headers).flushHeaders()
}

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
