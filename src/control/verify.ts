import type { Verification } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { closestMatch } from './closest-match.ts'
import { messageJson } from './expectation-json.ts'
import { askedJson } from './filtered.ts'
import { doubtOf, type ExchangeJudge, rememberingJudge, unknownId } from './judged.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import type { Json } from './message-json.ts'
import type { Call, Context, Handler } from './ports.ts'
import { readChecked } from './read-json.ts'
import { type Reply, text } from './reply.ts'
import { requiredWithFooter, timesText, unknownId as unknownIdText } from './texts.ts'
import { fail, MAX_LISTED, pass } from './verified.ts'
import type { Attempt } from './waiting.ts'

/** How it stands with a claim about the log. */
interface Standing {
  readonly found: number
  readonly holds: boolean
  /** Whether nothing that is still to come makes it hold. */
  readonly isLost: boolean
  readonly doubt: string | undefined
}

const standingOf = (claim: Verification, context: Context, judge: ExchangeJudge): Standing => {
  const { what, atLeast, atMost } = claim
  const verdicts = context.log.exchanges.map((entry) => judge(what, entry))
  const found = verdicts.filter((verdict) => verdict === 'yes').length
  const undecided = verdicts.filter((verdict) => verdict === 'needs_body').length
  const isEnough = found >= (atLeast ?? 0)
  const isTooMuch = found > (atMost ?? Infinity)
  const doubt = isTooMuch || (isEnough && atMost === undefined) ? undefined : doubtOf(context, undecided)
  const isBlind = atMost !== undefined && context.log.evicted > 0
  return { found, doubt, holds: isEnough && !isTooMuch && doubt === undefined, isLost: isTooMuch || isBlind }
}

/** What was asked for, as failures show it. */
const expectedOf = ({ what: { request, response } }: Verification, context: Context): Json =>
  response ? messageJson(response.given) : request ? askedJson(request, context) : {}

/** By an id, only requests count that were answered by an expectation or sent on. */
const listedFor = ({ what: { request } }: Verification, { log }: Context): readonly LoggedExchange[] =>
  request?.kind === 'id' ? log.exchanges.filter(({ decision }) => decision !== 'refuse') : log.exchanges

const replyTo = (claim: Verification, { found, holds, doubt }: Standing, { nowMs }: Call, context: Context): Reply => {
  const { what, atLeast, atMost, maximumListed = MAX_LISTED } = claim
  const about = {
    kind: what.response ? ('response' as const) : ('request' as const),
    outcome: `found ${timesText(atLeast, atMost)}`,
    expected: prettyJson(expectedOf(claim, context)),
  }
  if (holds) return pass(about, nowMs, context)
  const exchanges = listedFor(claim, context)
  const isCompared = what.disposition === undefined && found === 0
  const diff = isCompared ? closestMatch(what, exchanges, context) : ''
  return fail({ ...about, doubt, found, maximumListed, what, exchanges, diff }, nowMs, context)
}

/** Whether so many requests, or responses, were such. */
export const verify: Handler = (call, context) => {
  const { version } = context.limits
  const missing = requiredWithFooter('a verification', version)
  const read = readChecked(call.body, 'verification', missing, context.documents.verification, version)
  if ('refusal' in read) return text(400, read.refusal)
  const claim = read.value
  const unknown = unknownId([claim.what.request], context)
  if (unknown !== undefined) return text(400, unknownIdText(unknown))
  context.log.note('VERIFICATION', call.nowMs, 'verifying requests that match:{}', read.given)
  const judge = rememberingJudge(context)
  return context.waiting.until(call, claim.timeoutMs, (): Attempt => {
    const standing = standingOf(claim, context, judge)
    return { isSettled: standing.holds || standing.isLost, reply: () => replyTo(claim, standing, call, context) }
  })
}
