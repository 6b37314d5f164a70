/** Logged exchanges against what a verification asks for. */
import type { ExchangeFilter, Filter } from '../decide/matching/filter.ts'
import type { Verdict } from '../decide/matching/request.ts'
import { matchesResponse, type ResponseMatcher } from '../decide/matching/response.ts'
import { isKnownId, type Judge, judgeOf } from './filtered.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type PlainResponse, plainResponse } from './message-json.ts'
import type { Context } from './ports.ts'

const DECIDED = { MOCKED: 'mock', FORWARDED: 'forward' } as const

/** The response of an exchange, if an expectation or a server gave one and all of it has been sent. */
export const sentResponse = ({ decision, answeredAtMs, response, head }: LoggedExchange): PlainResponse | undefined =>
  response === undefined || answeredAtMs === undefined || decision === 'refuse'
    ? undefined
    : plainResponse(response, head.method)

export const judgeResponse = (matcher: ResponseMatcher, sent: PlainResponse): Verdict =>
  matchesResponse(matcher, { ...sent, body: sent.isCut ? undefined : sent.body })

/** `needs_body` where the answer lies in a part of a body that was not kept. */
const judgeExchange = (
  { request, response, disposition }: ExchangeFilter,
  entry: LoggedExchange,
  judge: Judge,
): Verdict => {
  if (disposition && entry.decision !== DECIDED[disposition]) return 'no'
  const verdict = judge(request, entry)
  if (verdict === 'no' || response === undefined) return verdict
  const sent = sentResponse(entry)
  if (!sent) return 'no'
  const of = judgeResponse(response.matcher, sent)
  return of === 'yes' ? verdict : of
}

export type ExchangeJudge = (filter: ExchangeFilter, entry: LoggedExchange) => Verdict

/** What judges exchanges within one call, and remembers what cannot change any more: for whoever asks again and again. */
export const rememberingJudge = (context: Context): ExchangeJudge => {
  const judge = judgeOf(context)
  const known = new Map<ExchangeFilter, Map<number, Verdict>>()
  return (filter, entry) => {
    const verdicts = known.get(filter) ?? new Map<number, Verdict>()
    known.set(filter, verdicts)
    const remembered = verdicts.get(entry.number)
    if (remembered) return remembered
    const verdict = judgeExchange(filter, entry, judge)
    if (entry.answeredAtMs !== undefined && verdict !== 'needs_body') verdicts.set(entry.number, verdict)
    return verdict
  }
}

/** The first id among filters that no expectation has or had. */
export const unknownId = (filters: readonly (Filter | undefined)[], context: Context): string | undefined => {
  const filter = filters.find((one) => one?.kind === 'id' && !isKnownId(one.id, context))
  return filter?.kind === 'id' ? filter.id : undefined
}

/** What makes the log unable to prove that something did not happen; `undecided` for want of a body. */
export const doubtOf = ({ log }: Context, undecided: number): string | undefined => {
  const reasons = [
    ...(log.evicted > 0 ? [`${log.evicted} older requests had to leave the log, see eventLogBytes`] : []),
    ...(undecided > 0
      ? [
          `the bodies of ${undecided} exchanges were kept in part only, see eventLogBodyBytes, or too many to decompress`,
        ]
      : []),
  ]
  return reasons.length === 0 ? undefined : reasons.join('; ')
}
