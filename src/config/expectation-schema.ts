/**
 * The language of expectation files: MockServer's JSON, as far as this version speaks it. Unknown keys are refused, and
 * keys that MockServer has and this version lacks are refused by name. Shorthands are spelt out on the way in, so what
 * comes out is ready for `compileExpectation`. docs/expectations.md is the user's view of this file.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Action, ExpectationSpec } from '../decide/matching/expectation.ts'
import type { NamedValues } from '../decide/matching/pairs.ts'
import { problemWithText } from '../decide/matching/text.ts'
import { chosen, isRecord, notYetKeys, refused } from './chosen-schema.ts'
import { RequestBody, ResponseBody } from './expectation-body-schema.ts'

const UNIT_MS = {
  NANOSECONDS: 1e-6,
  MICROSECONDS: 1e-3,
  MILLISECONDS: 1,
  SECONDS: 1000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: 86_400_000,
} as const

const TimeUnit = z.enum(Object.keys(UNIT_MS) as [keyof typeof UNIT_MS, ...(keyof typeof UNIT_MS)[]])
const Whole = z.int().min(0)

/** Text that is matched: literal or a regular expression, which must be one that can be run safely. */
const Matched = z.string().superRefine((value, context) => {
  const message = problemWithText(value)
  if (message) context.addIssue({ code: 'custom', message })
})

const MatchedName = Matched.superRefine((value, context) => {
  if (value === 'keyMatchStyle') context.addIssue({ code: 'custom', message: 'not supported yet' })
})

const HeaderName = z.string().superRefine((value, context) => {
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header name is letters, digits and hyphens' })
  } else if (/^(?:content-length|transfer-encoding)$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is worked out from the body; remove it' })
  } else if (/^connection$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is decided for each client; remove it' })
  }
})
const HeaderValue = z.string().superRefine((value, context) => {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header value is one line of latin1 text' })
  }
})

/** `{a: "1"}`, `{a: ["1", "2"]}` or `[{name: a, values: ["1"]}]`; each name with at least `atLeast` values. */
function namedValues(name: z.ZodString, value: z.ZodString, atLeast: 0 | 1): z.ZodType<readonly NamedValues[]> {
  const list = z.array(value).min(atLeast)
  const values = chosen((given) => (Array.isArray(given) ? list : value.transform((one) => [one])))
  const asObject = z.record(name, values).transform((record) => {
    return Object.entries(record).map(([key, list]) => ({ name: key, values: list }))
  })
  const asList = z.array(z.strictObject({ name, values: atLeast === 0 ? values.default([]) : values }))
  return chosen<readonly NamedValues[]>((given) => (Array.isArray(given) ? asList : asObject))
}

const Request = z.strictObject({
  method: Matched.optional(),
  path: Matched.optional(),
  queryStringParameters: namedValues(MatchedName, Matched, 0).optional(),
  headers: namedValues(MatchedName, Matched, 0).optional(),
  body: RequestBody.optional(),
  ...notYetKeys(['pathParameters', 'cookies', 'secure', 'keepAlive', 'protocol', 'not', 'respondBeforeBody']),
  ...notYetKeys(['socketAddress', 'localAddress', 'remoteAddress', 'specUrlOrPayload', 'operationId']),
})

/** setTimeout holds no more. */
const MAX_DELAY_MS = 2 ** 31 - 1
const Delay = z
  .strictObject({ timeUnit: TimeUnit, value: Whole, ...notYetKeys(['distribution']) })
  .transform(({ timeUnit, value }, context) => {
    const delayMs = Math.round(value * UNIT_MS[timeUnit])
    if (delayMs > MAX_DELAY_MS) context.addIssue({ code: 'custom', message: 'is longer than 24 days', path: ['value'] })
    return delayMs
  })

/** A 1xx announces the real answer (RFC 9110 15.2), and there would never be one. */
const FinalStatus = z
  .int()
  .min(200, { error: 'expected at least 200: after a 1xx the client waits for the final answer' })
  .max(999)

const Response = z
  .strictObject({
    statusCode: FinalStatus.default(200),
    reasonPhrase: HeaderValue.optional(),
    headers: namedValues(HeaderName, HeaderValue, 1).optional(),
    body: ResponseBody.optional(),
    delay: Delay.default(0),
    ...notYetKeys(['cookies', 'connectionOptions', 'trailers']),
  })
  .transform(({ statusCode, reasonPhrase, headers = [], body, delay }): Action => {
    const lines = headers.flatMap(({ name, values }) => values.flatMap((value) => [name, value]))
    const isTyped = headers.some(({ name }) => name.toLowerCase() === 'content-type')
    if (body?.contentType !== undefined && !isTyped) lines.push('content-type', body.contentType)
    const response = { statusCode, headers: lines, body: body?.bytes ?? Buffer.alloc(0), delayMs: delay }
    return { kind: 'respond', response: reasonPhrase === undefined ? response : { ...response, reasonPhrase } }
  })

