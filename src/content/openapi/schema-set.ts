/**
 * The schemas of one document, in one engine: turned into JSON Schema 2020-12 and checked when the document is read,
 * compiled when a request first needs one. A document of a thousand operations then costs what is used of it.
 */
import { compilePattern } from '../../decide/matching/pattern.ts'
import { MAX_STRING, schemaEngine } from '../json-schema.ts'
import { isShallow } from '../json-value.ts'
import { type At, isJson, type Json, type Report } from './faults.ts'
import type { Follow } from './references.ts'

export type SchemaTest = (value: unknown) => boolean

export interface SchemaSet {
  /** A test by the schema at `at`, which never throws. What is wrong with the schema is reported now. */
  add(schema: unknown, at: At): SchemaTest
}

const MAX_SCHEMAS = 50_000
/** Through references and nesting together: whoever compiles or judges goes as deep. */
const MAX_DEPTH = 100
const ID = 'understudy:openapi'

const TYPES = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'])
type Kind = 'number' | 'count' | 'boolean' | 'string' | 'list' | 'names' | 'any'
const PLAIN: Readonly<Record<string, Kind>> = {
  ...{ minimum: 'number', maximum: 'number', multipleOf: 'number', enum: 'list', const: 'any', format: 'string' },
  ...{ minLength: 'count', maxLength: 'count', minItems: 'count', maxItems: 'count', minContains: 'count' },
  ...{
    maxContains: 'count',
    minProperties: 'count',
    maxProperties: 'count',
    uniqueItems: 'boolean',
    pattern: 'string',
  },
}
const SINGLE = [
  'items additionalProperties not if then else contains propertyNames unevaluatedItems unevaluatedProperties',
].flatMap((names) => names.split(' '))
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const MAPS = ['properties', 'patternProperties', 'dependentSchemas']

const isKind: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  count: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string',
  list: (value) => Array.isArray(value),
  names: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  any: () => true,
}

export function createSchemaSet(dialect: '3.0' | '3.1', follow: Follow, report: Report): SchemaSet {
  const defs: Record<string, unknown> = {}
  const convert = converter(dialect, defs, follow, report)
  let engine: ReturnType<typeof schemaEngine> | undefined
  let added = 0
  return {
    add: (schema, at) => {
      const name = `s${added++}`
      defs[name] = convert(schema, at, 0)
      let judge: SchemaTest | undefined
      return (value) => {
        try {
          engine ??= schemaEngine({ $id: ID, $defs: defs })
          judge ??= engine.getSchema(`${ID}#/$defs/${name}`) as SchemaTest | undefined
          return isShallow(value) && judge?.(value) === true
        } catch {
          return false // deeper than the stack: nothing that anyone meant
        }
      }
    },
  }
}

type Convert = (schema: unknown, at: At, depth: number) => unknown

