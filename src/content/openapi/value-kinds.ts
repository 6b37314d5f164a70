/** What types of values a schema allows: text of a request is read as one of them. */
import { type At, isJson } from './faults.ts'
import type { Follow } from './references.ts'

export type Kinds = ReadonlySet<string>

/** Enough for what people write of a parameter; a schema that goes on for longer allows anything. */
const MAX_LOOKS = 64

/** Names of JSON types; empty where the schema does not say. */
export function kindsOf(schema: unknown, at: At, follow: Follow): Kinds {
  const kinds = new Set<string>()
  let looks = 0
  const look = (given: unknown, from: At): void => {
    if (looks++ >= MAX_LOOKS) return
    const { value, at: place } = follow(given, from)
    if (!isJson(value)) return
    const { type } = value
    for (const name of Array.isArray(type) ? type : [type]) if (typeof name === 'string') kinds.add(name)
    if (type === undefined && isJson(value['properties'])) kinds.add('object')
    if (type === undefined && value['items'] !== undefined) kinds.add('array')
    if (value['nullable'] === true) kinds.add('null')
    for (const key of ['allOf', 'anyOf', 'oneOf']) {
      const list = value[key]
      if (Array.isArray(list)) for (const [index, one] of list.entries()) look(one, [...place, key, index])
    }
    for (const one of Array.isArray(value['enum']) ? value['enum'] : []) if (type === undefined) kinds.add(typeof one)
  }
  look(schema, at)
  return kinds
}

/** The properties that a schema names, its own and those of its parts, and its items; each with the types it allows. */
export function partKinds(schema: unknown, at: At, follow: Follow): ReadonlyMap<string, Kinds> & { items?: Kinds } {
  const parts: Map<string, Kinds> & { items?: Kinds } = new Map()
  let looks = 0
  const look = (given: unknown, from: At): void => {
    if (looks++ >= MAX_LOOKS) return
    const { value, at: place } = follow(given, from)
    if (!isJson(value)) return
    if (value['items'] !== undefined) parts.items = kindsOf(value['items'], [...place, 'items'], follow)
    const { properties } = value
    for (const [name, one] of isJson(properties) ? Object.entries(properties) : []) {
      parts.set(name, kindsOf(one, [...place, 'properties', name], follow))
    }
    for (const key of ['allOf', 'anyOf', 'oneOf']) {
      const list = value[key]
      if (Array.isArray(list)) for (const [index, one] of list.entries()) look(one, [...place, key, index])
    }
  }
  look(schema, at)
  return parts
}

const NUMBER = /^-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,5})?$/

/** The values that text may stand for, the likeliest first. */
export function typed(text: string, kinds: Kinds): readonly unknown[] {
  const values: unknown[] = []
  if ((kinds.has('number') || kinds.has('integer')) && NUMBER.test(text)) values.push(Number(text))
  if (kinds.has('boolean') && (text === 'true' || text === 'false')) values.push(text === 'true')
  if (kinds.has('null') && (text === '' || text === 'null')) values.push(null)
  return [...values, text]
}

/** The likeliest of them. */
export function typedOne(text: string, kinds: Kinds | undefined): unknown {
  return kinds ? typed(text, kinds)[0] : text
}
