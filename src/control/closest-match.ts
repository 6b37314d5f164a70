/** What the exchange that is nearest to a failed verification differs in: as MockServer says it from version 8 on. */
import type { ExchangeFilter, Verification } from '../decide/matching/filter.ts'
import { messageJson } from './expectation-json.ts'
import { type ExchangeJudge, rememberingJudge, sentResponse } from './judged.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { majorOf } from './major.ts'
import { type Json, requestJson, responseJson } from './message-json.ts'
import type { Context } from './ports.ts'
import { closestText } from './texts.ts'

/** Only the latest are compared: a failure is not worth more. */
const COMPARED = 100

/** One field of what was asked for, compared alone. */
interface Field {
  readonly name: string
  readonly expected: unknown
  readonly filter: ExchangeFilter
}

const fieldsOf = ({ request, response }: ExchangeFilter, { documents }: Context): Field[] => {
  const key = response ? 'httpResponse' : 'httpRequest'
  const given = response?.given ?? (request?.kind === 'request' ? request.request.given : {})
  if (given['not'] === true) return [] // then what matches is what is wrong
  return Object.entries(messageJson(given)).flatMap(([name, expected]) => {
    const path = name === 'pathParameters' ? { path: given['path'] } : {}
    const alone = documents.verification({ [key]: { ...path, [name]: expected } })
    return 'value' in alone ? [{ name, expected, filter: alone.value.what }] : []
  })
}

const messageOf = (entry: LoggedExchange, isResponse: boolean): Json => {
  if (!isResponse) return requestJson(entry, 'compact', false)
  const sent = sentResponse(entry)
  return sent ? responseJson(sent) : {}
}

const isCandidate = ({ request, response }: ExchangeFilter, entry: LoggedExchange, judge: ExchangeJudge): boolean =>
  response === undefined ||
  (sentResponse(entry) !== undefined &&
    judge({ request, response: undefined, disposition: undefined }, entry) === 'yes')

/** Empty where no exchange can be compared, and before version 8. */
export const closestMatch = (
  what: Verification['what'],
  exchanges: readonly LoggedExchange[],
  context: Context,
): string => {
  if (majorOf(context) < 8) return ''
  const fields = fieldsOf(what, context)
  const judge = rememberingJudge(context)
  const compared = exchanges
    .slice(-COMPARED)
    .filter((entry) => isCandidate(what, entry, judge))
    .map((entry) => ({ entry, wrong: fields.filter(({ filter }) => judge(filter, entry) !== 'yes') }))
  const [first, ...others] = compared
  if (!first) return ''
  const { entry, wrong } = others.reduce((best, one) => (one.wrong.length < best.wrong.length ? one : best), first)
  if (wrong.length === 0) return ''
  const message = messageOf(entry, what.response !== undefined)
  return closestText(wrong.map(({ name, expected }) => ({ name, expected, found: message[name] })))
}
