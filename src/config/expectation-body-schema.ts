/** Bodies that are matched: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import type { BodyMatcher } from '../decide/matching/body.ts'
import { parseJson } from '../decide/matching/json.ts'
import { JsonText, TYPES, unsupported } from './body-types.ts'
import { chosen, isRecord, notYetKeys } from './chosen-schema.ts'

const ExpectedJson = chosen((given) => {
  const schema: z.ZodType<unknown> = typeof given === 'string' ? JsonText.transform(parseJson) : z.unknown()
  return schema.superRefine((value, context) => {
    if (!JSON.stringify(value)?.includes('${json-unit.')) return
    context.addIssue({ code: 'custom', message: 'the placeholders of JsonUnit are not supported yet' })
  })
})

const json = (expected: unknown): BodyMatcher => ({ kind: 'json', expected, isStrict: false, negated: false })
const text = (value: string): BodyMatcher => ({ kind: 'text', text: value, isPart: false, negated: false })

const StringMatcher = z
  .strictObject({
    type: z.literal('STRING'),
    string: z.string(),
    subString: z.boolean().default(false),
    not: z.boolean().default(false),
    ...notYetKeys(['optional', 'contentType']),
  })
  .transform((given): BodyMatcher => {
    return { kind: 'text', text: given.string, isPart: given.subString, negated: given.not }
  })

const JsonMatcher = z
  .strictObject({
    type: z.literal('JSON'),
    json: ExpectedJson,
    matchType: z.enum(['ONLY_MATCHING_FIELDS', 'STRICT']).default('ONLY_MATCHING_FIELDS'),
    not: z.boolean().default(false),
    ...notYetKeys(['optional', 'contentType']),
  })
  .transform((given): BodyMatcher => {
    return { kind: 'json', expected: given.json, isStrict: given.matchType === 'STRICT', negated: given.not }
  })

export const RequestBody = chosen<BodyMatcher>((given) => {
  if (Array.isArray(given)) return ExpectedJson.transform(json)
  if (!isRecord(given)) return z.string({ error: 'expected a string, an object or a list' }).transform(text)
  if (!TYPES.has(given['type'])) return ExpectedJson.transform(json)
  if (given['type'] === 'STRING') return StringMatcher
  return given['type'] === 'JSON' ? JsonMatcher : unsupported(given['type'])
})
