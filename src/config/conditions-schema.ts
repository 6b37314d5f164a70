/** What an expectation asks for beside the request, and what it limits: scope, scenario, percentage, rate. */
import { z } from 'zod'
import type { Conditions } from '../decide/matching/expectation.ts'
import type { RateLimit } from '../decide/matching/rate-limits.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { whole } from './kinds.ts'
import { ScopeDocument } from './scope-schema.ts'

const DAY_MS = 86_400_000
const WholeAbove0 = z.int().min(1)

const common = {
  name: z.string().min(1).max(256).optional(),
  errorStatus: whole(200, 599).default(429),
  retryAfter: z
    .string()
    .regex(/^[\x20-\x7e]{1,100}$/, { error: 'expected up to 100 ASCII characters' })
    .optional(),
}

const FixedWindow = z
  .strictObject({
    ...common,
    algorithm: z.literal('fixed_window').optional(),
    limit: WholeAbove0,
    windowMillis: whole(1, DAY_MS),
  })
  .transform(
    ({ name, errorStatus, retryAfter, limit, windowMillis }): RateLimit => ({
      kind: 'fixed_window',
      name,
      errorStatus,
      retryAfter,
      limit,
      windowMs: windowMillis,
    }),
  )

const TokenBucket = z
  .strictObject({
    ...common,
    algorithm: z.literal('token_bucket'),
    burst: WholeAbove0,
    refillPerSecond: z.number().positive().max(1_000_000),
  })
  .transform(
    ({ name, errorStatus, retryAfter, burst, refillPerSecond }): RateLimit => ({
      kind: 'token_bucket',
      name,
      errorStatus,
      retryAfter,
      burst,
      refillPerSecond,
    }),
  )

const RateLimitDocument = chosen<RateLimit>((given) =>
  isRecord(given) && given['algorithm'] === 'token_bucket' ? TokenBucket : FixedWindow,
)

const Name = z.string().min(1).max(256)

/** Keys of an expectation that are conditions. */
export const conditionShape = {
  scope: ScopeDocument.optional(),
  scenarioName: Name.optional(),
  scenarioState: Name.optional(),
  newScenarioState: Name.optional(),
  percentage: whole(0, 100).optional(),
  rateLimit: RateLimitDocument.optional(),
}

type Read = { readonly [Key in keyof typeof conditionShape]?: z.output<(typeof conditionShape)[Key]> | undefined }

/** A state belongs to a scenario: the first key that has none. */
export const problemWithScenario = (given: unknown): { readonly message: string; readonly key: string } | undefined => {
  if (!isRecord(given) || given['scenarioName'] !== undefined) return undefined
  const key = ['scenarioState', 'newScenarioState'].find((name) => given[name] !== undefined)
  return key === undefined ? undefined : { message: 'is the state of a scenario: give scenarioName too', key }
}

/** Undefined where there is none, which is what most expectations have. */
export const conditionsOf = (read: Read): Conditions | undefined => {
  const { scope, scenarioName, scenarioState, newScenarioState, percentage, rateLimit } = read
  const scenario =
    scenarioName === undefined ? undefined : { name: scenarioName, state: scenarioState, next: newScenarioState }
  if (!scope && !scenario && percentage === undefined && !rateLimit) return undefined
  return { scope, scenario, percentage: percentage ?? 100, rateLimit }
}
