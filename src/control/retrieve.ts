import type { Filter } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { expectationJson } from './expectation-json.ts'
import { chosenOf, judge, meant, readFilter } from './filtered.ts'
import { harOf } from './har.ts'
import { logEntriesOf } from './log-entries.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type Json, plainResponse, requestJson, responseJson } from './message-json.ts'
import type { Call, Context, Handler } from './ports.ts'
import { json, type Reply, TEXT, text } from './reply.ts'
import { requestCurl } from './request-curl.ts'
import { SEPARATOR, timestamp } from './texts.ts'
import { expectationJava, requestJava } from './to-java.ts'

const TYPES = ['logs', 'requests', 'request_responses', 'recorded_expectations', 'active_expectations'] as const
const FORMATS = ['java', 'json', 'log_entries', 'curl', 'har'] as const
type Type = (typeof TYPES)[number]
type Format = (typeof FORMATS)[number]

/** How many requests could not be made into expectations, because their answer was not kept whole. */
const LEFT_OUT = 'x-understudy-left-out'

const exchangesFor = (filter: Filter | undefined, { log }: Context): LoggedExchange[] =>
  log.entries.filter((entry): entry is LoggedExchange => entry.kind === 'exchange' && judge(filter, entry) !== 'no')

const pairJson = (entry: LoggedExchange): Json => {
  const response = entry.response && plainResponse(entry.response, entry.head.method)
  return {
    httpRequest: requestJson(entry, 'compact', true),
    ...(response ? { httpResponse: responseJson(response) } : {}),
    timestamp: timestamp(entry.receivedAtMs),
  }
}

/** Headers of one transfer: whoever serves the expectation makes its own. */
const OF_THE_TRANSFER = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive'])

/** What the API would be sent to answer like that; undefined where the whole answer is not known. */
const recordedJson = (entry: LoggedExchange): Json | undefined => {
  const response = entry.response && plainResponse(entry.response, entry.head.method)
  if (!response || response.isCut || entry.body.isCut || entry.answeredAtMs === undefined) return undefined
  const { headers, ...rest } = responseJson(response)
  const kept = Object.entries(headers as Json).filter(([name]) => !OF_THE_TRANSFER.has(name.toLowerCase()))
  return {
    httpRequest: requestJson(entry, 'compact', false),
    httpResponse: { ...rest, headers: Object.fromEntries(kept) },
    id: entry.correlationId,
    priority: 0,
    timeToLive: { unlimited: true },
    times: { remainingTimes: 1 },
  }
}

const java = (items: readonly string[]): Reply => ({
  status: 200,
  contentType: 'application/java; charset=utf-8',
  body: items.join('\n\n'),
})

const unsupported = (format: Format, type: Type): Reply =>
  text(200, `${format.toUpperCase()} not supported for ${type.toUpperCase()}`)

const entriesReply = (filter: Filter | undefined, context: Context, wanted: (type: string) => boolean): Reply =>
  json(200, prettyJson(logEntriesOf(context.log.entries, (entry) => judge(filter, entry) !== 'no', wanted)))

type Write = (filter: Filter | undefined, call: Call, context: Context) => Reply

const logs =
  (format: Format): Write =>
  (filter, _call, context) => {
    if (format === 'log_entries') return entriesReply(filter, context, () => true)
    if (format === 'curl' || format === 'har') return unsupported(format, 'logs')
    const lines = logEntriesOf(
      context.log.entries,
      (entry) => judge(filter, entry) !== 'no',
      () => true,
    )
    const messages = lines.map(({ timestamp: at, text: message }) => `${at} - ${message}\n`)
    return { status: 200, contentType: TEXT, body: messages.join(`${SEPARATOR}\n`) }
  }

const requests =
  (format: Format): Write =>
  (filter, _call, context) => {
    const entries = exchangesFor(filter, context)
    switch (format) {
      case 'json':
        return json(200, prettyJson(entries.map((entry) => requestJson(entry, 'full', false))))
      case 'java':
        return java(entries.map((entry) => `${requestJava(requestJson(entry, 'compact', false))};`))
      case 'curl':
        return text(200, entries.map(requestCurl).join('\n\n'))
      case 'har':
        return json(200, prettyJson(harOf(entries)))
      case 'log_entries':
        return entriesReply(filter, context, (type) => type === 'RECEIVED_REQUEST')
    }
  }

const ANSWERS = new Set(['EXPECTATION_RESPONSE', 'NO_MATCH_RESPONSE', 'FORWARDED_REQUEST'])

const requestResponses =
  (format: Format): Write =>
  (filter, _call, context) => {
    const entries = exchangesFor(filter, context).filter(({ response }) => response !== undefined)
    switch (format) {
      case 'json':
        return json(200, prettyJson(entries.map(pairJson)))
      case 'curl':
        return text(200, entries.map(requestCurl).join('\n\n'))
      case 'har':
        return json(200, prettyJson(harOf(entries)))
      case 'log_entries':
        return entriesReply(filter, context, (type) => ANSWERS.has(type))
      case 'java':
        return unsupported(format, 'request_responses')
    }
  }

const recorded =
  (format: Format): Write =>
  (filter, _call, context) => {
    const entries = exchangesFor(filter, context).filter(({ decision }) => decision === 'forward')
    if (format === 'log_entries') return entriesReply(filter, context, (type) => type === 'FORWARDED_REQUEST')
    if (format === 'curl' || format === 'har') return unsupported(format, 'recorded_expectations')
    const all = entries.map(recordedJson)
    const whole = all.filter((one) => one !== undefined)
    const headers = whole.length < all.length ? [LEFT_OUT, `${all.length - whole.length}`] : []
    if (format === 'java') return { ...java(whole.map(expectationJava)), headers }
    return { ...json(200, prettyJson(whole)), headers }
  }

const active =
  (format: Format): Write =>
  (filter, call, context) => {
    if (format !== 'json' && format !== 'java') return unsupported(format, 'active_expectations')
    const found = context.store.list(call.nowMs).filter(meant(filter, context)).map(expectationJson)
    return format === 'json' ? json(200, prettyJson(found)) : java(found.map(expectationJava))
  }

const WRITERS: Readonly<Record<Type, (format: Format) => Write>> = {
  logs,
  requests,
  request_responses: requestResponses,
  recorded_expectations: recorded,
  active_expectations: active,
}

export const retrieve: Handler = (call, context) => {
  const type = chosenOf(call, 'type', TYPES, 'requests')
  if ('reply' in type) return type.reply
  const format = chosenOf(call, 'format', FORMATS, 'json')
  if ('reply' in format) return format.reply
  const read = readFilter(call, context)
  if ('reply' in read) return read.reply
  return WRITERS[type.value](format.value)(read.filter, call, context)
}
