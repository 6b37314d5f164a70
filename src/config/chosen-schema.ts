/** Two ways to say more with a zod schema than a union or an unknown key can. */
import { z } from 'zod'
import { UnderstudyError } from '../errors.ts'
import type { KeyPath } from './problems.ts'

/**
 * A schema picked by what the value looks like, so that the problems found are those of the shape the writer meant
 * (a union reports the shape that fails least). `report` adds a problem that no one schema would see.
 */
export function chosen<T>(
  choose: (value: unknown, report: (message: string, path?: KeyPath) => void) => z.ZodType<T>,
): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const report = (message: string, path: KeyPath = []): void => {
      context.issues.push({ code: 'custom', input: value, message, path: [...path] })
    }
    const result = choose(value, report)._zod.run({ value, issues: [] }, { async: false })
    if (result instanceof Promise) throw new UnderstudyError('ASSERTION', 'a schema of a file answered later')
    context.issues.push(...result.issues)
    return result.issues.length > 0 ? z.NEVER : (result.value as T)
  })
}

/** More names than this in one map are no request's and no answer's; each may be a pattern that has to be examined. */
const MAX_NAMES = 1000

/** Whether a map or a list of names has more of them than are read. */
export function hasTooManyNames(given: unknown): boolean {
  const names = Array.isArray(given) ? given : isRecord(given) ? Object.keys(given) : []
  return names.length > MAX_NAMES
}

/** The refusal of such a map. */
export const TOO_MANY_NAMES = `has more than ${MAX_NAMES} names`

/** Refuses any value, saying why. */
export function refused(message: string): z.ZodNever {
  return z.never({ error: message })
}

/** Keys that MockServer has and this version lacks: refused as such rather than as unknown ones. Not in the type. */
export function notYetKeys(names: readonly string[]): Record<never, z.ZodType> {
  return Object.fromEntries(names.map((name) => [name, refused('not supported yet').optional()]))
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
