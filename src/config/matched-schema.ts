/** What requests are compared with: text, names with values, in all the forms that MockServer takes. */
import { z } from 'zod'
import { compileHashed } from '../content/hashed.ts'
import { compileTextSchema } from '../content/json-schema.ts'
import type { NamedTexts, PairsSpec } from '../decide/matching/pairs.ts'
import { PARAMETER_STYLES } from '../decide/matching/parameter-style.ts'
import { problemWithText, type Text, type TextSpec } from '../decide/matching/text.ts'
import { chosen, hasTooManyNames, isRecord, refused, TOO_MANY_NAMES } from './chosen-schema.ts'

const Plain = z.string().superRefine((value, context) => {
  const message = problemWithText(value)
  if (message) context.addIssue({ code: 'custom', message })
})

const Style = z.enum(PARAMETER_STYLES).optional()
/** A style counts where it stands beside a name; elsewhere it is taken and means nothing, as in MockServer. */
export const Flags = { not: z.boolean().default(false), optional: z.boolean().default(false), parameterStyle: Style }

/** `{value: …, not: true}`: prefixes of the value are part of it. */
const Spelled = z
  .strictObject({ value: z.string(), ...Flags })
  .transform(({ value, not, optional }, context): TextSpec => {
    const text = { value, negated: not, optional }
    const message = problemWithText(text)
    if (message) context.addIssue({ code: 'custom', message, path: ['value'] })
    return text
  })

const Schema = z
  .strictObject({ schema: z.unknown(), ...Flags })
  .transform(({ schema, not, optional }, context): TextSpec => {
    const compiled = compileTextSchema(schema)
    if ('test' in compiled) return { value: '', negated: not, optional, test: compiled.test }
    context.addIssue({ code: 'custom', message: compiled.problem, path: ['schema'] })
    return z.NEVER
  })

/** A secret that is known by its hash only, as recordings have them. */
const Hashed = z
  .strictObject({ hashed: z.string(), ...Flags })
  .transform(({ hashed, not, optional }, context): TextSpec => {
    const compiled = compileHashed(hashed)
    if ('test' in compiled) return { value: '', negated: not, optional, test: compiled.test }
    context.addIssue({ code: 'custom', message: compiled.problem, path: ['hashed'] })
    return z.NEVER
  })

/**
 * Text that is matched: literal or a regular expression, which must be one that can be run safely; a JSON schema; or the
 * hash of a secret.
 */
export const Matched: z.ZodType<Text> = chosen<Text>((given) => {
  if (!isRecord(given)) return Plain
  if ('hashed' in given) return Hashed
  return 'schema' in given ? Schema : Spelled
})

const List = z.array(Matched)
const One = Matched.transform((one): readonly Text[] => [one])
const Styled = z.strictObject({ parameterStyle: Style, values: List })

type Values = Pick<NamedTexts, 'values' | 'style'>

const Values = chosen<Values>((given) => {
  if (Array.isArray(given)) return List.transform((values) => ({ values }))
  if (isRecord(given) && ('values' in given || 'parameterStyle' in given)) {
    return Styled.transform(({ parameterStyle, values }) => ({ values, style: parameterStyle }))
  }
  return One.transform((values) => ({ values }))
})

const listed = (record: Readonly<Record<string, Values>>): readonly NamedTexts[] => {
  return Object.entries(record).map(([name, values]) => ({ name, ...values }))
}

const Styles = z.looseObject({ keyMatchStyle: z.enum(['SUB_SET', 'MATCHING_KEY']) })
const WithStyle = Styles.transform(({ keyMatchStyle: _, ...rest }) => rest).pipe(z.record(Plain, Values))

/** Checked as a part of the name. */
const StyledName = z.looseObject({ name: z.looseObject({ parameterStyle: Style }) })

const Entry = chosen<NamedTexts>((given) => {
  const named = StyledName.safeParse(given)
  const style = named.success ? named.data.name.parameterStyle : undefined
  return z
    .strictObject({ name: Matched, values: Values.default({ values: [] }) })
    .transform(({ name, values }): NamedTexts => ({ name, values: values.values, style: values.style ?? style }))
})

/**
 * `{a: "1"}`, `{a: ["1", "2"]}`, `{a: {parameterStyle: …, values: […]}}` or `[{name: a, values: ["1"]}]`; an object may
 * also say `keyMatchStyle`.
 */
export const MatchedPairs: z.ZodType<PairsSpec> = chosen<PairsSpec>((given) => {
  if (hasTooManyNames(given)) return refused(TOO_MANY_NAMES)
  if (Array.isArray(given)) return z.array(Entry)
  if (!isRecord(given) || !('keyMatchStyle' in given)) return z.record(Plain, Values).transform(listed)
  const isMatchingKey = given['keyMatchStyle'] === 'MATCHING_KEY'
  return WithStyle.transform((record) => (isMatchingKey ? { matchingKey: listed(record) } : listed(record)))
})

const Cookie = z
  .strictObject({ name: Matched, value: Matched })
  .transform(({ name, value }): NamedTexts => ({ name, values: [value] }))

/** `{session: "1"}` or `[{name: session, value: "1"}]`. */
export const MatchedCookies: z.ZodType<PairsSpec> = chosen<PairsSpec>((given) =>
  hasTooManyNames(given)
    ? refused(TOO_MANY_NAMES)
    : Array.isArray(given)
      ? z.array(Cookie)
      : z.record(Plain, Matched).transform((record) => {
          return Object.entries(record).map(([name, value]): NamedTexts => ({ name, values: [value] }))
        }),
)
