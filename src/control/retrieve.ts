import type { Filter } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { EventLog } from './event-log.ts'
import { expectationJson } from './expectation-json.ts'
import { chosenOf, fittingJudge, meant, readFilter } from './filtered.ts'
import { harOf } from './har.ts'
import { entryJson, entryText, logEntriesOf } from './log-entries.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { majorOf } from './major.ts'
import {
  answeredRequest,
  answeredResponse,
  type Json,
  plainResponse,
  requestJson,
  responseJson,
  retrievedRequest,
} from './message-json.ts'
import { counters } from './metrics-call.ts'
import type { Call, Context, Handler } from './ports.ts'
import { json, type Reply, TEXT, text } from './reply.ts'
import { requestCurl } from './request-curl.ts'
import { SEPARATOR, timestamp } from './texts.ts'
import { expectationJava, requestJava } from './to-java.ts'
import { expectationsJavascript } from './to-javascript.ts'
import { openApiOf, type Shown } from './to-openapi.ts'

const TYPES = [
  'logs',
  'requests',
  'request_responses',
  'recorded_expectations',
  'active_expectations',
  'metrics',
] as const
const FORMATS = ['java', 'javascript', 'json', 'log_entries', 'har', 'openapi', 'curl'] as const
type Type = (typeof TYPES)[number]
type Format = (typeof FORMATS)[number]

const JAVASCRIPT = 'application/javascript; charset=utf-8'
/** How many requests could not be made into expectations, because their answer was not kept whole. */
const LEFT_OUT = 'x-understudy-left-out'

/** What of the log is asked for. */
interface Selection {
  readonly filter: Filter | undefined
  /** Of one exchange only. */
  readonly correlationId: string | undefined
}

const exchangesFor = ({ filter, correlationId }: Selection, context: Context): LoggedExchange[] => {
  const judge = fittingJudge(context)
  return context.log.exchanges.filter(
    (entry) => (correlationId === undefined || entry.correlationId === correlationId) && judge(filter, entry) !== 'no',
  )
}

