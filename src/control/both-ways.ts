/** Whether a filter means an expectation: each field matches either way, as literal text or as a pattern. */
import type { Filter, Read, RequestFilter } from '../decide/matching/filter.ts'
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { matchesRequest, type RequestMatcher } from '../decide/matching/request.ts'
import { matchesText, type TextMatcher } from '../decide/matching/text.ts'
import type { RequestHead } from '../flow.ts'
import { messageJson } from './expectation-json.ts'
import type { Json } from './message-json.ts'

export type ReadFilter = (given: unknown) => Read<Filter>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Names and first values of a map, as a request that fits the map would carry them. */
const pairsOf = (map: unknown): string[] =>
  isRecord(map)
    ? Object.entries(map).flatMap(([name, values]) =>
        (Array.isArray(values) && values.length > 0 ? values : ['']).flatMap((value) => [name, String(value)]),
      )
    : []

const queryOf = (pairs: readonly string[]): string => {
  const parts: string[] = []
  for (let at = 0; at < pairs.length; at += 2) {
    parts.push(`${encodeURIComponent(pairs[at] ?? '')}=${encodeURIComponent(pairs[at + 1] ?? '')}`)
  }
  return parts.join('&')
}

/** The bytes that a body of a matcher stands for, taken literally. */
const bodyOf = (body: unknown): Buffer => {
  if (typeof body === 'string') return Buffer.from(body)
  if (!isRecord(body)) return Buffer.from(body === undefined ? '' : JSON.stringify(body))
  const literal = body['string'] ?? body['json'] ?? body['regex'] ?? body['xml']
  if (literal === undefined) return Buffer.from(JSON.stringify(body))
  return Buffer.from(typeof literal === 'string' ? literal : JSON.stringify(literal))
}

/** A request made of the texts of a matcher. */
const asRequest = (given: Json): { readonly head: RequestHead; readonly body: Buffer } => {
  const query = queryOf(pairsOf(given['queryStringParameters']))
  const path = textOf(given['path'])
  const cookies = isRecord(given['cookies']) ? Object.entries(given['cookies']) : []
  const cookie = cookies.map(([name, value]) => `${name}=${String(value)}`).join('; ')
  const headers = [...pairsOf(given['headers']), ...(cookie === '' ? [] : ['cookie', cookie])]
  return {
    head: { method: textOf(given['method']), target: path, path, query, httpVersion: '1.1', headers },
    body: bodyOf(given['body']),
  }
}

const matches = (matcher: RequestMatcher, request: Json): boolean => {
  const { head, body } = asRequest(request)
  return matchesRequest(matcher, { head, body, query: undefined, read: undefined }) === 'yes'
}

const isSame = (a: unknown, b: unknown): boolean => a === b || prettyJson(a) === prettyJson(b)

/** Something that says nothing: such a field of a filter asks for nothing. */
const isEmpty = (value: unknown): boolean =>
  value === '' || (isRecord(value) && Object.keys(value).length === 0) || (Array.isArray(value) && value.length === 0)

const namesSpec = (request: Json): boolean => request['specUrlOrPayload'] !== undefined

/** What can be compared with an operation of an OpenAPI document. */
const COMPARED = new Set(['method', 'path', 'specUrlOrPayload', 'operationId', 'contextPathPrefix'])

const textFits = (a: TextMatcher | undefined, b: TextMatcher | undefined): boolean =>
  !a || !b || a.text === b.text || matchesText(a, b.text) || matchesText(b, a.text)

/** Whether method and path fit, of any operation; a filter that asks for more means none of them. */
const fitsOperation = (given: Json, filter: RequestMatcher, expected: RequestMatcher): boolean => {
  if (!Object.entries(given).every(([field, value]) => COMPARED.has(field) || isEmpty(value))) return false
  const others = expected.anyOf ?? [expected]
  return (filter.anyOf ?? [filter]).some((one) =>
    others.some((other) => textFits(one.method, other.method) && textFits(one.path, other.path)),
  )
}

/** Where an expectation leaves these open, a filter for one of them means it too. */
const FOR_ANY = new Set(['method', 'path'])

/** A negated text without its negation: the two ways are two to match, of which neither may be left. */
const plain = (field: string, value: unknown): { readonly value: unknown; readonly isNegated: boolean } => {
  const negated = FOR_ANY.has(field) && typeof value === 'string' ? /^\??!(.+)$/s.exec(value)?.[1] : undefined
  return { value: negated ?? value, isNegated: negated !== undefined }
}

/**
 * Makes a test for the documents of expectations. Fields are compared one by one: one may be a pattern in the filter,
 * another in the expectation.
 */
export const meansExpectation = (
  { given, matcher: filter }: RequestFilter,
  read: ReadFilter,
): ((source: unknown, matcher?: RequestMatcher) => boolean) => {
  const fields = Object.entries(messageJson(given)).filter(([, value]) => !isEmpty(value))
  const compile = (field: string, value: unknown): RequestMatcher | undefined => {
    const compiled = read({ httpRequest: { [field]: value } })
    return 'value' in compiled && compiled.value.kind === 'request' ? compiled.value.request.matcher : undefined
  }
  const compiled = fields.map(([field, given]) => {
    const { value, isNegated } = plain(field, given)
    return { field, value, isNegated, matcher: compile(field, value) }
  })
  return (source, expected) => {
    if (fields.length === 0) return true
    if (!isRecord(source) || !isRecord(source['httpRequest'])) return true
    const request = messageJson(source['httpRequest'])
    if (namesSpec(given) || namesSpec(request)) return expected !== undefined && fitsOperation(given, filter, expected)
    return compiled.every(({ field, value, isNegated, matcher }) => {
      const other = request[field]
      if (other === undefined) return FOR_ANY.has(field)
      if (isSame(value, other)) return !isNegated
      if (matcher && matches(matcher, { [field]: other })) return !isNegated
      const back = compile(field, other)
      return (back !== undefined && matches(back, { [field]: value })) !== isNegated
    })
  }
}
