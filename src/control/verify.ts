import type { Filter } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { messageJson } from './expectation-json.ts'
import { isKnownId, judge } from './filtered.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { requestJson } from './message-json.ts'
import type { Context, Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { type Reply, text } from './reply.ts'
import { formatError, required, timesText, type Unfound, unfound, unknownId } from './texts.ts'

const PASSED: Reply = { status: 202 }
const MAX_LISTED = 10
const NOTHING_ASKED = 'No expectations, requests or responses specified'

const exchangesOf = ({ log }: Context): LoggedExchange[] =>
  log.entries.filter((entry): entry is LoggedExchange => entry.kind === 'exchange')

const filterJson = (filter: Filter): unknown =>
  filter.kind === 'id' ? { id: filter.id } : messageJson(filter.request.given)

const unknownOf = (filters: readonly Filter[], context: Context): string | undefined => {
  const filter = filters.find((one) => one.kind === 'id' && !isKnownId(one.id, context))
  return filter?.kind === 'id' ? filter.id : undefined
}

/** What makes the log unable to prove that something did not happen. */
const doubtOf = ({ log }: Context, undecided: number): string | undefined => {
  const reasons = [
    ...(log.evicted > 0 ? [`${log.evicted} older requests had to leave the log, see eventLogBytes`] : []),
    ...(undecided > 0 ? [`the bodies of ${undecided} requests were kept in part only, see eventLogBodyBytes`] : []),
  ]
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

const failed = (context: Context, nowMs: number, about: Omit<Unfound, 'requests'>): Reply => {
  const exchanges = exchangesOf(context)
  // Only as many as are listed are written out.
  const requests =
    exchanges.length > about.maximumListed ? exchanges : exchanges.map((one) => requestJson(one, 'compact', false))
  const message = unfound({ ...about, requests })
  context.log.note('VERIFICATION_FAILED', nowMs, message)
  return text(406, message)
}

const passed = ({ log }: Context, nowMs: number, what: string): Reply => {
  log.note('VERIFICATION_PASSED', nowMs, `request:\n\n${what}\n\n found`)
  return PASSED
}

export const verify: Handler = (call, context) => {
  const read = readDocument(call.body)
  if ('problem' in read) return text(400, formatError('verification', read.text, [`$: ${read.problem}`]))
  if (read.value === undefined) return text(400, required('a verification'))
  const checked = context.documents.verification(read.value)
  if ('problems' in checked) return text(400, formatError('verification', read.value, checked.problems))
  const { what, atLeast, atMost, maximumListed = MAX_LISTED } = checked.value
  const unknown = unknownOf([what], context)
  if (unknown !== undefined) return text(400, unknownId(unknown))
  const verdicts = exchangesOf(context).map((entry) => judge(what, entry))
  const found = verdicts.filter((verdict) => verdict === 'yes').length
  const undecided = verdicts.filter((verdict) => verdict === 'needs_body').length
  const isEnough = found >= (atLeast ?? 0)
  const isTooMuch = found > (atMost ?? Infinity)
  const doubt = isTooMuch || (isEnough && atMost === undefined) ? undefined : doubtOf(context, undecided)
  const expected = prettyJson(filterJson(what))
  if (isEnough && !isTooMuch && doubt === undefined) return passed(context, call.nowMs, expected)
  const claim = `Request not found ${timesText(atLeast, atMost)}`
  return failed(context, call.nowMs, { what: claim, doubt, expected, found, maximumListed })
}

/** Whether the requests came in that order, others between them allowed. */
export const verifySequence: Handler = (call, context) => {
  const read = readDocument(call.body)
  if ('problem' in read) return text(400, formatError('verification sequence', read.text, [`$: ${read.problem}`]))
  if (read.value === undefined) return text(400, required('a verification sequence'))
  const checked = context.documents.sequence(read.value)
  if ('problems' in checked) return text(400, formatError('verification sequence', read.value, checked.problems))
  const filters = checked.value
  if (filters.length === 0) return text(406, NOTHING_ASKED)
  const unknown = unknownOf(filters, context)
  if (unknown !== undefined) return text(400, unknownId(unknown))
  let found = 0
  let undecided = 0
  for (const entry of exchangesOf(context)) {
    const verdict = found < filters.length ? judge(filters[found], entry) : 'no'
    if (verdict === 'yes') found++
    else if (verdict === 'needs_body') undecided++
  }
  const expected = prettyJson(filters.map(filterJson))
  if (found === filters.length) return passed(context, call.nowMs, expected)
  const doubt = doubtOf(context, undecided)
  return failed(context, call.nowMs, {
    what: 'Request sequence not found',
    doubt,
    expected,
    found,
    maximumListed: MAX_LISTED,
  })
}
