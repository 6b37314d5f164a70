/** `delay`: how long an action waits before it does anything. */
import { z } from 'zod'
import type { Delay as DelayOf, Distribution } from '../../action.ts'
import { MAX_DELAY_MS } from '../../decide/draw-delay.ts'
import { chosen, isRecord, notYetKeys } from '../chosen-schema.ts'
import { TimeUnit, UNIT_MS, Whole } from '../time-schema.ts'

const UNKNOWN = notYetKeys(['template', 'templateType'])
/** Of the standard normal distribution, 99 in 100 are below. */
const Z_99 = 2.3263478740408408

const Fixed = z
  .strictObject({ timeUnit: TimeUnit, value: Whole, ...UNKNOWN })
  .transform(({ timeUnit, value }, context): DelayOf => {
    const delayMs = Math.round(value * UNIT_MS[timeUnit])
    if (delayMs > MAX_DELAY_MS) context.addIssue({ code: 'custom', message: 'is longer than 24 days', path: ['value'] })
    return delayMs
  })

const AtLeastOne = z.int().min(1)

/** The figures are in the unit of the delay, which is not known here. */
const DISTRIBUTIONS = {
  UNIFORM: z
    .strictObject({ type: z.literal('UNIFORM'), min: Whole, max: Whole })
    .refine(({ min, max }) => min <= max, { error: 'is less than min', path: ['max'] })
    .transform(({ min, max }): Distribution => ({ kind: 'uniform', minMs: min, maxMs: max })),
  GAUSSIAN: z
    .strictObject({ type: z.literal('GAUSSIAN'), mean: Whole, stdDev: Whole })
    .transform(({ mean, stdDev }): Distribution => ({ kind: 'gaussian', meanMs: mean, deviationMs: stdDev })),
  LOG_NORMAL: z
    .strictObject({ type: z.literal('LOG_NORMAL'), median: AtLeastOne, p99: AtLeastOne })
    .refine(({ median, p99 }) => median <= p99, { error: 'is less than median', path: ['p99'] })
    .transform(({ median, p99 }): Distribution => {
      return { kind: 'log_normal', medianMs: median, sigma: Math.log(p99 / median) / Z_99 }
    }),
} as const

const AnyType = z
  .looseObject({ type: z.enum(['UNIFORM', 'LOG_NORMAL', 'GAUSSIAN']) })
  .transform((): Distribution => z.NEVER)

const isKnown = (type: unknown): type is keyof typeof DISTRIBUTIONS =>
  typeof type === 'string' && Object.hasOwn(DISTRIBUTIONS, type)

const DistributionOf = chosen<Distribution>((given) => {
  const type: unknown = isRecord(given) ? given['type'] : undefined
  return isKnown(type) ? DISTRIBUTIONS[type] : AnyType
})

const inUnit = (distribution: Distribution, unitMs: number): Distribution => {
  switch (distribution.kind) {
    case 'uniform':
      return { kind: 'uniform', minMs: distribution.minMs * unitMs, maxMs: distribution.maxMs * unitMs }
    case 'gaussian':
      return { kind: 'gaussian', meanMs: distribution.meanMs * unitMs, deviationMs: distribution.deviationMs * unitMs }
    case 'log_normal':
      return { ...distribution, medianMs: distribution.medianMs * unitMs }
  }
}

/** What is drawn never exceeds 24 days; that its middle does is a mistake. */
const middleMs = (distribution: Distribution): number => {
  switch (distribution.kind) {
    case 'uniform':
      return distribution.maxMs
    case 'gaussian':
      return distribution.meanMs
    case 'log_normal':
      return distribution.medianMs
  }
}

/** `value` may stand beside a distribution, which goes first. */
const Drawn = z
  .strictObject({ timeUnit: TimeUnit, value: Whole.optional(), distribution: DistributionOf, ...UNKNOWN })
  .transform(({ timeUnit, distribution }, context): DelayOf => {
    const found = inUnit(distribution, UNIT_MS[timeUnit])
    if (middleMs(found) > MAX_DELAY_MS)
      context.addIssue({ code: 'custom', message: 'is longer than 24 days', path: ['distribution'] })
    return found
  })

/** Milliseconds, or what they are drawn from. */
export const Delay: z.ZodType<DelayOf> = chosen<DelayOf>((given) =>
  isRecord(given) && given['distribution'] !== undefined ? Drawn : Fixed,
)
