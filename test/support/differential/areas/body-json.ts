/** JSON to match: at least this or exactly this, placeholders, schemas, paths. */
import type { Draw } from '../draw.ts'
import type { Area } from '../exchange.ts'
import { plainRequest, type Sent, tried } from '../near.ts'

const LEAVES = ['1', '2', '1.0', '-1', '"x"', '"1"', 'true', 'false', 'null', '""', '[]', '{}', '1e0', '100']

const document = (from: Draw, depth: number): string => {
  if (depth === 0 || (depth < 3 && from.chance(4))) return from.pick(LEAVES)
  const inner = (): string => document(from, depth - 1)
  if (from.chance(4)) return `[${Array.from({ length: from.below(4) }, inner).join(', ')}]`
  return `{${from
    .some(['a', 'b', 'c', 'd e'], 0, 3)
    .map((name) => `"${name}": ${inner()}`)
    .join(', ')}}`
}

/** A document that has more, less, or something else in one place. */
const near = (from: Draw, text: string): string => {
  const change = from.below(7)
  if (change === 0) return text
  if (change === 1) return document(from, 2)
  if (change === 2) return text.replace(/\{/, '{"z": 1, ').replace(/, \}/, '}')
  if (change === 3) return text.replace(/\[/, '[7, ').replace(/, \]/, ']')
  if (change === 4) return text.replace(/1/, '2')
  if (change === 5) return text.replace(/"a": [^,}\]]*/, '"a": "x"')
  return JSON.stringify(reversed(JSON.parse(text)))
}

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed).reverse()
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, reversed(item)] as const)
      .reverse(),
  )
}

const TYPES = [
  'application/json',
  'application/json',
  'application/json; charset=utf-8',
  undefined,
  'application/vnd.x+json',
]

const sentJson = (from: Draw, body: string): Sent => {
  const contentType = from.pick(TYPES)
  return { ...plainRequest, method: 'POST', body, ...(contentType === undefined ? {} : { contentType }) }
}

const sentNear = (from: Draw, text: string): Sent[] => [
  sentJson(from, text),
  ...Array.from({ length: 7 }, () => sentJson(from, near(from, text))),
]

export const bodyJson: Area = {
  name: 'body-json',
  make: (from) => {
    const text = document(from, 3)
    const body = from.pick<unknown>([
      { type: 'JSON', json: text },
      { type: 'JSON', json: text, matchType: 'STRICT' },
      { type: 'JSON', json: text, matchType: 'ONLY_MATCHING_FIELDS' },
      { type: 'JSON', json: text, not: true },
      { type: 'JSON', json: JSON.parse(text) },
    ])
    return tried({ body }, sentNear(from, text))
  },
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of JsonUnit
const PLACEHOLDERS = [
  ...['${json-unit.any-string}', '${json-unit.any-number}', '${json-unit.any-boolean}', '${json-unit.ignore}'],
  ...['${json-unit.regex}[a-z]+', '${json-unit.regex}\\\\d', '${json-unit.ignore-element}'],
].map((text) => `"${text}"`)
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: placeholders of JsonUnit

export const bodyPlaceholders: Area = {
  name: 'body-placeholders',
  make: (from) => {
    const leaf = (): string => (from.chance(5) ? from.pick(PLACEHOLDERS) : from.pick(LEAVES))
    const asked = from.pick([
      `{"a": ${leaf()}}`,
      `{"a": ${leaf()}, "b": ${leaf()}}`,
      `{"a": {"b": ${leaf()}}}`,
      `[${leaf()}]`,
    ])
    const matchType = from.pick(['STRICT', 'ONLY_MATCHING_FIELDS'])
    const values = Array.from({ length: 8 }, () => {
      const value = (): string => from.pick([...LEAVES, '"abc"', '"7"'])
      return from.pick([
        `{"a": ${value()}}`,
        `{"a": ${value()}, "b": ${value()}}`,
        `{"a": {"b": ${value()}}}`,
        `[${value()}]`,
        '{}',
        '{"b": 1}',
      ])
    })
    return tried(
      { body: { type: 'JSON', json: asked, matchType } },
      values.map((text) => sentJson(from, text)),
    )
  },
}

const SCHEMAS = [
  { type: 'object', required: ['a'] },
  { type: 'object', properties: { a: { type: 'integer', minimum: 2 } }, required: ['a'] },
  { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
  { type: 'array', items: { type: 'number' }, minItems: 1 },
  { enum: [1, 'x', null, { a: 1 }] },
  { type: ['string', 'null'] },
  { anyOf: [{ type: 'integer' }, { type: 'boolean' }] },
  { not: { type: 'object' } },
  { type: 'object', properties: { a: { $ref: '#/definitions/n' } }, definitions: { n: { type: 'number' } } },
  { type: 'string', pattern: '^x' },
  { type: 'object', minProperties: 2 },
  { const: { a: 1 } },
  { type: 'array', uniqueItems: true },
  { type: 'number', multipleOf: 2 },
]

export const bodyJsonSchema: Area = {
  name: 'body-json-schema',
  make: (from) => {
    const schema = from.pick(SCHEMAS)
    const jsonSchema = from.chance(5) ? schema : JSON.stringify(schema)
    const body = { type: 'JSON_SCHEMA', jsonSchema, ...(from.chance(1) ? { not: true } : {}) }
    return tried(
      { body },
      Array.from({ length: 8 }, () => sentJson(from, document(from, 2))),
    )
  },
}

const PATHS = [
  ...['$.a', '$..a', '$.a.b', '$[0]', '$[*]', "$['d e']", '$.*', '$..b', '$.a[0]'],
  ...['$[-1:]', '$[0,1]', '$.a[1]', '$', '$.c[0:2]'],
]

export const bodyJsonPath: Area = {
  name: 'body-json-path',
  make: (from) => {
    const body = { type: 'JSON_PATH', jsonPath: from.pick(PATHS), ...(from.chance(1) ? { not: true } : {}) }
    return tried(
      { body },
      Array.from({ length: 8 }, () => sentJson(from, document(from, 3))),
    )
  },
}

const FILTERS = [
  ...['$.i[?(@.a)]', '$.i[?(@.a > 1)]', '$.i[?(@.a == 1)]', "$.i[?(@.b == 'x')]", '$.i[?(@.a >= 2 && @.b)]'],
  ...['$.i[?(@.a < 2 || @.b == "y")]', "$.i[?(@.b != 'x')]", '$.i[?(!@.a)]', '$.i[?(@.a == 1)].b', '$..[?(@.a > 1)].b'],
]

/** Filters over lists of objects whose members are of one type each: with others, the languages of paths differ. */
export const bodyJsonFilters: Area = {
  name: 'body-json-filters',
  make: (from) => {
    const item = (): unknown => ({
      ...(from.chance(7) ? { a: from.pick([0, 1, 2, 3]) } : {}),
      ...(from.chance(7) ? { b: from.pick(['x', 'y']) } : {}),
    })
    const bodies = Array.from({ length: 8 }, () => JSON.stringify({ i: Array.from({ length: from.below(3) }, item) }))
    const body = { type: 'JSON_PATH', jsonPath: from.pick(FILTERS) }
    return tried(
      { body },
      bodies.map((text) => sentJson(from, text)),
    )
  },
}
