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
  const named = new Map<string, string>()
  let count = 0
  let engine: ReturnType<typeof schemaEngine> | undefined

  const reference = (schema: Json, at: At, depth: number): unknown => {
    const found = follow(schema, at)
    if (found.value === undefined) return true
    const place = JSON.stringify(found.at)
    let name = named.get(place)
    if (name === undefined) {
      name = `r${named.size}`
      named.set(place, name)
      defs[name] = true
      defs[name] = convert(found.value, found.at, depth + 1)
    }
    return { $ref: `${ID}#/$defs/${name}` }
  }
  const convert = (schema: unknown, at: At, depth: number): unknown => {
    if (typeof schema === 'boolean') return schema
    if (!isJson(schema)) return refuse(at, 'expected a schema, which is an object')
    if (++count > MAX_SCHEMAS) return count === MAX_SCHEMAS + 1 ? refuse(at, `more than ${MAX_SCHEMAS} schemas`) : true
    if (depth > MAX_DEPTH) return refuse(at, `schemas nested more than ${MAX_DEPTH} deep`)
    const target = schema['$ref'] === undefined ? undefined : reference(schema, at, depth)
    // Before 3.1 what stands beside a reference does not count.
    if (target !== undefined && dialect === '3.0') return target
    const converted: Record<string, unknown> = target === undefined ? {} : { allOf: [target] }
    for (const [key, value] of Object.entries(schema)) keyword(converted, key, value, [...at, key], depth)
    limits(converted, schema)
    requirements(converted, schema, at)
    return dialect === '3.0' ? nullable(converted, schema) : converted
  }
  const keyword = (into: Record<string, unknown>, key: string, value: unknown, at: At, depth: number): void => {
    const kind = PLAIN[key]
    if (kind !== undefined) {
      const problem = isKind[kind](value) ? problemWith(key, value) : `is no ${key}`
      if (problem !== undefined) report(at, problem)
      else into[key] = value
    } else if (key === 'type') types(into, value, at)
    else if (SINGLE.includes(key)) single(into, key, value, at, depth)
    else if (LISTS.includes(key)) {
      if (!Array.isArray(value)) return report(at, 'expected a list of schemas')
      const list = value.map((one: unknown, index) => convert(one, [...at, index], depth + 1))
      const before: unknown = into[key]
      if (list.length > 0) into[key] = Array.isArray(before) ? [...before, ...list] : list
    } else if (MAPS.includes(key)) {
      if (!isJson(value)) return report(at, 'expected an object of schemas')
      if (key === 'patternProperties') for (const name of Object.keys(value)) checkPattern(name, [...at, name])
      into[key] = mapped(value, (one, name) => convert(one, [...at, name], depth + 1))
    }
  }
  const single = (into: Record<string, unknown>, key: string, value: unknown, at: At, depth: number): void => {
    // A list of items, one for each place, is what 2020-12 calls prefixItems.
    if (key === 'items' && Array.isArray(value)) keyword(into, 'prefixItems', value, at, depth)
    else into[key] = convert(value, at, depth + 1)
  }
  const types = (into: Record<string, unknown>, value: unknown, at: At): void => {
    const names: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (value === 'file') return
    if (names.length > 0 && names.every((name) => TYPES.has(name))) into['type'] = value
    else report(at, 'is no type of JSON Schema')
  }
  const requirements = (into: Record<string, unknown>, schema: Json, at: At): void => {
    const { required } = schema
    // In 2.0 and in drafts before 4 it was a boolean, which some still write; it says nothing here.
    if (required === undefined || typeof required === 'boolean') return
    if (!isKind.names(required)) return report([...at, 'required'], 'expected a list of names')
    const properties = isJson(schema['properties']) ? schema['properties'] : {}
    into['required'] = [...new Set(required as readonly string[])].filter((name) => {
      const given = Object.hasOwn(properties, name) ? properties[name] : undefined
      const { value } = given === undefined ? { value: given } : follow(given, [...at, 'properties', name])
      return !isJson(value) || value['readOnly'] !== true // which is only required of answers
    })
  }
  const problemWith = (key: string, value: unknown): string | undefined => {
    if (key === 'multipleOf' && Number(value) <= 0) return 'expected more than 0'
    if (key !== 'pattern') return undefined
    const compiled = compilePattern(String(value), { flags: 'su', maxSubject: MAX_STRING, isSearched: true })
    return 'problem' in compiled ? compiled.problem : undefined
  }
  const checkPattern = (pattern: string, at: At): void => {
    const problem = problemWith('pattern', pattern)
    if (problem !== undefined) report(at, problem)
  }
  const refuse = (at: At, message: string): true => {
    report(at, message)
    return true
  }

  return {
    add: (schema, at) => {
      const name = `s${count}_${Object.keys(defs).length}`
      defs[name] = convert(schema, at, 0)
      let judge: SchemaTest | undefined
      return (value) => {
        try {
          engine ??= schemaEngine({ $id: ID, $defs: defs })
          const compiled = judge ?? engine.getSchema(`${ID}#/$defs/${name}`)
          if (!compiled) return false
          judge = compiled as SchemaTest
          return isShallow(value) && judge(value) === true
        } catch {
          return false // deeper than the stack: nothing that anyone meant
        }
      }
    },
  }
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
