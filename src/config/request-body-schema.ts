/** Bodies that are matched: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import { compileBodyPattern } from '../content/body-pattern.ts'
import { matchFuzzy } from '../content/fuzzy.ts'
import { hashedPlaceholder } from '../content/hashed.ts'
import { compileJsonPath } from '../content/json-path.ts'
import { jsonOf } from '../content/json-value.ts'
import { withinTime } from '../content/within-time.ts'
import type { BodyMatcher } from '../decide/matching/body.ts'
import { expectedJson, type NumbersBy, parseJson } from '../decide/matching/json.ts'
import { compilePairs } from '../decide/matching/pairs.ts'
import { common, compiling, flags, JsonSchema, tested } from './body-matcher-schema.ts'
import { JsonText, TYPES, unsupported } from './body-types.ts'
import { GraphqlMatcher, JsonRpcMatcher } from './call-body-schema.ts'
import { chosen, isRecord, notYetKeys } from './chosen-schema.ts'
import { MatchedPairs } from './matched-schema.ts'
import { XmlMatcher, XmlSchemaMatcher, XpathMatcher } from './xml-body-schema.ts'

/** JSON to compare with, given as a value or as its text; placeholders stand for what they say. */
const expected = (numbers: NumbersBy): z.ZodType<unknown> =>
  chosen((given) => {
    const parsed = JsonText.transform((written) => parseJson(written, numbers))
    const schema: z.ZodType<unknown> = typeof given === 'string' ? parsed : z.unknown()
    return schema.transform((value, context) =>
      expectedJson(value, (message) => context.addIssue({ code: 'custom', message }), hashedPlaceholder),
    )
  })
const ExpectedJson = expected('kind')

const json = (value: unknown): BodyMatcher => ({ kind: 'json', expected: value, isStrict: false, negated: false })
const text = (value: string): BodyMatcher => ({ kind: 'text', text: value, isPart: false, negated: false })

const StringMatcher = chosen<BodyMatcher>((given) => {
  const key = isRecord(given) && given['string'] === undefined && given['value'] !== undefined ? 'value' : 'string'
  return z
    .strictObject({ ...common, [key]: z.string(), subString: z.boolean().default(false) })
    .transform((body): BodyMatcher => {
      const { [key]: wanted } = body as Readonly<Record<string, unknown>>
      return { kind: 'text', text: String(wanted), isPart: body.subString, ...flags(body) }
    })
})

const JsonMatcher = chosen<BodyMatcher>((given) => {
  const numbers = isRecord(given) && given['matchNumbersAsStrings'] === true ? 'value' : 'kind'
  return z
    .strictObject({
      ...common,
      json: expected(numbers),
      matchType: z.enum(['ONLY_MATCHING_FIELDS', 'STRICT']).default('ONLY_MATCHING_FIELDS'),
      matchNumbersAsStrings: z.boolean().optional(),
    })
    .transform((body): BodyMatcher => {
      return { kind: 'json', expected: body.json, isStrict: body.matchType === 'STRICT', numbers, ...flags(body) }
    })
})

const RegexMatcher = chosen<BodyMatcher>((given) => {
  if (!isRecord(given) || given['regex'] !== '') return SomeRegexMatcher
  // An empty one asks for nothing, as empty text does.
  return z
    .strictObject({ ...common, regex: z.string() })
    .transform((body): BodyMatcher => ({ kind: 'text', text: '', isPart: false, ...flags(body) }))
})

const SomeRegexMatcher = z
  .strictObject({ ...common, regex: z.string().transform(compiling(compileBodyPattern)) })
  .transform((body) => tested(body.regex, body))

const JsonSchemaMatcher = z
  .strictObject({ ...common, jsonSchema: JsonSchema, ...notYetKeys(['parameterStyles']) })
  .transform((body): BodyMatcher => {
    return tested((read) => {
      const found = jsonOf(read, true)
      return found !== undefined && withinTime(read.bytes.length, () => body.jsonSchema(found.value))
    }, body)
  })

const JsonPathMatcher = z
  .strictObject({ ...common, jsonPath: z.string().transform(compiling(compileJsonPath)) })
  .transform((body) => tested(body.jsonPath, body))

const ParametersMatcher = z
  .strictObject({ ...common, parameters: MatchedPairs })
  .transform((body): BodyMatcher => ({ kind: 'form', pairs: compilePairs(body.parameters), ...flags(body) }))

const MultipartMatcher = z
  .strictObject({
    ...common,
    fields: MatchedPairs.default([]),
    filenames: MatchedPairs.default([]),
    partContentTypes: MatchedPairs.default([]),
  })
  .transform((body): BodyMatcher => {
    const parts = {
      fields: compilePairs(body.fields),
      filenames: compilePairs(body.filenames),
      partContentTypes: compilePairs(body.partContentTypes),
    }
    return { kind: 'multipart', parts, ...flags(body) }
  })

const BinaryMatcher = z
  .strictObject({ ...common, base64Bytes: z.base64({ error: 'expected base64' }) })
  .transform((body): BodyMatcher => {
    // No bytes ask for nothing, as empty text does.
    if (body.base64Bytes === '') return { kind: 'text', text: '', isPart: false, ...flags(body) }
    return { kind: 'bytes', bytes: Buffer.from(body.base64Bytes, 'base64'), ...flags(body) }
  })

const FuzzyMatcher = z
  .strictObject({
    ...common,
    fuzzy: z.string(),
    threshold: z.number().default(0.8),
    ignoreCase: z.boolean().default(false),
  })
  .transform((body) => tested(matchFuzzy(body), body))

const AllOfMatcher = z
  .strictObject({ ...common, type: common.type.optional(), bodyAllOf: z.array(z.lazy(() => RequestBody)).max(100) })
  .transform((body): BodyMatcher => ({ kind: 'all', all: body.bodyAllOf, ...flags(body) }))

const MATCHERS: Readonly<Record<string, z.ZodType<BodyMatcher>>> = {
  STRING: StringMatcher,
  JSON: JsonMatcher,
  REGEX: RegexMatcher,
  JSON_SCHEMA: JsonSchemaMatcher,
  JSON_PATH: JsonPathMatcher,
  XML: XmlMatcher,
  XML_SCHEMA: XmlSchemaMatcher,
  XPATH: XpathMatcher,
  PARAMETERS: ParametersMatcher,
  MULTIPART: MultipartMatcher,
  BINARY: BinaryMatcher,
  FUZZY: FuzzyMatcher,
  GRAPHQL: GraphqlMatcher,
  JSON_RPC: JsonRpcMatcher,
  ALL_OF: AllOfMatcher,
}

/** The `type` that a body names; `bodyAllOf` may go without. */
function typeOf(given: Readonly<Record<string, unknown>>): string | undefined {
  const { type } = given
  if (type === undefined && Array.isArray(given['bodyAllOf'])) return 'ALL_OF'
  return typeof type === 'string' && TYPES.has(type) ? type : undefined
}

/** What a request's body is compared with; ready for `compileRequest`. */
export const RequestBody: z.ZodType<BodyMatcher> = chosen<BodyMatcher>((given) => {
  if (Array.isArray(given)) return ExpectedJson.transform(json)
  if (!isRecord(given)) return z.string({ error: 'expected a string, an object or a list' }).transform(text)
  const type = typeOf(given)
  return type === undefined ? ExpectedJson.transform(json) : (MATCHERS[type] ?? unsupported(type))
})
