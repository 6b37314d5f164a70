/** Parameters of an operation: found in the request, read as their style says, judged by their schema. */
import type { HeadField } from '../../decide/matching/request.ts'
import { type At, isJson, type Json, type Located, type Report, written } from './faults.ts'
import type { Follow } from './references.ts'
import type { SchemaSet, SchemaTest } from './schema-set.ts'
import { type Kinds, kindsOf, partKinds, typed, typedOne } from './value-kinds.ts'

/** What a request says, each as name, value, name, value … but for `path`, where values are as sent. */
export interface Sources {
  readonly path: ReadonlyMap<string, string>
  readonly query: readonly string[]
  readonly headers: readonly string[]
  readonly cookies: readonly string[]
}

export interface ParameterTest {
  readonly field: HeadField
  test(sources: Sources): boolean
}

export interface Making {
  readonly follow: Follow
  readonly schemas: SchemaSet
  readonly report: Report
}

interface Place {
  readonly field: HeadField
  readonly style: string
  readonly styles: readonly string[]
}

const PLACES: Readonly<Record<string, Place>> = {
  path: { field: 'pathParameters', style: 'simple', styles: ['simple', 'label', 'matrix'] },
  query: {
    field: 'queryStringParameters',
    style: 'form',
    styles: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  },
  header: { field: 'headers', style: 'simple', styles: ['simple'] },
  cookie: { field: 'cookies', style: 'form', styles: ['form', 'cookie'] },
}
/** Said elsewhere in the document: a parameter of these names is to be ignored. */
const IGNORED_HEADERS = /^(?:accept|content-type|authorization)$/i

/** How the values of one parameter are written. */
interface Reading {
  readonly name: string
  readonly place: string
  readonly style: string
  readonly explode: boolean
  readonly shape: 'one' | 'list' | 'object'
  readonly parts: ReadonlyMap<string, Kinds> & { readonly items?: Kinds }
}

/** Undefined where nothing is asked of the request. */
export function compileParameter({ value: given, at }: Located, making: Making): ParameterTest | undefined {
  if (!isJson(given)) return undefined
  const { name } = given
  const place = written(given['in'])
  const known = Object.hasOwn(PLACES, place) ? PLACES[place] : undefined
  if (typeof name !== 'string' || name === '') making.report(at, 'a parameter has a name')
  if (!known) making.report([...at, 'in'], 'expected one of path, query, header, cookie')
  if (!known || typeof name !== 'string' || (place === 'header' && IGNORED_HEADERS.test(name))) return undefined
  const required = given['required'] === true || place === 'path'
  const isEmptyFine = given['allowEmptyValue'] === true
  const judged = judge(given, at, name, place, known, making)
  if (!judged) return undefined
  const { reading, test } = judged
  return {
    field: known.field,
    test: (sources) => {
      const values = rawValues(reading, sources)
      if (values.length === 0) return !required
      if (isEmptyFine && values.every((value) => value === '')) return true
      return test(values)
    },
  }
}

interface Judged {
  readonly reading: Reading
  test(values: readonly string[]): boolean
}

function judge(
  given: Json,
  at: At,
  name: string,
  place: string,
  { style: byDefault, styles }: Place,
  { follow, schemas, report }: Making,
): Judged | undefined {
  const style = written(given['style'] ?? byDefault)
  if (!styles.includes(style)) {
    report([...at, 'style'], `expected one of ${styles.join(', ')}`)
    return undefined
  }
  const explode = given['explode'] === undefined ? style === 'form' : given['explode'] === true
  const plain: Reading = { name, place, style, explode, shape: 'one', parts: new Map() }
  const [media] = isJson(given['content']) ? Object.entries(given['content']) : []
  if (media) {
    const [type, value] = media
    const schema = isJson(value) ? value['schema'] : undefined
    const test = schema === undefined ? () => true : schemas.add(schema, [...at, 'content', type, 'schema'])
    return { reading: plain, test: ([text = '']) => !/[/+]json\b/i.test(type) || isJsonOf(text, test) }
  }
  const { schema } = given
  if (schema === undefined) return { reading: plain, test: () => true }
  const place2 = [...at, 'schema']
  const test = schemas.add(schema, place2)
  const kinds = kindsOf(schema, place2, follow)
  if (kinds.has('array') || kinds.has('object')) {
    const shape = kinds.has('array') ? 'list' : 'object'
    const reading: Reading = { ...plain, shape, parts: partKinds(schema, place2, follow) }
    return { reading, test: (values) => test(composed(reading, values)) }
  }
  return { reading: plain, test: ([text = '']) => passesAsOne(text, plain, kinds, test) }
}

