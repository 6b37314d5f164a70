/** Which response of an operation is given, and what it comes to as the `httpResponse` of an expectation. */
import { type At, isJson, type Json, type Located, type Report } from './faults.ts'
import type { Operation } from './operations.ts'
import type { Follow } from './references.ts'
import type { Sampler } from './sample.ts'

/** What `operationsAndResponses` says of an operation. */
export interface Wanted {
  readonly status: string
  readonly exampleName?: string | undefined
}

export interface Answering {
  readonly follow: Follow
  readonly report: Report
  readonly sampler: Sampler
}

/** Worked out for each message, never given. */
const OWN_HEADERS = /^(?:content-type|content-length|transfer-encoding|connection)$/i
/** Objects with such a `type` would be read as bodies that say what they are. */
const TYPED_BODY = /^[A-Z_]+$/

/** `httpResponse` of the response wanted, or of the first. */
export function responseOf(operation: Operation, wanted: Wanted | undefined, making: Answering): Json {
  const { follow, report } = making
  const status = wanted?.status ?? Object.keys(operation.responses).find((one) => !one.startsWith('1'))
  if (status === undefined) return {}
  const at = [...operation.at, 'responses', status]
  if (!Object.hasOwn(operation.responses, status)) {
    const there = Object.keys(operation.responses).join(', ')
    report(operation.at, `operation ${operation.id} has no response ${status}; there are ${there}`)
    return {}
  }
  const { value, at: place } = follow(operation.responses[status], at)
  if (!isJson(value)) {
    if (value !== undefined) report(place, 'expected an object')
    return {}
  }
  const media = mediaOf(value, place, wanted?.exampleName, follow)
  if (wanted?.exampleName !== undefined && !media?.isNamed)
    report(place, `has no example named ${JSON.stringify(wanted.exampleName)}`)
  const type = media && !media.type.includes('*') ? { 'content-type': [media.type] } : {}
  const headers = { ...headersOf(value, place, making), ...type }
  const body = media && bodyOf(media, making)
  const code = statusCode(status)
  return {
    ...(code === undefined ? {} : { statusCode: code }),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(body === undefined ? {} : { body }),
  }
}

/** 200 for `2XX`; undefined for `default`. */
function statusCode(status: string): number | undefined {
  if (/^[1-9]\d\d$/.test(status)) return Number(status)
  return /^[1-5]XX$/i.test(status) ? Number(status.slice(0, 1)) * 100 : undefined
}

interface Media {
  readonly type: string
  readonly example: unknown
  readonly isNamed: boolean
  readonly schema: unknown
  readonly at: At
}

/** The first content type; where an example is asked for by name, the first that has it. */
function mediaOf(response: Json, at: At, exampleName: string | undefined, follow: Follow): Media | undefined {
  const content = isJson(response['content']) ? Object.entries(response['content']) : []
  const all = content.map(([type, given]): Media => {
    const { value, at: place } = follow(given, [...at, 'content', type])
    const media = isJson(value) ? value : {}
    const { example, isNamed } = exampleOf(media, place, exampleName, follow)
    return { type, example, isNamed, schema: media['schema'], at: [...place, 'schema'] }
  })
  return all.find(({ isNamed }) => isNamed) ?? all[0]
}

function exampleOf(
  given: Json,
  at: At,
  name: string | undefined,
  follow: Follow,
): { readonly example: unknown; readonly isNamed: boolean } {
  const examples = isJson(given['examples']) ? given['examples'] : {}
  const isNamed = name !== undefined && Object.hasOwn(examples, name)
  const key = isNamed ? name : Object.keys(examples)[0]
  const plain = isNamed ? undefined : given['example']
  if (plain !== undefined || key === undefined) return { example: plain, isNamed }
  const { value } = follow(examples[key], [...at, 'examples', key])
  const example = isJson(value) ? (value['value'] ?? value['dataValue'] ?? value['serializedValue']) : undefined
  return { example, isNamed }
}

function headersOf(response: Json, at: At, making: Answering): Json {
  const headers = isJson(response['headers']) ? Object.entries(response['headers']) : []
  return Object.fromEntries(
    headers.flatMap(([name, given]) => {
      if (OWN_HEADERS.test(name)) return []
      const found = making.follow(given, [...at, 'headers', name])
      const text = headerText(found, making)
      return text === undefined ? [] : [[name, [text]]]
    }),
  )
}

function headerText({ value, at }: Located, { follow, sampler }: Answering): string | undefined {
  if (!isJson(value)) return undefined
  const { example } = exampleOf(value, at, undefined, follow)
  const { schema } = value
  const given = example ?? (schema === undefined ? undefined : sampler.value(schema, [...at, 'schema']))
  if (given === undefined || given === null) return undefined
  if (Array.isArray(given)) return given.map(plainText).join(',')
  return isJson(given) ? Object.entries(given).flat().map(plainText).join(',') : String(given)
}

const plainText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

/** The body of `httpResponse`; undefined for none. */
function bodyOf({ type, example, schema, at }: Media, { follow, sampler }: Answering): unknown {
  const essence = (type.split(';')[0] ?? '').trim().toLowerCase()
  if (/[/+]xml$/.test(essence)) {
    if (typeof example === 'string') return example
    if (schema === undefined) return undefined
    const { value } = follow(schema, at)
    return isJson(value) ? sampler.xml(schema, at, example) : undefined
  }
  const value = example ?? (schema === undefined ? undefined : sampler.value(schema, at))
  if (value === undefined) return undefined
  if (/[/+]json$/.test(essence) || essence.includes('*')) return jsonBody(value)
  if (typeof value === 'string') return value
  if (essence === 'application/x-www-form-urlencoded' && isJson(value)) return formText(value)
  return JSON.stringify(value)
}

/** An object or a list as it is; other values as the JSON text they are. */
function jsonBody(value: unknown): unknown {
  if (typeof value === 'string') return isJsonText(value) ? value : { type: 'JSON', json: JSON.stringify(value) }
  if (typeof value !== 'object' || value === null) return { type: 'JSON', json: JSON.stringify(value) }
  const { type } = value as Json
  return typeof type === 'string' && TYPED_BODY.test(type) ? { type: 'JSON', json: value } : value
}

/** Many write an example as the text of an object. */
function isJsonText(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const formText = (value: Json): string =>
  new URLSearchParams(Object.entries(value).map(([key, one]) => [key, plainText(one)])).toString()
