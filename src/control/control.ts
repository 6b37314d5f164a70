/**
 * The control API of MockServer on the port of the mocked traffic: tells calls from other requests and answers them, and
 * watches the others into the event log.
 */
import type { Decision, Flow, Resolution } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { headerValue } from '../http1/response.ts'
import type { Callbacks } from './callbacks.ts'
import type { Callers } from './caller.ts'
import type { EventLog } from './event-log.ts'
import type { Context } from './ports.ts'
import { type Answering, type Reply, sendReply, text } from './reply.ts'
import { type Found, findRoute } from './routes.ts'
import { scopedContext } from './scoped.ts'
import { WatchedExchange } from './watched-exchange.ts'

export interface ControlOptions extends Context {
  readonly log: EventLog
  readonly callers: Callers
  readonly callbacks: Pick<Callbacks, 'take'>
  readonly onError: (error: unknown, path: string) => void
}

export interface ControlApi {
  take(exchange: HttpExchange): boolean
  watch(
    exchange: HttpExchange,
    flow: Flow,
    resolution: Resolution,
    decision: Decision,
    body: Buffer | 'unavailable' | undefined,
  ): HttpExchange
}

/** Whether whoever has called has gone, and who is to be told. */
interface Presence {
  isGone: boolean
  told: () => void
}

/** Of a document that is refused in any case, so much is read to keep the connection. */
const REFUSED_BYTES = 16 * 1024

export const createControl = (options: ControlOptions): ControlApi => {
  const { log, tally, nowMs, limits, callers, callbacks, onError } = options

  const handle = async (exchange: HttpExchange, found: Found, body: Buffer, presence: Presence): Promise<Reply> => {
    const { query, path, headers } = exchange.request.head
    const contentType = headerValue(headers, 'content-type')
    const onGone = (told: () => void): void => {
      presence.told = told
    }
    try {
      return await found.handler(
        { query: new URLSearchParams(query), body, contentType, name: found.name, nowMs: nowMs(), onGone },
        found.namespace === undefined ? options : scopedContext(options, found.namespace),
      )
    } catch (error) {
      onError(error, path)
      return text(500, `understudy failed to answer ${path}, see its log`)
    }
  }
  const answer = (exchange: HttpExchange, found: Found): void => {
    const { head } = exchange.request
    const how: Answering = {
      version: limits.version,
      isDeprecated: found.isDeprecated,
      origin: callers.originOf(head),
    }
    const refusal = callers.refuse(head, found.isOpen)
    const { bodyLimit } = limits
    exchange.collectBody(refusal ? Math.min(bodyLimit, REFUSED_BYTES) : bodyLimit, (body) => {
      if (refusal) return sendReply(exchange, refusal, how)
      if (body === 'unavailable') {
        return sendReply(exchange, text(413, `the document has more than ${bodyLimit} bytes (controlBodyBytes)`), how)
      }
      const presence: Presence = { isGone: false, told: () => undefined }
      exchange.onGone = () => {
        presence.isGone = true
        presence.told()
      }
      void handle(exchange, found, body, presence).then((reply) => {
        if (!presence.isGone) sendReply(exchange, reply, how)
      })
    })
  }

  return {
    take: (exchange) => {
      if (callbacks.take(exchange)) return true
      const found = findRoute(exchange.request.head, limits.livenessPath)
      if (found) answer(exchange, found)
      return found !== undefined
    },
    watch: (exchange, flow, { destination }, decision, body) => {
      const { head } = exchange.request
      tally.count(decision)
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
        flow,
        destination,
        closest: 'closest' in decision ? decision.closest : undefined,
      })
      return new WatchedExchange(exchange, log, entry, nowMs, body !== undefined)
    },
  }
}
