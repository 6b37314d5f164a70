/** Names with one or more values, in any of the forms that MockServer takes. */
import { z } from 'zod'
import type { NamedValues } from '../decide/matching/pairs.ts'
import { chosen, hasTooManyNames, refused, TOO_MANY_NAMES } from './chosen-schema.ts'

/** `{a: "1"}`, `{a: ["1", "2"]}` or `[{name: a, values: ["1"]}]`; each name with at least `atLeast` values. */
export function namedValues(name: z.ZodString, value: z.ZodString, atLeast: 0 | 1): z.ZodType<readonly NamedValues[]> {
  const list = z.array(value).min(atLeast)
  const values = chosen((given) => (Array.isArray(given) ? list : value.transform((one) => [one])))
  const asObject = z.record(name, values).transform((record) => {
    return Object.entries(record).map(([key, list]) => ({ name: key, values: list }))
  })
  const asList = z.array(z.strictObject({ name, values: atLeast === 0 ? values.default([]) : values }))
  return chosen<readonly NamedValues[]>((given) => {
    if (hasTooManyNames(given)) return refused(TOO_MANY_NAMES)
    return Array.isArray(given) ? asList : asObject
  })
}
