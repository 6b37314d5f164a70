/**
 * Which expectations were considered for a request, and the first field of each that kept it from matching: of requests
 * that came, or of one that somebody asks about.
 */
import { setImmediate } from 'node:timers/promises'
import { closest, type Explanation, explained } from '../decide/matching/explain.ts'
import type { SentRequest } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Origin } from '../decide/matching/scope.ts'
import type { Asked } from '../decide/matching/search.ts'
import type { Considered } from '../decide/matching/store.ts'
import { messageJson } from './expectation-json.ts'
import { judgeOf, readFilter } from './filtered.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type Json, multiMap, requestJson } from './message-json.ts'
import type { Call, Context, Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { json, type Reply, text } from './reply.ts'
import { formatError, timestamp } from './texts.ts'

const MAX_EXCHANGES = 10
const MAX_LISTED = 20
/** So many comparisons, or so many milliseconds of them, without a pause for the traffic. */
const BATCH = 1000
const BATCH_MS = 5
/** Of what an expectation asks for, as JSON. */
const SHOWN_CHARACTERS = 2000

/** A request that is explained, with what is said of it beside. */
interface Question {
  readonly asked: Asked
  readonly about: Json
}

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const originOf = ({ flow, destination }: LoggedExchange, { namesOf }: Context): Origin | undefined =>
  flow && { flow, resolution: { ...(destination ? { destination } : {}), trail: [] }, namesOf }

const questionOf = (entry: LoggedExchange, { nowMs }: Call, context: Context): Question => {
  const { head, body, decision, expectationId, closest: then } = entry
  return {
    asked: { head, body: body.isCut ? undefined : body.bytes, nowMs, origin: originOf(entry, context) },
    about: {
      correlationId: entry.correlationId,
      timestamp: timestamp(entry.receivedAtMs),
      httpRequest: requestJson(entry, 'compact', true),
      decision,
      ...(expectationId === undefined ? {} : { expectationId }),
      ...(then ? { closest: then } : {}),
    },
  }
}

const unsent = ({ head, body }: SentRequest, { nowMs }: Call, { sender: origin }: Context): Question => {
  const { method, path, headers, query } = head
  const about = { method, path, ...(query === '' ? {} : { query }), headers: multiMap(headers) }
  return { asked: { head, body, nowMs, origin }, about: { httpRequest: about } }
}

/** What the expectation asks for where it failed; bounded. */
const expectedOf = ({ expectation: { source }, reason, isOpen }: Explanation): unknown => {
  if (!isRecord(source)) return undefined
  const { scope, percentage, scenarioName, scenarioState, httpRequest } = source
  if (reason === 'scope') return scope
  if (reason === 'percentage') return percentage
  if (reason === 'scenario') return { scenarioName, scenarioState }
  const field = isOpen ? 'body' : reason
  return field !== undefined && isRecord(httpRequest) ? messageJson(httpRequest)[field] : undefined
}

const shown = (value: unknown): unknown => {
  const written = JSON.stringify(value) ?? ''
  return written.length <= SHOWN_CHARACTERS
    ? value
    : `${written.slice(0, SHOWN_CHARACTERS)}… (${written.length} characters)`
}

const explanationJson = (one: Explanation): Json => {
  const { expectation, reason, isOpen } = one
  const failed = isOpen ? 'body' : reason
  const expected = expectedOf(one)
  return {
    expectationId: expectation.id,
    priority: expectation.priority,
    matches: isOpen ? 'unknown' : reason === undefined,
    ...(failed === undefined ? {} : { reason: failed }),
    text: one.text,
    ...(expected === undefined ? {} : { expected: shown(expected) }),
  }
}

/** The closest ones and how many there were, in batches between which others have their turn. */
const consider = async (asked: Asked, { store, nowMs }: Context, isGone: () => boolean): Promise<Json> => {
  let best: Considered[] = []
  let batch: Considered[] = []
  let count = 0
  let startMs = nowMs()
  for (const one of store.explain(asked)) {
    count++
    batch.push(one)
    if (batch.length < BATCH && nowMs() - startMs < BATCH_MS) continue
    best = closest([...best, ...batch], asked, MAX_LISTED)
    batch = []
    await setImmediate()
    if (isGone()) break
    startMs = nowMs()
  }
  const listed = explained([...best, ...batch], asked, MAX_LISTED)
  return { consideredCount: count, considered: listed.map(explanationJson) }
}

type Questions = { readonly questions: readonly Question[] } | { readonly reply: Reply }

const refused = (given: unknown, problems: readonly string[], { limits }: Context): { readonly reply: Reply } => ({
  reply: text(400, formatError('explain', given, problems, limits.version)),
})

/** One key says what is meant; others beside it would be ignored. */
const alone = (given: Json, key: string): readonly string[] =>
  Object.keys(given)
    .filter((name) => name !== key)
    .map((name) => `$.${name}: ${key} stands alone`)

const readQuestions = (call: Call, context: Context): Questions => {
  const read = readDocument(call.body)
  const given = 'value' in read && isRecord(read.value) ? read.value : {}
  if ('request' in given) {
    const sent = context.documents.sentRequest(given['request'])
    const of = 'problems' in sent ? sent.problems.map((problem) => problem.replace('$', '$.request')) : []
    const problems = [...of, ...alone(given, 'request')]
    return 'problems' in sent || problems.length > 0
      ? refused(given, problems, context)
      : { questions: [unsent(sent.value, call, context)] }
  }
  if ('correlationId' in given) {
    const id = given['correlationId']
    const problems = [
      ...(typeof id === 'string' ? [] : ['$.correlationId: expected a string']),
      ...alone(given, 'correlationId'),
    ]
    if (typeof id !== 'string' || problems.length > 0) return refused(given, problems, context)
    return { questions: logged((entry) => entry.correlationId === id, call, context) }
  }
  const filtered = readFilter(call, context)
  if ('reply' in filtered) return filtered
  const id = call.query.get('correlationId') ?? undefined
  const judge = judgeOf(context)
  const isMeant = (entry: LoggedExchange): boolean =>
    (id === undefined || entry.correlationId === id) && judge(filtered.filter, entry) !== 'no'
  return { questions: logged(isMeant, call, context) }
}

/** The newest that are meant, the newest first. */
const logged = (isMeant: (entry: LoggedExchange) => boolean, call: Call, context: Context): Question[] => {
  const found: Question[] = []
  for (const entry of context.log.exchanges.toReversed()) {
    if (found.length === MAX_EXCHANGES) break
    if (isMeant(entry)) found.push(questionOf(entry, call, context))
  }
  return found
}

/** Compares requests with the expectations that are there now. */
export const explain: Handler = async (call, context) => {
  const read = readQuestions(call, context)
  if ('reply' in read) return read.reply
  let isGone = false
  call.onGone(() => {
    isGone = true
  })
  const requests: Json[] = []
  for (const { asked, about } of read.questions) {
    if (isGone) break
    requests.push({ ...about, ...(await consider(asked, context, () => isGone)) })
  }
  return json(200, prettyJson({ against: 'present expectations', requests }))
}
