/** The answers of verifications, and what the log says of them. */
import type { ExchangeFilter } from '../decide/matching/filter.ts'
import { rememberingJudge, sentResponse } from './judged.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { majorOf } from './major.ts'
import { type Json, responseJson, retrievedRequest } from './message-json.ts'
import type { Context } from './ports.ts'
import { type Reply, text } from './reply.ts'
import { amongText, unfound } from './texts.ts'

const PASSED: Reply = { status: 202 }
/** From so many messages on a failure lists none, where the call does not say. */
export const MAX_LISTED = 10

export interface About {
  readonly kind: 'request' | 'response' | 'request sequence' | 'response sequence'
  /** `found exactly once`. */
  readonly outcome: string
  /** The document of what was asked for, pretty-printed. */
  readonly expected: string
}

export interface Failure extends About {
  /** Why the log cannot tell, if it cannot. */
  readonly doubt: string | undefined
  readonly found: number
  readonly maximumListed: number
  readonly what: ExchangeFilter
  /** Those that are listed, unless responses were asked for. */
  readonly exchanges: readonly LoggedExchange[]
  /** What the nearest one differs in; empty for nothing. */
  readonly diff: string
}

export const pass = ({ kind, outcome, expected }: About, nowMs: number, { log }: Context): Reply => {
  log.note('VERIFICATION_PASSED', nowMs, `${kind}:{}${outcome}`, JSON.parse(expected))
  return PASSED
}

/** Responses to requests that were meant, or all requests: only as many as are listed are written out. */
const listed = ({ kind, what, exchanges, maximumListed }: Failure, context: Context): readonly (Json | undefined)[] => {
  if (kind.startsWith('request')) {
    if (exchanges.length >= maximumListed) return exchanges.map(() => undefined)
    return exchanges.map((one) => retrievedRequest(one, majorOf(context)))
  }
  const asked = { ...what, response: undefined }
  const judge = rememberingJudge(context)
  const responses = exchanges
    .filter((one) => judge(asked, one) === 'yes')
    .map(sentResponse)
    .filter((one) => one !== undefined)
  return responses.length >= maximumListed ? responses.map(() => undefined) : responses.map((one) => responseJson(one))
}

export const fail = (failure: Failure, nowMs: number, context: Context): Reply => {
  const { log } = context
  const { kind, outcome, expected, doubt, found, maximumListed, diff } = failure
  const messages = listed(failure, context)
  const claim = `${kind} not ${outcome}`
  const isListed = messages.length < maximumListed
  const documents = [JSON.parse(expected), ...(isListed ? [messages] : [])]
  log.note('VERIFICATION_FAILED', nowMs, `${claim}, expected:{}${isListed ? 'but was:{}' : ''}`, ...documents)
  const what = `${claim.slice(0, 1).toUpperCase()}${claim.slice(1)}`
  const among = amongText(kind, found, messages.length, majorOf(context))
  return text(406, `${unfound({ what, doubt, expected, messages, maximumListed, among })}${diff}`)
}
