/**
 * Example values by schema, always the same for the same schema. The sampler follows every branch and repeats what it
 * is told to, so it is given a schema that has been cut to a bounded size first, with its references put in.
 */
import { openapiSampler } from '../libraries.ts'
import { type At, isJson, type Json, type Report } from './faults.ts'
import type { Follow } from './references.ts'

/** Values of a sample, at most about. */
const MAX_VALUES = 2000
/** Tried one after the other, until the whole schema fits: rather little of everything than all of its first part. */
const DEPTHS = [24, 12, 8, 6, 5, 4, 3, 2]
const MAX_TEXT = 1000
const MAX_ITEMS = 20

/** Keys that say how a value looks, as they are. */
const KEPT =
  'type format example examples default enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf required xml readOnly writeOnly'.split(
    ' ',
  )

export interface Sampler {
  /** A value that the schema accepts, as far as that is known without trying; undefined for none. */
  value(schema: unknown, at: At): unknown
  /** The same as XML. `example` takes the place of the sample where it is given. */
  xml(schema: unknown, at: At, example: unknown): string
}

/** A sampler of one document, which makes each sample once. */
export function createSampler(follow: Follow, report: Report): Sampler {
  const known = new Map<unknown, unknown>()
  /** The library trusts that a schema is one. */
  const sample = (schema: Json, options: object, at: At): unknown => {
    try {
      const made = openapiSampler().sample(schema, { quiet: true, skipWriteOnly: true, ...options })
      return made === undefined ? undefined : (JSON.parse(JSON.stringify(made)) as unknown)
    } catch (error) {
      report(at, `no example can be made by this schema: ${error instanceof Error ? error.message.slice(0, 100) : ''}`)
      return undefined
    }
  }
  return {
    value: (schema, at) => {
      const key = follow(schema, at).value
      if (!known.has(key)) known.set(key, sample(cut(schema, at, follow), {}, at))
      return known.get(key)
    },
    xml: (schema, at, example) => {
      const plain = named(cut(schema, at, follow), schema)
      const xml = sample(example === undefined ? plain : { ...plain, example }, { format: 'xml' }, at)
      return `<?xml version="1.0" encoding="UTF-8"?>\n${typeof xml === 'string' ? xml : ''}`
    },
  }
}

/** Where a schema stands while it is cut. */
interface Spot {
  readonly at: At
  readonly depth: number
  /** How often what is sampled here appears. */
  readonly times: number
  /** The schemas around it. */
  readonly inside: readonly unknown[]
}

function cut(schema: unknown, at: At, follow: Follow): Json {
  let last: Json = {}
  for (const maxDepth of DEPTHS) {
    const { schema: shortened, fits } = cutAt(maxDepth, schema, at, follow)
    if (fits) return shortened
    last = shortened
  }
  return last
}

function cutAt(
  maxDepth: number,
  schema: unknown,
  start: At,
  follow: Follow,
): { readonly schema: Json; readonly fits: boolean } {
  let left = MAX_VALUES
  /** Undefined where a schema would hold itself, or there is no more room. */
  const shortened = (given: unknown, spot: Spot): Json | undefined => {
    if (left < 0 || spot.depth > maxDepth) return undefined
    left -= spot.times
    const { value, at } = follow(given, spot.at)
    if (!isJson(value) || spot.inside.includes(value)) return undefined
    const inner = (keys: At, times = 1): Spot => ({
      at: [...at, ...keys],
      depth: spot.depth + 1,
      times: spot.times * times,
      inside: [...spot.inside, value],
    })
    const kept: Record<string, unknown> = {}
    for (const key of KEPT) if (Object.hasOwn(value, key)) kept[key] = value[key]
    Object.assign(kept, lengths(value), choices(value, inner), properties(value, inner), items(value, inner))
    return kept
  }
  type Inner = (keys: At, times?: number) => Spot
  const choices = (value: Json, inner: Inner): Json => {
    const found: Record<string, unknown> = {}
    for (const key of ['allOf', 'oneOf', 'anyOf']) {
      const list = value[key]
      if (!Array.isArray(list) || list.length === 0) continue
      // Only the first of several choices is shown.
      const shown: readonly unknown[] = key === 'allOf' ? list.slice(0, MAX_VALUES) : [firstOf(list)]
      found[key] = shown.flatMap((one, index) => shortened(one, inner([key, index])) ?? [])
    }
    return found
  }
  const properties = (value: Json, inner: Inner): Json => {
    const found: Record<string, unknown> = {}
    const { properties: named, additionalProperties } = value
    if (isJson(named)) {
      const all = Object.entries(named).map(
        ([name, one]) => [name, shortened(one, inner(['properties', name]))] as const,
      )
      found['properties'] = Object.fromEntries(all.filter(([, one]) => one !== undefined))
    }
    if (isJson(additionalProperties)) {
      found['additionalProperties'] = shortened(additionalProperties, inner(['additionalProperties'], 2))
    }
    return found
  }
  const items = (value: Json, inner: Inner): Json => {
    const given = value['prefixItems'] ?? value['items']
    const most = bounded(value['maxItems'], MAX_ITEMS)
    if (Array.isArray(given)) {
      const all: readonly unknown[] = given.slice(0, MAX_ITEMS)
      return { items: all.map((one, index) => shortened(one, inner(['prefixItems', index])) ?? {}) }
    }
    if (given === undefined) return {}
    const asked = Math.max(1, bounded(value['minItems'], MAX_ITEMS) ?? 1)
    const one = shortened(given, inner(['items'], asked))
    return one && most !== 0 ? { items: one, minItems: asked } : { maxItems: 0 }
  }
  const whole = shortened(schema, { at: start, depth: 0, times: 1, inside: [] }) ?? {}
  return { schema: whole, fits: left >= 0 }
}

/** A choice of null is the least telling. */
function firstOf(list: readonly unknown[]): unknown {
  return list.find((one) => !isJson(one) || one['type'] !== 'null') ?? list[0]
}

/** The root element is called as the schema that a reference leads to, unless that says otherwise. */
function named(cut: Json, given: unknown): Json {
  const reference = isJson(given) ? given['$ref'] : undefined
  const xml = isJson(cut['xml']) ? cut['xml'] : {}
  const name = typeof reference === 'string' ? (reference.split('/').at(-1) ?? '') : ''
  return xml['name'] === undefined && /^[A-Za-z_][\w.-]{0,100}$/.test(name) ? { ...cut, xml: { ...xml, name } } : cut
}

/** Lengths count for plain text only: a date cut short is none. */
function lengths(value: Json): Json {
  if (value['format'] !== undefined) return {}
  const found: Record<string, unknown> = {}
  for (const key of ['minLength', 'maxLength']) {
    const length = bounded(value[key], MAX_TEXT)
    if (length !== undefined) found[key] = length
  }
  return found
}

function bounded(given: unknown, most: number): number | undefined {
  return Number.isSafeInteger(given) && Number(given) >= 0 ? Math.min(Number(given), most) : undefined
}
