/** The log as MockServer's log entries: an exchange is two of them, its request and its answer. */
import type { EventLog, Note } from './event-log.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type Json, plainResponse, requestJson, responseJson } from './message-json.ts'
import { logMessage, timestamp } from './texts.ts'

export interface LogEntry extends Json {
  readonly timestamp: string
  readonly epochTime: number
  readonly type: string
  readonly text: string
}

const ANSWER_TYPES = {
  mock: 'EXPECTATION_RESPONSE',
  forward: 'FORWARDED_REQUEST',
  refuse: 'NO_MATCH_RESPONSE',
  relay: 'FORWARDED_REQUEST',
} as const

const entry = (type: string, atMs: number, text: string, more: Json): LogEntry => ({
  ...more,
  epochTime: Math.trunc(atMs),
  logLevel: type.endsWith('_FAILED') ? 'WARN' : 'INFO',
  text,
  timestamp: timestamp(atMs),
  type,
})

const noteEntry = ({ type, atMs, text }: Note): LogEntry => entry(type, atMs, text, {})

const exchangeEntries = (exchange: LoggedExchange, wanted: (type: string) => boolean): LogEntry[] => {
  const { correlationId, receivedAtMs, answeredAtMs, decision, expectationId, response, head } = exchange
  const answerType = ANSWER_TYPES[decision]
  const isWanted = { request: wanted('RECEIVED_REQUEST'), answer: response !== undefined && wanted(answerType) }
  if (!isWanted.request && !isWanted.answer) return []
  const httpRequest = requestJson(exchange, 'compact', true)
  const about = { correlationId, port: exchange.local.port, httpRequest }
  const found: LogEntry[] = []
  if (isWanted.request)
    found.push(entry('RECEIVED_REQUEST', receivedAtMs, logMessage('received request:', httpRequest), about))
  const plain = response && plainResponse(response, head.method)
  if (!isWanted.answer || !plain) return found
  const httpResponse = responseJson(plain)
  const id = expectationId === undefined ? {} : { expectationId }
  const text = logMessage(
    decision === 'forward'
      ? 'returning response:'
      : decision === 'mock'
        ? 'returning response:'
        : 'no expectation for:',
    ...(decision === 'refuse'
      ? [httpRequest, ' returning response:', httpResponse]
      : [httpResponse, ' for request:', httpRequest]),
  )
  found.push(entry(answerType, answeredAtMs ?? receivedAtMs, text, { ...about, ...id, httpResponse }))
  return found
}

/** The entries of those exchanges that `isMeant`, and all notes, of the types that are `wanted`; by time. */
export const logEntriesOf = (
  log: EventLog['entries'],
  isMeant: (exchange: LoggedExchange) => boolean,
  wanted: (type: string) => boolean,
): LogEntry[] =>
  log
    .flatMap((one): LogEntry[] => {
      if (one.kind === 'note') return wanted(one.type) ? [noteEntry(one)] : []
      return isMeant(one) ? exchangeEntries(one, wanted) : []
    })
    .sort((a, b) => a.epochTime - b.epochTime)