function isJsonOf(text: string, test: SchemaTest): boolean {
  try {
    return test(JSON.parse(text))
  } catch {
    return false
  }
}

function passesAsOne(text: string, reading: Reading, kinds: Kinds, test: SchemaTest): boolean {
  return typed(decoded(reading, unmarked(reading, text)), kinds).some(test)
}

/** The texts of a parameter, as they stand in its place. For an object in several parameters: name, value, name … */
function rawValues({ name, place, style, explode, shape, parts }: Reading, sources: Sources): readonly string[] {
  if (place === 'path') {
    const text = sources.path.get(name)
    return text === undefined ? [] : [text]
  }
  if (place === 'header') return valuesOf(sources.headers, (other) => other.toLowerCase() === name.toLowerCase())
  const pairs = place === 'query' ? sources.query : sources.cookies
  if (shape === 'object' && style === 'deepObject') return deepPairs(name, pairs)
  if (shape === 'object' && style === 'form' && explode) {
    return pairsWhere(pairs, (other) => parts.has(other))
  }
  return valuesOf(pairs, (other) => other === name)
}

function valuesOf(pairs: readonly string[], isMeant: (name: string) => boolean): readonly string[] {
  const values: string[] = []
  for (let at = 0; at < pairs.length; at += 2) if (isMeant(pairs[at] ?? '')) values.push(pairs[at + 1] ?? '')
  return values
}

function pairsWhere(pairs: readonly string[], isMeant: (name: string) => boolean): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < pairs.length; at += 2) {
    if (isMeant(pairs[at] ?? '')) found.push(pairs[at] ?? '', pairs[at + 1] ?? '')
  }
  return found
}

/** `filter[a]=1` → a, 1. */
function deepPairs(name: string, pairs: readonly string[]): readonly string[] {
  const isMeant = (other: string): boolean => other.startsWith(`${name}[`) && other.endsWith(']')
  return pairsWhere(pairs, isMeant).map((text, at) => (at % 2 === 0 ? text.slice(name.length + 1, -1) : text))
}

/** A list or an object out of the texts. */
function composed(reading: Reading, values: readonly string[]): unknown {
  const { shape, parts, style, explode } = reading
  if (shape === 'list') {
    return listed(reading, values).map((text) => typedOne(decoded(reading, text), parts.items))
  }
  const isSpread = style === 'deepObject' || (style === 'form' && explode)
  const pairs = isSpread ? values : pairsIn(reading, values)
  const entries: [string, unknown][] = []
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const key = decoded(reading, pairs[at] ?? '')
    const kinds = parts.get(key)
    const value = typedOne(decoded(reading, pairs[at + 1] ?? ''), kinds)
    const before = kinds?.has('array') ? entries.find(([other]) => other === key) : undefined
    if (Array.isArray(before?.[1])) before[1].push(value)
    else entries.push([key, kinds?.has('array') ? [value] : value])
  }
  return Object.fromEntries(entries)
}

/** The items of a list. */
function listed(reading: Reading, values: readonly string[]): readonly string[] {
  const { style, explode, place } = reading
  if ((place === 'query' || place === 'cookie') && explode) return values
  const text = unmarked(reading, place === 'header' ? values.join(',') : (values[0] ?? ''))
  if (text === '') return []
  switch (style) {
    case 'spaceDelimited':
      return text.split(/ |%20/)
    case 'pipeDelimited':
      return text.split('|')
    case 'label':
      return text.split(explode ? '.' : ',')
    case 'matrix':
      return text.split(explode ? `;${reading.name}=` : ',')
    default:
      return text.split(',').map((item) => (place === 'header' ? item.trim() : item))
  }
}

/** Names and values of an object in one text: `a,1,b,2`, or `a=1` each where it is exploded. */
function pairsIn(reading: Reading, values: readonly string[]): readonly string[] {
  const { style, explode } = reading
  const text = unmarked(reading, values[0] ?? '')
  if (!explode) return text.split(style === 'spaceDelimited' ? ' ' : style === 'pipeDelimited' ? '|' : ',')
  const separator = style === 'label' ? '.' : style === 'matrix' ? ';' : ','
  return text.split(separator).flatMap((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
  })
}

/** Without the dot of `label` and the `;name=` of `matrix`. */
function unmarked({ style, name, shape, explode }: Reading, text: string): string {
  if (style === 'label') return text.replace(/^\./, '')
  if (style !== 'matrix') return text
  const mark = shape === 'object' && explode ? ';' : `;${name}=`
  return text.startsWith(mark) ? text.slice(mark.length) : text
}

/** Paths come as they were sent; the rest has been decoded. */
function decoded({ place }: Reading, text: string): string {
  if (place !== 'path' || !text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