const Host = z.string().superRefine((value, context) => {
  const isName = /^(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(value) && value.length <= 253
  if (isName || (isIP(value) !== 0 && !/^::ffff:|%/i.test(value))) return
  const message = 'expected a host name or an IP address alone, without scheme, port or brackets'
  context.addIssue({ code: 'custom', message })
})

const Scheme = chosen((given) =>
  given === 'HTTPS' ? refused('forwarding over HTTPS is not supported yet') : z.literal('HTTP'),
)

const Forward = z
  .strictObject({
    host: Host,
    port: z.int().min(1).max(65535).default(80),
    scheme: Scheme.optional(),
    ...notYetKeys(['delay']),
  })
  .transform(({ host, port }): Action => ({ kind: 'forward', destination: { address: host, port } }))

/** No `remainingTimes` at all is none left: such an expectation never matches. */
const Times = z
  .strictObject({ remainingTimes: Whole.default(0), unlimited: z.boolean().default(false) })
  .transform(({ remainingTimes, unlimited }) => (unlimited ? Infinity : remainingTimes))

const TimeToLive = chosen<number>((given) =>
  isRecord(given) && given['unlimited'] === true
    ? z
        .strictObject({ unlimited: z.literal(true), timeUnit: TimeUnit.optional(), timeToLive: Whole.optional() })
        .transform(() => Infinity)
    : z
        .strictObject({ timeUnit: TimeUnit, timeToLive: Whole, unlimited: z.literal(false).optional() })
        .transform(({ timeUnit, timeToLive }) => timeToLive * UNIT_MS[timeUnit]),
)

const OTHER_ACTIONS = [
  'httpResponseTemplate',
  'httpResponseClassCallback',
  'httpResponseObjectCallback',
  'httpResponses',
  'httpForwardTemplate',
  'httpForwardClassCallback',
  'httpForwardObjectCallback',
  'httpOverrideForwardedRequest',
  'httpError',
]

const Expectation = chosen<ExpectationSpec>((given, report) => {
  if (isRecord(given)) {
    const has = (key: string): boolean => given[key] !== undefined
    const hasOther = OTHER_ACTIONS.some(has)
    if (has('httpResponse') && has('httpForward'))
      report('one action only: httpResponse or httpForward', ['httpForward'])
    else if (!has('httpResponse') && !has('httpForward') && !hasOther)
      report('no action: give httpResponse or httpForward')
  }
  return OneExpectation
})

const OneExpectation = z
  .strictObject({
    id: z.string().min(1).optional(),
    priority: z.int().default(0),
    httpRequest: Request.optional(),
    httpResponse: Response.optional(),
    httpForward: Forward.optional(),
    times: Times.default(Infinity),
    timeToLive: TimeToLive.default(Infinity),
    ...notYetKeys(OTHER_ACTIONS),
    ...notYetKeys([
      'scenarioName',
      'scenarioState',
      'newScenarioState',
      'percentage',
      'namespace',
      'chaos',
      'rateLimit',
    ]),
  })
  .transform(({ httpResponse, httpForward, times, timeToLive, ...rest }): ExpectationSpec => {
    const action = httpResponse ?? httpForward
    // Without one, `Expectation` has already said so.
    return action ? { ...rest, action, remainingTimes: times, timeToLiveMs: timeToLive } : z.NEVER
  })

const List = chosen((given, report) => {
  const firstAt = new Map<unknown, number>()
  for (const [index, item] of (Array.isArray(given) ? given : []).entries()) {
    const id: unknown = isRecord(item) ? item['id'] : undefined
    const first = firstAt.get(id)
    if (id !== undefined && first !== undefined)
      report(`the same id as [${first}]; ids are unique in a file`, [index, 'id'])
    else firstAt.set(id, index)
  }
  return z.array(Expectation)
})

/** A file: one expectation, a list of them, or `{expectations: […]}`. */
export const ExpectationFile: z.ZodType<readonly ExpectationSpec[]> = chosen<readonly ExpectationSpec[]>((given) => {
  if (Array.isArray(given)) return List
  if (isRecord(given) && 'expectations' in given) return Wrapped
  return Expectation.transform((one) => [one])
})

const Wrapped = z.strictObject({ expectations: List }).transform(({ expectations }) => expectations)
