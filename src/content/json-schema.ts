/** JSON Schema: draft-07 unless the schema names draft-06, 2019-09 or 2020-12. Nothing is fetched. */
import type { Ajv, Options } from 'ajv'
import type { Ajv2019 } from 'ajv/dist/2019.js'
import type { Ajv2020 } from 'ajv/dist/2020.js'
import { compilePattern, matchesPattern } from '../decide/matching/pattern.ts'
import type { TextTest } from '../decide/matching/text.ts'
import { isShallow } from './json-value.ts'
import { ajv, ajv2019, ajv2020, draft06, formats } from './libraries.ts'

export type Compiled<T> = { readonly test: T } | { readonly problem: string }

type Engine = Ajv | Ajv2019 | Ajv2020

/** What the longest string is that `pattern` and `format` look at; a longer one fails them. */
export const MAX_STRING = 65_536

/** Compiles a schema (an object, a boolean, or JSON text of one) into a test of plain JSON values that never throws. */
export function compileSchema(given: unknown): Compiled<(value: unknown) => boolean> {
  try {
    const schema: unknown = typeof given === 'string' ? JSON.parse(given) : given
    if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null || Array.isArray(schema))) {
      return { problem: 'a JSON schema is an object' }
    }
    if (!isShallow(schema)) return { problem: 'a JSON schema nested too deeply' }
    if (hasManyParts(schema)) return { problem: `a JSON schema of more than ${MAX_PARTS} parts` }
    const engine = engineFor(schema)
    if (!engine) return { problem: 'this draft of JSON Schema is not supported; there are 06, 07, 2019-09 and 2020-12' }
    const validate = engine.compile(schema)
    return { test: (value) => passes(validate, value) }
  } catch (error) {
    return { problem: `not a valid JSON schema: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** To compile them takes a time that grows with the square of their number. */
const MAX_PARTS = 2000

/** Objects and lists in it, which are schemas or hold some. */
function hasManyParts(schema: unknown): boolean {
  const waiting = [schema]
  let count = 0
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (typeof part !== 'object' || part === null) continue
    if (++count > MAX_PARTS) return true
    for (const inner of Object.values(part)) waiting.push(inner)
  }
  return false
}

/** An engine of draft 2020-12 that holds `root`, whose parts are compiled when they are asked for with `getSchema`. */
export function schemaEngine(root: Readonly<Record<string, unknown>>): Ajv2020 {
  const engine = bounded(new (ajv2020().Ajv2020)({ ...OPTIONS, validateSchema: false, addUsedSchema: false }))
  engine.addSchema(root)
  return engine
}

/** A schema for the text of a header, a parameter or a cookie: text that is JSON counts as what it says. */
export function compileTextSchema(given: unknown): Compiled<TextTest> {
  const compiled = compileSchema(given)
  if ('problem' in compiled) return compiled
  const { test } = compiled
  return { test: (subject) => test(subject) || asJson(subject, test) }
}

function asJson(subject: string, test: (value: unknown) => boolean): boolean {
  try {
    return test(JSON.parse(subject))
  } catch {
    return false
  }
}

function passes(validate: (value: unknown) => unknown, value: unknown): boolean {
  try {
    return isShallow(value) && validate(value) === true
  } catch (error) {
    // A schema that refers to itself without end.
    if (error instanceof RangeError) return false
    throw error
  }
}

/** An engine for each schema: they would remember each other's `$id`, and never forget. */
function engineFor(schema: boolean | object): Engine | undefined {
  const named: unknown = typeof schema === 'object' && '$schema' in schema ? schema.$schema : undefined
  const draft =
    typeof named === 'string' ? named.replace(/^https?:\/\/json-schema\.org\/|\/schema#?$/g, '') : 'draft-07'
  switch (draft) {
    case 'draft-07':
      return bounded(new (ajv().Ajv)(OPTIONS))
    case 'draft-06': {
      const engine = new (ajv().Ajv)(OPTIONS)
      engine.addMetaSchema(draft06())
      return bounded(engine)
    }
    case 'draft/2019-09':
      return bounded(new (ajv2019().Ajv2019)(OPTIONS))
    case 'draft/2020-12':
      return bounded(new (ajv2020().Ajv2020)(OPTIONS))
    default:
      return undefined
  }
}

// The name is for code written to a file, which is never done here.
const OPTIONS: Options = {
  strict: false,
  logger: false,
  code: { regExp: Object.assign(boundedPattern, { code: 'undefined' }) },
}

/** The patterns of schemas have the same bounds as all others. */
function boundedPattern(source: string): { test(subject: string): boolean } {
  const compiled = compilePattern(source, { flags: 'su', maxSubject: MAX_STRING, isSearched: true })
  if ('problem' in compiled) throw new Error(`pattern ${JSON.stringify(source)}: ${compiled.problem}`)
  return { test: (subject) => matchesPattern(compiled.pattern, subject) }
}

/** Formats bounded in length, and `uniqueItems` in one pass: ajv compares each item with each. */
function bounded<T extends Engine>(engine: T): T {
  for (const [name, format] of Object.entries(formats().fullFormats)) {
    const judge = typeof format === 'object' && 'validate' in format ? format.validate : format
    if (typeof judge === 'string' || typeof judge === 'boolean' || name === 'regex') continue
    const fits = judge instanceof RegExp ? (text: string) => judge.test(text) : (judge as (value: never) => unknown)
    const isNumeric = typeof format === 'object' && 'type' in format && format.type === 'number'
    engine.addFormat(
      name,
      isNumeric
        ? { type: 'number', validate: (value: number) => fits(value as never) === true }
        : (text: string) => text.length <= MAX_STRING && fits(text as never) === true,
    )
  }
  engine.removeKeyword('uniqueItems')
  engine.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (isAsked: boolean, items: readonly unknown[]) => !isAsked || areDistinct(items),
  })
  return engine
}

function areDistinct(items: readonly unknown[]): boolean {
  return new Set(items.map((item) => JSON.stringify(item, sorted))).size === items.length
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
