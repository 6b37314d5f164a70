/** The log as MockServer's log entries: an exchange is two of them, its request and its answer. */

import type { EventLog } from './event-log.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type Json, plainResponse, requestJson, responseJson } from './message-json.ts'
import type { Note } from './notes.ts'
import { readJsonText } from './read-json.ts'
import { requestCurl } from './request-curl.ts'
import { logMessage, timestamp } from './texts.ts'

export interface LogEntry {
  readonly atMs: number
  readonly type: string
  /** A sentence in which `{}` stands for one of the arguments. */
  readonly messageFormat: string
  readonly arguments: readonly unknown[]
  readonly more: Json
}

const ANSWER_TYPES = {
  mock: 'EXPECTATION_RESPONSE',
  forward: 'FORWARDED_REQUEST',
  refuse: 'NO_MATCH_RESPONSE',
  relay: 'FORWARDED_REQUEST',
} as const

const FORWARDED_FORMAT = 'for forwarded request\n\n in json:{}\n\n in curl:{}'

export const entryText = ({ messageFormat, arguments: documents }: LogEntry): string =>
  logMessage(messageFormat, documents)

/** One entry as MockServer writes it. */
export const entryJson = (entry: LogEntry): Json => ({
  ...entry.more,
  ...(entry.arguments.length > 0 ? { arguments: entry.arguments } : {}),
  epochTime: Math.trunc(entry.atMs),
  logLevel: 'INFO',
  message: entryText(entry).trimEnd().split('\n'),
  messageFormat: entry.messageFormat,
  timestamp: timestamp(entry.atMs),
  type: entry.type,
})

const noteEntry = ({ type, atMs, format, documents }: Note): LogEntry => {
  const read = documents === undefined ? undefined : readJsonText(documents)
  const known = read && 'value' in read && Array.isArray(read.value) ? read.value : []
  const messageFormat = documents === undefined ? format.replaceAll('{}', ' (too long to be kept) ') : format
  return { type, atMs, messageFormat, arguments: known, more: {} }
}

/** The answer of an exchange, after its request. */
const answerEntry = (exchange: LoggedExchange, httpRequest: Json, about: Json): LogEntry | undefined => {
  const { receivedAtMs, answeredAtMs, decision, expectationId, response, head } = exchange
  const plain = response && plainResponse(response, head.method)
  if (!plain) return undefined
  const httpResponse = responseJson(plain)
  const isMatched = expectationId !== undefined
  const of = {
    type: ANSWER_TYPES[decision],
    atMs: answeredAtMs ?? receivedAtMs,
    more: { ...about, ...(isMatched ? { expectationId } : {}), httpResponse },
  }
  if (decision === 'refuse') {
    const messageFormat = 'no expectation for:{}returning response:{}'
    return { ...of, messageFormat, arguments: [httpRequest, httpResponse] }
  }
  const [format, more]: readonly [string, readonly string[]] =
    decision === 'mock' ? ['for request:{}', []] : [FORWARDED_FORMAT, [requestCurl(exchange)]]
  return {
    ...of,
    messageFormat: `returning response:{}${format}${isMatched ? 'from expectation:{}' : ''}`,
    arguments: [httpResponse, httpRequest, ...more, ...(isMatched ? [expectationId] : [])],
  }
}

const exchangeEntries = (exchange: LoggedExchange, wanted: (type: string) => boolean): LogEntry[] => {
  const { correlationId, receivedAtMs, decision, response } = exchange
  const isWanted = wanted('RECEIVED_REQUEST')
  const isAnswerWanted = response !== undefined && wanted(ANSWER_TYPES[decision])
  if (!isWanted && !isAnswerWanted) return []
  const httpRequest = requestJson(exchange, 'compact', true)
  const about = { correlationId, httpRequest, port: exchange.local.port }
  const request = {
    type: 'RECEIVED_REQUEST',
    atMs: receivedAtMs,
    messageFormat: 'received request:{}',
    arguments: [httpRequest],
    more: about,
  }
  const answer = isAnswerWanted ? answerEntry(exchange, httpRequest, about) : undefined
  return [...(isWanted ? [request] : []), ...(answer ? [answer] : [])]
}

/** The entries of those `exchanges`, and the notes, of the types that are `wanted`; by time. */
export const logEntriesOf = (
  exchanges: readonly LoggedExchange[],
  notes: EventLog['notes'],
  wanted: (type: string) => boolean,
): LogEntry[] =>
  [
    ...notes.filter(({ type }) => wanted(type)).map(noteEntry),
    ...exchanges.flatMap((one) => exchangeEntries(one, wanted)),
  ].sort((a, b) => a.atMs - b.atMs)