const pairJson = (entry: LoggedExchange, major: number): Json & Shown => {
  const response = entry.response && plainResponse(entry.response, entry.head.method)
  return {
    httpRequest: answeredRequest(entry, major),
    ...(response ? { httpResponse: answeredResponse(response, major) } : {}),
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

const unsupported = (format: Format, type: Type, instead = ''): Reply =>
  text(200, `${format.toUpperCase()} not supported for ${type.toUpperCase()}${instead}`)

/** One exchange has no part in what the API was told. */
const notesFor = ({ correlationId }: Selection, { log }: Context): EventLog['notes'] =>
  correlationId === undefined ? log.notes : []

const entriesReply = (
  exchanges: readonly LoggedExchange[],
  notes: EventLog['notes'],
  wanted: (type: string) => boolean,
): Reply => json(200, prettyJson(logEntriesOf(exchanges, notes, wanted).map(entryJson)))

type Write = (format: Format, selection: Selection, call: Call, context: Context) => Reply

const logs: Write = (format, selection, _call, context) => {
  const exchanges = exchangesFor(selection, context)
  const notes = notesFor(selection, context)
  if (format === 'log_entries') return entriesReply(exchanges, notes, () => true)
  const lines = logEntriesOf(exchanges, notes, () => true)
  const messages = lines.map((entry) => `${timestamp(entry.atMs)} - ${entryText(entry)}\n`)
  return { status: 200, contentType: TEXT, body: messages.join(`${SEPARATOR}\n`) }
}

const requests: Write = (format, selection, _call, context) => {
  const entries = exchangesFor(selection, context)
  switch (format) {
    case 'json':
      return json(200, prettyJson(entries.map((entry) => retrievedRequest(entry, majorOf(context)))))
    case 'java':
      return java(entries.map((entry) => `${requestJava(requestJson(entry, 'compact', false))};`))
    case 'curl':
      return text(200, entries.map(requestCurl).join('\n\n'))
    case 'har':
      return json(200, prettyJson(harOf(entries)))
    case 'openapi': {
      const shown = entries.map((entry) => ({ httpRequest: requestJson(entry, 'compact', false) }))
      return json(200, prettyJson(openApiOf(shown)))
    }
    case 'log_entries':
      return entriesReply(entries, [], (type) => type === 'RECEIVED_REQUEST')
    case 'javascript':
      return unsupported(format, 'requests', ' (use RECORDED_EXPECTATIONS)')
  }
}

const ANSWERS = new Set(['EXPECTATION_RESPONSE', 'NO_MATCH_RESPONSE', 'FORWARDED_REQUEST'])

const requestResponses: Write = (format, selection, _call, context) => {
  const entries = exchangesFor(selection, context).filter(({ response }) => response !== undefined)
  switch (format) {
    case 'json':
      return json(200, prettyJson(entries.map((entry) => pairJson(entry, majorOf(context)))))
    case 'curl':
      return text(200, entries.map(requestCurl).join('\n\n'))
    case 'har':
      return json(200, prettyJson(harOf(entries)))
    case 'openapi':
      return json(200, prettyJson(openApiOf(entries.map((entry) => pairJson(entry, majorOf(context))))))
    case 'log_entries':
      return entriesReply(entries, [], (type) => ANSWERS.has(type))
    case 'java':
    case 'javascript':
      return unsupported(format, 'request_responses')
  }
}

/** Expectations in a form that needs nothing but their documents. */
const expectationsReply = (
  format: 'json' | 'java' | 'javascript' | 'openapi',
  expectations: readonly Json[],
): Reply => {
  switch (format) {
    case 'json':
      return json(200, prettyJson(expectations))
    case 'java':
      return java(expectations.map(expectationJava))
    case 'javascript':
      return { status: 200, contentType: JAVASCRIPT, body: expectationsJavascript(expectations) }
    case 'openapi':
      return json(200, prettyJson(openApiOf(expectations.map(shownOf))))
  }
}

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null

const shownOf = ({ httpRequest, httpResponse }: Json): Shown => ({
  httpRequest: isRecord(httpRequest) ? httpRequest : {},
  httpResponse: isRecord(httpResponse) ? httpResponse : undefined,
})

const recorded: Write = (format, selection, _call, context) => {
  const entries = exchangesFor(selection, context).filter(({ decision }) => decision === 'forward')
  if (format === 'log_entries') return entriesReply(entries, [], (type) => type === 'FORWARDED_REQUEST')
  if (format === 'har') return json(200, prettyJson(harOf(entries)))
  if (format === 'curl') return unsupported(format, 'recorded_expectations')
  const all = entries.map(recordedJson)
  const whole = all.filter((one) => one !== undefined)
  const headers = whole.length < all.length ? [LEFT_OUT, `${all.length - whole.length}`] : []
  return { ...expectationsReply(format, whole), headers }
}

const active: Write = (format, { filter }, call, context) => {
  if (format === 'curl' || format === 'har' || format === 'log_entries')
    return unsupported(format, 'active_expectations')
  const found = context.store.list(call.nowMs).filter(meant(filter, context)).map(context.shown).map(expectationJson)
  return expectationsReply(format, found)
}

const WRITERS: Readonly<Record<Type, Write>> = {
  logs,
  requests,
  request_responses: requestResponses,
  recorded_expectations: recorded,
  active_expectations: active,
  metrics: (_format, _selection, { nowMs }, context) => counters(context, nowMs),
}

export const retrieve: Handler = (call, context) => {
  // MockServer names the format first where both are wrong.
  const format = chosenOf(call, 'format', FORMATS, 'json')
  if ('reply' in format) return format.reply
  const type = chosenOf(call, 'type', TYPES, 'requests')
  if ('reply' in type) return type.reply
  const read = readFilter(call, context)
  if ('reply' in read) return read.reply
  const correlationId = call.query.get('correlationId') ?? undefined
  return WRITERS[type.value](format.value, { filter: read.filter, correlationId }, call, context)
}
