import type { ExchangeFilter, Filter, SequenceVerification } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { closestMatch } from './closest-match.ts'
import { messageJson } from './expectation-json.ts'
import { askedJson } from './filtered.ts'
import { doubtOf, type ExchangeJudge, rememberingJudge, unknownId } from './judged.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import type { Context, Handler } from './ports.ts'
import { readChecked } from './read-json.ts'
import { text } from './reply.ts'
import { requiredWithFooter, unequalSequences, unknownId as unknownIdText } from './texts.ts'
import { fail, MAX_LISTED, pass } from './verified.ts'
import type { Attempt } from './waiting.ts'

const NOTHING_ASKED = 'No expectations, requests or responses specified in verification sequence'
/** Any exchange: whose messages a failure lists. */
const ANY: ExchangeFilter = { request: undefined, response: undefined, disposition: undefined }

/** What is wrong with a sequence, as the answer says it. */
const problemOf = ({ requests, responses }: SequenceVerification): string | undefined => {
  if (requests.length + responses.length === 0) return NOTHING_ASKED
  const isPaired = requests.length > 0 && responses.length > 0
  return isPaired && requests.length !== responses.length
    ? unequalSequences(requests.length, responses.length)
    : undefined
}

const stepsOf = ({ requests, responses }: SequenceVerification): ExchangeFilter[] =>
  Array.from({ length: Math.max(requests.length, responses.length) }, (_, at) => ({
    request: requests[at],
    response: responses[at],
    disposition: undefined,
  }))

/** What was asked for, as failures show it: one response stands alone, one request does not. */
const expectedOf = ({ requests, responses }: SequenceVerification, context: Context): string => {
  const [first, ...others] = responses.map(({ given }) => messageJson(given))
  if (first) return prettyJson(others.length === 0 ? first : [first, ...others])
  return prettyJson(requests.map((filter) => askedJson(filter, context)))
}

/** By ids, those that these expectations have answered. */
const listedFor = (requests: readonly Filter[], { log }: Context): readonly LoggedExchange[] => {
  const ids = new Set(requests.map((filter) => (filter.kind === 'id' ? filter.id : undefined)))
  return ids.has(undefined) || ids.size === 0
    ? log.exchanges
    : log.exchanges.filter(({ expectationId }) => ids.has(expectationId))
}

/** How many of the steps were taken, others between them allowed, and what could not be told. */
const progressOf = (
  steps: readonly ExchangeFilter[],
  { log }: Context,
  judge: ExchangeJudge,
): { readonly found: number; readonly undecided: number } => {
  let found = 0
  let undecided = 0
  for (const entry of log.exchanges) {
    const step = steps[found]
    if (!step) break
    const verdict = judge(step, entry)
    if (verdict === 'yes') found++
    else if (verdict === 'needs_body') undecided++
  }
  return { found, undecided }
}

/** Whether exchanges came in that order. */
export const verifySequence: Handler = (call, context) => {
  const what = 'verification sequence'
  const { version } = context.limits
  const missing = requiredWithFooter(`a ${what}`, version)
  const read = readChecked(call.body, what, missing, context.documents.sequence, version)
  if ('refusal' in read) return text(400, read.refusal)
  const { requests, responses, timeoutMs, maximumListed = MAX_LISTED } = read.value
  const problem = problemOf(read.value)
  if (problem !== undefined) return text(406, problem)
  const unknown = unknownId(requests, context)
  if (unknown !== undefined) return text(400, unknownIdText(unknown))
  context.log.note('VERIFICATION', call.nowMs, 'verifying sequence that match:{}', read.given)
  const steps = stepsOf(read.value)
  const kind = responses.length > 0 ? ('response' as const) : ('request' as const)
  const about = { kind: `${kind} sequence` as const, outcome: 'found', expected: expectedOf(read.value, context) }
  const judge = rememberingJudge(context)
  return context.waiting.until(call, timeoutMs, (): Attempt => {
    const { found, undecided } = progressOf(steps, context, judge)
    if (found === steps.length) return { isSettled: true, reply: () => pass(about, call.nowMs, context) }
    const failure = { ...about, doubt: doubtOf(context, undecided), found, maximumListed, what: ANY }
    return {
      isSettled: false,
      reply: () => {
        const exchanges = listedFor(requests, context)
        const diff = closestMatch({ ...ANY, ...steps[found] }, exchanges, context)
        return fail({ ...failure, exchanges, diff }, call.nowMs, context)
      },
    }
  })
}
