/** Bodies that are matched: a string, a bare object or list (JSON), or an object that names its `type`. */
import { z } from 'zod'
import { compileBodyPattern } from '../content/body-pattern.ts'
import { compileGraphql } from '../content/graphql.ts'
import { hashedPlaceholder } from '../content/hashed.ts'
import { compileJsonPath } from '../content/json-path.ts'
import { matchJsonRpc } from '../content/json-rpc.ts'
import { type Compiled, compileSchema } from '../content/json-schema.ts'
import { jsonOf } from '../content/json-value.ts'
import { withinTime } from '../content/within-time.ts'
import { compileXml } from '../content/xml.ts'
import { compileXpath } from '../content/xpath.ts'
import type { BodyMatcher, BodyTest } from '../decide/matching/body.ts'
import { expectedJson, parseJson } from '../decide/matching/json.ts'
import { compilePairs } from '../decide/matching/pairs.ts'
import { compilePattern, matchesPattern, type Pattern } from '../decide/matching/pattern.ts'
import { JsonText, TYPES, unsupported } from './body-types.ts'
import { chosen, isRecord, notYetKeys, refused } from './chosen-schema.ts'
import { MatchedPairs } from './matched-schema.ts'

/** JSON to compare with, given as a value or as its text; placeholders stand for what they say. */
const ExpectedJson = chosen((given) => {
  const schema: z.ZodType<unknown> = typeof given === 'string' ? JsonText.transform(parseJson) : z.unknown()
  return schema.transform((value, context) =>
    expectedJson(value, (message) => context.addIssue({ code: 'custom', message }), hashedPlaceholder),
  )
})

const json = (expected: unknown): BodyMatcher => ({ kind: 'json', expected, isStrict: false, negated: false })
const text = (value: string): BodyMatcher => ({ kind: 'text', text: value, isPart: false, negated: false })

/** What every body with a `type` may say. How the text was sent is told in recorded requests and not compared. */
const common = {
  type: z.string(),
  not: z.boolean().default(false),
  optional: z.boolean().default(false),
  contentType: z.string().optional(),
  rawBytes: z.string().optional(),
}
type Flags = { readonly not: boolean; readonly optional: boolean }
const flags = ({ not, optional }: Flags): { negated: boolean; optional: boolean } => ({ negated: not, optional })

const StringMatcher = chosen<BodyMatcher>((given) => {
  const key = isRecord(given) && given['string'] === undefined && given['value'] !== undefined ? 'value' : 'string'
  return z
    .strictObject({ ...common, [key]: z.string(), subString: z.boolean().default(false) })
    .transform((body): BodyMatcher => {
      const { [key]: wanted } = body as Readonly<Record<string, unknown>>
      return { kind: 'text', text: String(wanted), isPart: body.subString, ...flags(body) }
    })
})

const JsonMatcher = z
  .strictObject({
    ...common,
    json: ExpectedJson,
    matchType: z.enum(['ONLY_MATCHING_FIELDS', 'STRICT']).default('ONLY_MATCHING_FIELDS'),
    ...notYetKeys(['matchNumbersAsStrings']),
  })
  .transform((body): BodyMatcher => {
    return { kind: 'json', expected: body.json, isStrict: body.matchType === 'STRICT', ...flags(body) }
  })

/** Turns what a compiler found wrong into a problem of the schema. */
function compiling<I, T>(compile: (given: I) => Compiled<T>): (given: I, context: z.core.$RefinementCtx<I>) => T {
  return (given, context) => {
    const compiled = compile(given)
    if ('test' in compiled) return compiled.test
    context.issues.push({ code: 'custom', input: given, message: compiled.problem })
    return z.NEVER
  }
}

const tested = (test: BodyTest, body: Flags): BodyMatcher => ({ kind: 'tested', test, ...flags(body) })

/** Names of operations and methods: case counts. */
function compileName(source: string): Compiled<Pattern> {
  const compiled = compilePattern(source, { flags: 'su' })
  return 'pattern' in compiled ? { test: compiled.pattern } : compiled
}

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

const Schema = z.unknown().transform(compiling(compileSchema))

const JsonSchemaMatcher = z
  .strictObject({ ...common, jsonSchema: Schema, ...notYetKeys(['parameterStyles']) })
  .transform((body): BodyMatcher => {
    return tested((read) => {
      const found = jsonOf(read, true)
      return found !== undefined && withinTime(read.bytes.length, () => body.jsonSchema(found.value))
    }, body)
  })

const JsonPathMatcher = z
  .strictObject({ ...common, jsonPath: z.string().transform(compiling(compileJsonPath)) })
  .transform((body) => tested(body.jsonPath, body))

const XmlMatcher = z
  .strictObject({ ...common, xml: z.string().transform(compiling(compileXml)) })
  .transform((body) => tested(body.xml, body))

const XpathMatcher = z
  .strictObject({ ...common, xpath: z.string(), namespacePrefixes: z.record(z.string(), z.string()).optional() })
  .transform((body, context): BodyMatcher => {
    const compiled = compileXpath(body.xpath, body.namespacePrefixes)
    if ('test' in compiled) return tested(compiled.test, body)
    context.addIssue({ code: 'custom', message: compiled.problem, path: ['xpath'] })
    return z.NEVER
  })

const XmlSchemaMatcher = z
  .looseObject({ type: refused('not supported: there is no XML Schema validator to rely on here; use XML or XPATH') })
  .transform(() => z.NEVER)

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

/** A name: equal to the text, or matched by it as a pattern; case counts. */
const Name = z.string().transform((source, context) => {
  const pattern = /^[\w/.-]+$/.test(source) ? undefined : compiling(compileName)(source, context)
  return (name: string): boolean => name === source || (pattern !== undefined && matchesPattern(pattern, name))
})

const COMPARES = { NORMALISED_STRING: 'text', AST_EXACT: 'fields', AST_SUBSET: 'at_least_fields' } as const

const GraphqlMatcher = z
  .strictObject({
    ...common,
    query: z.string(),
    operationName: Name.optional(),
    variablesSchema: Schema.optional(),
    selectionSetMatchType: z.enum(['NORMALISED_STRING', 'AST_EXACT', 'AST_SUBSET']).default('NORMALISED_STRING'),
    fields: z.array(z.string()).optional(),
    ...notYetKeys(['schema']),
  })
  .transform((body, context): BodyMatcher => {
    const { query, operationName, variablesSchema: variables, fields } = body
    const compares = COMPARES[body.selectionSetMatchType]
    const compiled = compileGraphql({ query, operationName, variables, fields, compares })
    if ('test' in compiled) return tested(compiled.test, body)
    context.addIssue({ code: 'custom', message: compiled.problem, path: ['query'] })
    return z.NEVER
  })

const JsonRpcMatcher = z
  .strictObject({ ...common, method: Name, paramsSchema: Schema.optional() })
  .transform((body) => tested(matchJsonRpc(body.method, body.paramsSchema), body))

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
  GRAPHQL: GraphqlMatcher,
  JSON_RPC: JsonRpcMatcher,
}

export const RequestBody = chosen<BodyMatcher>((given) => {
  if (Array.isArray(given)) return ExpectedJson.transform(json)
  if (!isRecord(given)) return z.string({ error: 'expected a string, an object or a list' }).transform(text)
  const { type } = given
  if (typeof type !== 'string' || !TYPES.has(type)) return ExpectedJson.transform(json)
  return MATCHERS[type] ?? unsupported(type)
})
