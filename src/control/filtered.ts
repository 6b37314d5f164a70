/** The optional filter that several calls take as their document. */
import type { Inflate } from '../decide/matching/body.ts'
import type { Filter } from '../decide/matching/filter.ts'
import { matchesRequest, type RequestMatcher, type Verdict } from '../decide/matching/request.ts'
import type { LiveExpectation } from '../decide/matching/store.ts'
import { meansExpectation } from './both-ways.ts'
import { expectationJson, messageJson } from './expectation-json.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import type { Json } from './message-json.ts'
import type { Call, Context } from './ports.ts'
import { readDocument } from './read-json.ts'
import { type Reply, text } from './reply.ts'
import { badEnum, formatError, unknownId } from './texts.ts'

/** One of `allowed` from the query, in any case; or the answer to something else. */
export const chosenOf = <T extends string>(
  { query }: Call,
  name: string,
  allowed: readonly T[],
  byDefault: T,
): { readonly value: T } | { readonly reply: Reply } => {
  const given = query.get(name)
  if (given === null || given === '') return { value: byDefault }
  const value = allowed.find((one) => one === given.toLowerCase())
  return value === undefined ? { reply: text(400, badEnum(given, name, allowed)) } : { value }
}

/** Whether there is or was an expectation of that id, as far as anybody remembers. */
export const isKnownId = (id: string, { store, log, nowMs }: Context): boolean =>
  store.get(id, nowMs()) !== undefined || log.exchanges.some((entry) => entry.expectationId === id)

export const readFilter = (
  { body }: Call,
  context: Context,
): { readonly filter: Filter | undefined } | { readonly reply: Reply } => {
  const { version } = context.limits
  const read = readDocument(body)
  if ('problem' in read)
    return { reply: text(400, formatError('request matcher', read.text, [`$: ${read.problem}`], version)) }
  if (read.value === undefined) return { filter: undefined }
  const checked = context.documents.filter(read.value)
  if ('problems' in checked)
    return { reply: text(400, formatError('request matcher', read.text, checked.problems, version)) }
  const filter = checked.value
  if (filter.kind === 'id' && !isKnownId(filter.id, context)) return { reply: text(400, unknownId(filter.id)) }
  return { filter }
}

/** Bodies that one call may decompress: a log full of them, each small as sent, must not keep everybody waiting. */
const MAX_INFLATED_BYTES = 64 * 1024 * 1024

export type Judge = (filter: Filter | undefined, entry: LoggedExchange) => Verdict

/**
 * What tells, within one call, whether a logged request is meant; `needs_body` where that lies in a part of the body that
 * was not kept, or in one that was not decompressed any more.
 */
export const judgeOf = ({ inflate, bodyMatchBytes }: Context): Judge => {
  let leftBytes = MAX_INFLATED_BYTES
  let isSpent = false
  const within: Inflate = (sent, contentEncoding) => {
    isSpent = leftBytes <= 0
    if (isSpent) return 'unavailable'
    const bytes = inflate(sent, contentEncoding)
    leftBytes -= bytes === 'unavailable' ? bodyMatchBytes : bytes.length
    return bytes
  }
  const matchesLogged = (matcher: RequestMatcher, { head, body }: LoggedExchange): Verdict => {
    const kept = body.isCut ? undefined : body.bytes
    isSpent = false
    const verdict = matchesRequest(matcher, { head, body: kept, query: undefined, read: undefined, inflate: within })
    return isSpent ? 'needs_body' : verdict
  }
  return (filter, entry) => {
    if (filter === undefined) return 'yes'
    if (filter.kind === 'id') return entry.expectationId === filter.id ? 'yes' : 'no'
    return matchesLogged(filter.request.matcher, entry)
  }
}

/** The same, where an id also means what its expectation would answer as long as it is there. */
export const fittingJudge = (context: Context): Judge => {
  const judge = judgeOf(context)
  return (filter, entry) => {
    const verdict = judge(filter, entry)
    if (verdict === 'yes' || filter?.kind !== 'id') return verdict
    const live = context.store.get(filter.id, context.nowMs())
    if (!live) return 'no'
    const { request } = live.expectation
    return request ? judge({ kind: 'request', request: { given: {}, matcher: request } }, entry) : 'yes'
  }
}

/** A filter as it is shown. */
export const filterJson = (filter: Filter): Json =>
  filter.kind === 'id' ? { id: filter.id } : messageJson(filter.request.given)

/** What a filter asks of requests, as it is shown: that of an expectation, as long as there is one. */
export const askedJson = (filter: Filter, { store, nowMs }: Context): Json => {
  const live = filter.kind === 'id' ? store.get(filter.id, nowMs()) : undefined
  if (!live) return filterJson(filter)
  const { httpRequest } = expectationJson(live)
  return typeof httpRequest === 'object' && httpRequest !== null ? { ...httpRequest } : {}
}

/** A test for expectations. */
export const meant = (filter: Filter | undefined, { documents }: Context): ((live: LiveExpectation) => boolean) => {
  if (filter === undefined) return () => true
  if (filter.kind === 'id') return ({ expectation }) => expectation.id === filter.id
  const means = meansExpectation(filter.request, documents.filter)
  return ({ expectation }) => means(expectation.source, expectation.request)
}
