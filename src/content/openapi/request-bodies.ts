/** Request bodies of an operation: which content types it takes, and the schema of each. */
import { type BodyMatcher, type BodyTest, type ReadBody, textOf } from '../../decide/matching/body.ts'
import { parseMultipart } from '../../decide/matching/multipart.ts'
import { parseQuery } from '../../decide/matching/query.ts'
import { jsonOf } from '../json-value.ts'
import { withinTime } from '../within-time.ts'
import { type At, isJson, type Located } from './faults.ts'
import type { Making } from './parameters.ts'
import { kindsOf, partKinds, typed, typedOne } from './value-kinds.ts'

interface Accepted {
  /** Lower case, such as `application/json` or `text/*`. */
  readonly range: string
  readonly test: BodyTest
}

/** Undefined where any body will do. */
export function compileRequestBody(given: Located | undefined, making: Making): BodyMatcher | undefined {
  if (!given || given.value === undefined) return undefined
  const { value, at } = given
  if (!isJson(value)) {
    making.report(at, 'expected an object')
    return undefined
  }
  const content = value['content']
  if (content !== undefined && !isJson(content)) making.report([...at, 'content'], 'expected an object')
  const accepted = Object.entries(isJson(content) ? content : {}).map(([type, media]): Accepted => {
    const schema = isJson(media) ? media['schema'] : undefined
    const range = essence(type)
    return {
      range,
      test: schema === undefined ? () => true : tested(range, schema, [...at, 'content', type, 'schema'], making),
    }
  })
  if (accepted.length === 0) return undefined
  const isRequired = value['required'] === true
  const test: BodyTest = (read) => {
    if (read.bytes.length === 0) return !isRequired
    return bestFor(read.contentType, accepted)?.test(read) ?? false
  }
  return { kind: 'tested', test, negated: false }
}

const essence = (contentType: string): string => (contentType.split(';')[0] ?? '').trim().toLowerCase()

/** The most exact range that the content type is in; the first where the request does not say. */
function bestFor(contentType: string | undefined, accepted: readonly Accepted[]): Accepted | undefined {
  if (contentType === undefined) return accepted[0]
  const type = essence(contentType)
  const family = `${type.split('/')[0] ?? ''}/*`
  return (
    accepted.find(({ range }) => range === type) ??
    accepted.find(({ range }) => range === family) ??
    accepted.find(({ range }) => range === '*/*' || range === '*')
  )
}

function tested(range: string, schema: unknown, at: At, making: Making): BodyTest {
  const test = making.schemas.add(schema, at)
  const timed = (read: ReadBody, value: unknown): boolean => withinTime(read.bytes.length, () => test(value))
  if (/[/+]json$/.test(range)) {
    return (read) => {
      const found = jsonOf(read, false)
      return found !== undefined && timed(read, found.value)
    }
  }
  if (range === 'application/x-www-form-urlencoded' || range === 'multipart/form-data') {
    const fields = partKinds(schema, at, making.follow)
    return (read) => {
      const pairs = range === 'multipart/form-data' ? partsOf(read) : formOf(read)
      return pairs !== undefined && timed(read, formObject(pairs, fields))
    }
  }
  if (!range.startsWith('text/') || range.endsWith('xml')) return () => true
  const kinds = kindsOf(schema, at, making.follow)
  return (read) => typed(textOf(read), kinds).some((value) => timed(read, value))
}

function formOf(read: ReadBody): readonly string[] {
  read.form ??= parseQuery(textOf(read))
  return read.form
}

function partsOf(read: ReadBody): readonly string[] | undefined {
  read.multipart ??= parseMultipart(read.bytes, read.contentType) ?? 'not_multipart'
  return read.multipart === 'not_multipart' ? undefined : read.multipart.fields
}

/** A form as the object that its schema describes; a field may be there several times where it is a list. */
function formObject(pairs: readonly string[], fields: ReturnType<typeof partKinds>): unknown {
  const values = new Map<string, unknown[]>()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    const list = values.get(name) ?? []
    list.push(fieldValue(pairs[at + 1] ?? '', fields.get(name)))
    values.set(name, list)
  }
  return Object.fromEntries(
    [...values].map(([name, list]) => [name, fields.get(name)?.has('array') ? list.flat() : list[0]]),
  )
}

/** A field that is an object or a list may be written in JSON. */
function fieldValue(text: string, kinds: ReturnType<typeof kindsOf> | undefined): unknown {
  if ((kinds?.has('object') || kinds?.has('array')) && /^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text) as unknown
    } catch {
      return text
    }
  }
  return typedOne(text, kinds)
}