/** Turns schemas into those of 2020-12; what they refer to becomes an entry of `defs`. */
function converter(dialect: '3.0' | '3.1', defs: Record<string, unknown>, follow: Follow, report: Report): Convert {
  const named = new Map<string, string>()
  let count = 0
  const refuse = (at: At, message: string): true => {
    report(at, message)
    return true
  }
  const reference = (schema: Json, at: At, depth: number): unknown => {
    const found = follow(schema, at)
    if (found.value === undefined) return true
    const place = JSON.stringify(found.at)
    let name = named.get(place)
    if (name === undefined) {
      name = `r${named.size}`
      named.set(place, name)
      defs[name] = convert(found.value, found.at, depth + 1)
    }
    return { $ref: `${ID}#/$defs/${name}` }
  }
  const convert: Convert = (schema, at, depth) => {
    if (typeof schema === 'boolean') return schema
    if (!isJson(schema)) return refuse(at, 'expected a schema, which is an object')
    if (++count > MAX_SCHEMAS) return count === MAX_SCHEMAS + 1 ? refuse(at, `more than ${MAX_SCHEMAS} schemas`) : true
    if (depth > MAX_DEPTH) return refuse(at, `schemas nested more than ${MAX_DEPTH} deep, counting references`)
    const target = schema['$ref'] === undefined ? undefined : reference(schema, at, depth)
    // Before 3.1 what stands beside a reference does not count.
    if (target !== undefined && dialect === '3.0') return target
    const converted: Record<string, unknown> = target === undefined ? {} : { allOf: [target] }
    for (const [key, value] of Object.entries(schema)) keyword(converted, key, value, [...at, key], depth)
    limits(converted, schema)
    const required = requiredNames(schema, at, follow, report)
    if (required) converted['required'] = required
    return dialect === '3.0' ? nullable(converted, schema) : converted
  }
  const keyword = (into: Record<string, unknown>, key: string, value: unknown, at: At, depth: number): void => {
    if (Object.hasOwn(PLAIN, key) || key === 'type') plain(into, key, value, at, report)
    // A list of items, one for each place, is what 2020-12 calls prefixItems.
    else if (key === 'items' && Array.isArray(value)) keyword(into, 'prefixItems', value, at, depth)
    else if (SINGLE.includes(key)) into[key] = convert(value, at, depth + 1)
    else if (LISTS.includes(key)) {
      if (!Array.isArray(value)) return report(at, 'expected a list of schemas')
      const list = value.map((one: unknown, index) => convert(one, [...at, index], depth + 1))
      const before: unknown = into[key]
      if (list.length > 0) into[key] = Array.isArray(before) ? [...before, ...list] : list
    } else if (MAPS.includes(key)) {
      if (!isJson(value)) return report(at, 'expected an object of schemas')
      if (key === 'patternProperties') {
        for (const name of Object.keys(value)) plain({}, 'pattern', name, [...at, name], report)
      }
      into[key] = mapped(value, (one, name) => convert(one, [...at, name], depth + 1))
    }
  }
  return convert
}

/** A keyword that holds no schema. */
function plain(into: Record<string, unknown>, key: string, value: unknown, at: At, report: Report): void {
  const kind = PLAIN[key]
  if (kind === undefined) {
    const names: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (value === 'file') return // of 2.0: any bytes
    if (names.length > 0 && names.every((name) => TYPES.has(name))) into['type'] = value
    else report(at, 'is no type of JSON Schema')
  } else if (!isKind[kind](value)) report(at, `is no ${key}`)
  else if (key === 'multipleOf' && Number(value) <= 0) report(at, 'expected more than 0')
  else {
    const problem = key === 'pattern' ? patternProblem(String(value)) : undefined
    if (problem !== undefined) report(at, problem)
    else into[key] = value
  }
}

function patternProblem(pattern: string): string | undefined {
  const compiled = compilePattern(pattern, { flags: 'su', maxSubject: MAX_STRING, isSearched: true })
  return 'problem' in compiled ? compiled.problem : undefined
}

/** The properties that a request must have: not those that are only given back. */
function requiredNames(schema: Json, at: At, follow: Follow, report: Report): readonly string[] | undefined {
  const { required } = schema
  // In drafts before 4 it was a boolean, which some still write; it says nothing here.
  if (required === undefined || typeof required === 'boolean') return undefined
  if (!isKind.names(required)) {
    report([...at, 'required'], 'expected a list of names')
    return undefined
  }
  const properties = isJson(schema['properties']) ? schema['properties'] : {}
  return [...new Set(required as readonly string[])].filter((name) => {
    if (!Object.hasOwn(properties, name)) return true
    const { value } = follow(properties[name], [...at, 'properties', name])
    return !isJson(value) || value['readOnly'] !== true
  })
}

function mapped(map: Json, to: (value: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, to(value, key)]))
}

/** `exclusiveMinimum: true` beside `minimum: 3` is how drafts before 6 said `exclusiveMinimum: 3`. */
function limits(into: Record<string, unknown>, schema: Json): void {
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    const given = schema[exclusive]
    if (typeof given === 'number') into[exclusive] = given
    else if (given === true && typeof into[bound] === 'number') {
      into[exclusive] = into[bound]
      delete into[bound]
    }
  }
}

/** `nullable` of OpenAPI 3.0, and `x-nullable`, which 2.0 had instead. */
function nullable(converted: Record<string, unknown>, schema: Json): unknown {
  if (schema['nullable'] !== true && schema['x-nullable'] !== true) return converted
  return { anyOf: [{ type: 'null' }, converted] }
}
