/** Bodies in expectation files: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import type { BodyMatcher } from '../decide/matching/body.ts'
import { parseJson } from '../decide/matching/json.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { chosen, isRecord, notYetKeys, refused } from './chosen-schema.ts'

/** What a response body comes to. */
export interface BodyBytes {
  readonly bytes: Buffer
  readonly contentType: string | undefined
}

/** An object whose `type` is one of these is a body matcher or a body; any other object is JSON to match or to serve. */
const TYPES = new Set<unknown>(
  'STRING JSON BINARY REGEX JSON_SCHEMA JSON_PATH XML XML_SCHEMA XPATH PARAMETERS GRAPHQL MULTIPART FUZZY JSON_RPC FILE WASM'.split(
    ' ',
  ),
)
const JSON_TYPE = 'application/json; charset=utf-8'
const ContentType = z.string().regex(/^[\x20-\x7e]+$/, { error: 'expected a media type' })

/** One problem, at `type`: the other keys of such a body would be right in a version that has it. */
function unsupported(type: unknown): z.ZodType<never> {
  return z.looseObject({ type: refused(`body type ${String(type)} is not supported yet`) }).transform(() => z.NEVER)
}

/** JSON given as a string is kept as it is written. */
const JsonText = z.string().superRefine((text, context) => {
  try {
    parseJson(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.addIssue({ code: 'custom', message: `not valid JSON: ${reason}` })
  }
})

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

const StringBody = z
  .strictObject({ type: z.literal('STRING'), string: z.string(), contentType: ContentType.optional() })
  .transform(({ string, contentType }): BodyBytes => ({ bytes: Buffer.from(string), contentType }))

const JsonBody = z
  .strictObject({
    type: z.literal('JSON'),
    json: chosen((given) =>
      typeof given === 'string' ? JsonText : z.unknown().transform((value) => prettyJson(value)),
    ),
    contentType: ContentType.default(JSON_TYPE),
  })
  .transform(({ json: written, contentType }): BodyBytes => ({ bytes: Buffer.from(written), contentType }))

const BinaryBody = z
  .strictObject({
    type: z.literal('BINARY'),
    base64Bytes: z.base64({ error: 'expected base64' }),
    contentType: ContentType.optional(),
  })
  .transform(({ base64Bytes, contentType }): BodyBytes => ({ bytes: Buffer.from(base64Bytes, 'base64'), contentType }))

const PrettyBody = z.unknown().transform((value): BodyBytes => {
  return { bytes: Buffer.from(prettyJson(value)), contentType: JSON_TYPE }
})

export const ResponseBody = chosen<BodyBytes>((given) => {
  if (Array.isArray(given)) return PrettyBody
  if (!isRecord(given)) {
    const plain = z.string({ error: 'expected a string, an object or a list' })
    return plain.transform((value) => ({ bytes: Buffer.from(value), contentType: undefined }))
  }
  if (!TYPES.has(given['type'])) return PrettyBody
  switch (given['type']) {
    case 'STRING':
      return StringBody
    case 'JSON':
      return JsonBody
    case 'BINARY':
      return BinaryBody
    default:
      return unsupported(given['type'])
  }
})
