/** `delay`: how long an action waits before it does anything. */
import { z } from 'zod'
import { notYetKeys } from '../chosen-schema.ts'
import { TimeUnit, UNIT_MS, Whole } from '../time-schema.ts'

/** setTimeout holds no more. */
const MAX_DELAY_MS = 2 ** 31 - 1
/** Milliseconds. */
export const Delay = z
  .strictObject({ timeUnit: TimeUnit, value: Whole, ...notYetKeys(['distribution']) })
  .transform(({ timeUnit, value }, context) => {
    const delayMs = Math.round(value * UNIT_MS[timeUnit])
    if (delayMs > MAX_DELAY_MS) context.addIssue({ code: 'custom', message: 'is longer than 24 days', path: ['value'] })
    return delayMs
  })
