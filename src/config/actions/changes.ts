/** Names with values that are added, replaced or removed. */
import { z } from 'zod'
import type { PairsChange } from '../../action.ts'
import type { NamedValues } from '../../decide/matching/pairs.ts'
import { chosen } from '../chosen-schema.ts'
import { namedValues } from '../named-values-schema.ts'

/** Name, value, name, value … */
export const flat = (named: readonly NamedValues[]): readonly string[] =>
  named.flatMap(({ name, values }) => values.flatMap((value) => [name, value]))

/** `{add, replace, remove}` of names that may have several values. */
export const pairsModifier = (name: z.ZodString, value: z.ZodString) =>
  z
    .strictObject({
      add: namedValues(name, value, 1).optional(),
      replace: namedValues(name, value, 1).optional(),
      remove: z.array(name).optional(),
    })
    .transform(({ add = [], replace = [], remove = [] }): PairsChange => {
      return { replace: flat(replace), add: flat(add), remove }
    })

/** `{session: "1"}` or `[{name: session, value: "1"}]`: name, value, name, value … */
export const singleValues = (name: z.ZodString, value: z.ZodString): z.ZodType<readonly string[]> => {
  const asList = z
    .array(z.strictObject({ name, value }))
    .transform((list) => list.flatMap((one) => [one.name, one.value]))
  const asObject = z.record(name, value).transform((record) => Object.entries(record).flat())
  return chosen<readonly string[]>((given) => (Array.isArray(given) ? asList : asObject))
}

/** `{add, replace, remove}` of cookies. One that is added takes the place of another of its name, as in a cookie jar. */
export const cookiesModifier = (name: z.ZodString, value: z.ZodString) =>
  z
    .strictObject({
      add: singleValues(name, value).optional(),
      replace: singleValues(name, value).optional(),
      remove: z.array(name).optional(),
    })
    .transform(({ add = [], replace = [], remove = [] }): readonly PairsChange[] => [{ replace }, { set: add, remove }])

export const CookieName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'a cookie name is letters, digits and hyphens' })
/** Of a request. */
export const CookieValue = z.string().regex(/^[\x20-\x3a\x3c-\x7e\x80-\xff]*$/, {
  error: 'a cookie value is one line of latin1 text without semicolons',
})
/** Of Set-Cookie, where attributes may follow. */
export const SetCookieValue = z.string().regex(/^[\x20-\x7e\x80-\xff]*$/, {
  error: 'a cookie value is one line of latin1 text',
})
