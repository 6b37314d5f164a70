/**
 * The control API of MockServer on the port of the mocked traffic: tells calls from other requests and answers them, and
 * watches the others into the event log.
 */
import type { Decision, Flow } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { headerValue } from '../http1/response.ts'
import { clear, reset } from './clear.ts'
import type { Context, Handler } from './ports.ts'
import { putExpectation } from './put-expectation.ts'
import { type Answering, type Reply, sendReply, text } from './reply.ts'
import { retrieve } from './retrieve.ts'
import { bind, status, stop } from './server-calls.ts'
import { verify, verifySequence } from './verify.ts'
import { WatchedExchange } from './watched-exchange.ts'

const PREFIX = '/mockserver'

/** What is asked with PUT, with and without the prefix. */
const PUT_CALLS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['/expectation', putExpectation],
  ['/clear', clear],
  ['/reset', reset],
  ['/retrieve', retrieve],
  ['/verify', verify],
  ['/verifySequence', verifySequence],
  ['/status', status],
  ['/bind', bind],
  ['/stop', stop],
])

/** Calls of MockServer that are not spoken here: said so, instead of being taken for mocked traffic. */
const ABSENT = new Set(
  (
    'openapi configuration metrics config mode clock scenario debugMismatch explainUnmatched diff drift import wsdl ' +
    'graphql pact verifySLO loadScenario serviceChaos files grpc breakpoint replay generateExpectation openapi.yaml dashboard'
  )
    .split(' ')
    .map((name) => `/${name}`),
)

export interface ControlOptions extends Context {
  /** Most bytes of a call's document. */
  readonly bodyLimit: number
  /** A path that is answered to GET like `status`; empty for none. */
  readonly livenessPath: string
  readonly onError: (error: unknown, path: string) => void
}

export interface ControlApi {
  take(exchange: HttpExchange): boolean
  watch(exchange: HttpExchange, flow: Flow, decision: Decision, body: Buffer | 'unavailable' | undefined): HttpExchange
}

interface Route {
  readonly handler: Handler
  readonly isDeprecated: boolean
}

const preflight: Handler = () => ({ status: 200 })
const absent =
  (path: string): Handler =>
  () =>
    text(501, `understudy does not speak ${path} of MockServer's API`)

const route = (
  { method, target, path, headers }: HttpExchange['request']['head'],
  livenessPath: string,
): Route | undefined => {
  if (!target.startsWith('/')) return undefined // a proxy is asked: whoever it names is meant
  const isPrefixed = path.startsWith(`${PREFIX}/`)
  const name = isPrefixed ? path.slice(PREFIX.length) : path
  const isDeprecated = !isPrefixed
  const call = method === 'PUT' ? PUT_CALLS.get(name) : undefined
  if (call) return { handler: call, isDeprecated }
  if (method === 'GET' && ((isPrefixed && name === '/ready') || (livenessPath !== '' && path === livenessPath)))
    return { handler: status, isDeprecated: false }
  const isPreflight = method === 'OPTIONS' && headerValue(headers, 'access-control-request-method') !== undefined
  if (isPreflight && (isPrefixed || PUT_CALLS.has(name))) return { handler: preflight, isDeprecated: false }
  const first = `/${name.split('/')[1] ?? ''}`
  return isPrefixed && ABSENT.has(first) ? { handler: absent(path), isDeprecated: false } : undefined
}

export const createControl = (options: ControlOptions): ControlApi => {
  const { log, nowMs, bodyLimit, livenessPath, onError, version } = options

  const handle = async (exchange: HttpExchange, { handler }: Route, body: Buffer): Promise<Reply> => {
    const { query, path } = exchange.request.head
    try {
      return await handler({ query: new URLSearchParams(query), body, nowMs: nowMs() }, options)
    } catch (error) {
      onError(error, path)
      return text(500, `understudy failed to answer ${path}, see its log`)
    }
  }
  const answer = (exchange: HttpExchange, found: Route): void => {
    const how: Answering = { version, isDeprecated: found.isDeprecated }
    exchange.collectBody(bodyLimit, (body) => {
      if (body === 'unavailable') {
        return sendReply(exchange, text(413, `the document has more than ${bodyLimit} bytes (controlBodyBytes)`), how)
      }
      let isGone = false
      exchange.onGone = () => {
        isGone = true
      }
      void handle(exchange, found, body).then((reply) => {
        if (!isGone) sendReply(exchange, reply, how)
      })
    })
  }

  return {
    take: (exchange) => {
      const found = route(exchange.request.head, livenessPath)
      if (found) answer(exchange, found)
      return found !== undefined
    },
    watch: (exchange, flow, decision, body) => {
      const { head } = exchange.request
      const kept = Buffer.isBuffer(body) && body.length === 0 ? log.nothing : log.keep()
      if (body === 'unavailable') {
        kept.take(exchange.peekBody(Number.MAX_SAFE_INTEGER))
        kept.total = Math.max(kept.total, exchange.requestBytes)
        kept.isCut = true
      } else if (body) kept.take(body)
      else kept.isCut = true // until its end has been seen
      const entry = log.begin({
        head,
        body: kept,
        client: flow.client,
        local: flow.local,
        receivedAtMs: exchange.startedAtMs,
        decision: decision.kind,
        expectationId: 'expectationId' in decision ? decision.expectationId : undefined,
      })
      return new WatchedExchange(exchange, log, entry, nowMs, body !== undefined)
    },
  }
}
