/**
 * The language of expectation files: MockServer's JSON, as far as this version speaks it. Unknown keys are refused, and
 * keys that MockServer has and this version lacks are refused by name. Shorthands are spelt out on the way in, so what
 * comes out is ready for `compileExpectation`. docs/expectations.md is the user's view of this file.
 */
import { z } from 'zod'
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import { actionOf, actionShape, problemWithActions } from './actions/table.ts'
import { chosen, isRecord, notYetKeys, refused } from './chosen-schema.ts'
import { conditionShape, conditionsOf, problemWithScenario } from './conditions-schema.ts'
import { hasSpec, OpenApiExpectations } from './openapi-schema.ts'
import { Request } from './request-schema.ts'
import { TimeUnit, UNIT_MS, Whole } from './time-schema.ts'

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

/** Actions that need nothing of the body of a request. */
const EARLY_ACTIONS = ['httpResponse', 'httpResponses', 'httpError']

/** Whether it asks for its answer before the body has arrived, and for one that may need the body. */
function isTooEarly(given: unknown): boolean {
  if (!isRecord(given) || EARLY_ACTIONS.some((key) => given[key] !== undefined)) return false
  const { httpRequest } = given
  return isRecord(httpRequest) && httpRequest['respondBeforeBody'] === true
}

/** One expectation; what comes out remembers what went in. */
export const Expectation = chosen<ExpectationSpec>((given, report) => {
  const problem = problemWithActions(given)
  if (problem) report(problem.message, problem.path)
  const stray = problemWithScenario(given)
  if (stray) report(stray.message, [stray.key])
  if (isTooEarly(given)) {
    const message = 'only a response or an error can be sent before the body has arrived'
    report(message, ['httpRequest', 'respondBeforeBody'])
  }
  return OneExpectation.transform((spec): ExpectationSpec => ({ ...spec, source: given }))
})

const OneExpectation = z
  .strictObject({
    id: z.string().min(1).optional(),
    priority: z.int().default(0),
    httpRequest: Request.optional(),
    ...actionShape,
    times: Times.default(Infinity),
    timeToLive: TimeToLive.default(Infinity),
    ...conditionShape,
    /** When a recorded one was answered; of no consequence. */
    timestamp: z.string().optional(),
    namespace: refused('not supported: a header does not say who somebody is; use scope: {namespace: …}').optional(),
    ...notYetKeys(['chaos', 'crossProtocolScenarios', 'capture']),
  })
  .transform((read): ExpectationSpec => {
    const { id, priority, httpRequest, times, timeToLive } = read
    const does = actionOf(read)
    const conditions = conditionsOf(read)
    // Without an action, `Expectation` has already said so.
    return does
      ? { id, priority, httpRequest, conditions, ...does, remainingTimes: times, timeToLiveMs: timeToLive }
      : z.NEVER
  })

/** One item of a list: an expectation, or an OpenAPI document that stands for several. */
export const ExpectationItem = chosen<readonly ExpectationSpec[]>((given) =>
  hasSpec(given) ? OpenApiExpectations : Expectation.transform((one) => [one]),
)

/** A list of items; ids are unique in it. */
export const ExpectationList = chosen((given, report) => {
  const firstAt = new Map<unknown, number>()
  for (const [index, item] of (Array.isArray(given) ? given : []).entries()) {
    const id: unknown = isRecord(item) ? item['id'] : undefined
    const first = firstAt.get(id)
    if (id !== undefined && first !== undefined)
      report(`the same id as [${first}]; ids are unique in a file`, [index, 'id'])
    else firstAt.set(id, index)
  }
  return z.array(ExpectationItem).transform((items) => items.flat())
})
