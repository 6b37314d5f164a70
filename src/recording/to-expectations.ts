/** Recorded exchanges as expectations: what `--replay` reads, and what may be edited by hand. Pure. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import { problemWithText } from '../decide/matching/text.ts'
import { headerValue } from '../http1/response.ts'
import { type Pair, pointerPart, type RecordedBody } from './pair.ts'
import { relaxed, type Same } from './relax.ts'
import { hasSpelled, isSpelled, writeSpelled } from './spelled-json.ts'

type Json = Readonly<Record<string, unknown>>

const STAND_IN = /redacted-[0-9a-f]{16}-[0-9a-f]{32}/g
const ANYTHING = `\${json-unit.ignore}`
const META = /[\\^$|?*+()[\]{}]/g

/** A text that matches itself: dots are left as they are, which any character may be, but only in their place. */
const literal = (text: string): string => {
  const plain = text.replace(META, '\\$&').replace(/^!/, '\\!')
  return problemWithText(plain) === undefined ? plain : `\\Q${text}\\E`
}

/** With one stand-in for a secret it is compared by hash; with more, which no one wants to read, it is not compared. */
const matched = (text: string): unknown => {
  const secrets = text.match(STAND_IN)?.length ?? 0
  if (secrets === 0) return literal(text)
  return secrets === 1 ? { hashed: text } : '.*'
}

const matchedPairs = (pairs: readonly string[], place: string, ignored: ReadonlySet<string>): Json | undefined => {
  const values = new Map<string, unknown[]>()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    if (ignored.has(`${place} ${name}`)) continue
    const known = values.get(literal(name)) ?? []
    known.push(matched(pairs[at + 1] ?? ''))
    values.set(literal(name), known)
  }
  return values.size === 0 ? undefined : Object.fromEntries(values)
}

const matchedJson = (value: unknown, pointer: string, ignored: ReadonlySet<string>): unknown => {
  if (ignored.has(`body ${pointer}`)) return ANYTHING
  if (typeof value === 'string') {
    if (value.match(STAND_IN)) return `\${understudy.hashed}${value}`
    return /^[$#]\{/.test(value) ? `\${json-unit.regex}${literal(value).replaceAll('#', '\\#')}` : value
  }
  if (Array.isArray(value)) return value.map((item: unknown) => matchedJson(item, `${pointer}/*`, ignored))
  if (typeof value !== 'object' || value === null || isSpelled(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, matchedJson(item, `${pointer}/${pointerPart(key)}`, ignored)]),
  )
}

const matchedBody = (body: RecordedBody, ignored: ReadonlySet<string>): unknown => {
  switch (body.kind) {
    case 'none':
      return undefined
    case 'json': {
      const json = matchedJson(body.value, '', ignored)
      // As text only where it must be: a value is easier to read and to edit, but a string is taken for text.
      const isText = typeof json === 'string' || hasSpelled(json)
      return { type: 'JSON', json: isText ? writeSpelled(json) : json, matchType: 'STRICT' }
    }
    case 'form': {
      const parameters = matchedPairs(body.pairs, 'body', ignored)
      return parameters && { type: 'PARAMETERS', parameters }
    }
    case 'multipart': {
      const fields = matchedPairs(body.fields, 'body', ignored)
      const filenames = matchedPairs(body.filenames, 'file', ignored)
      return fields && { type: 'MULTIPART', fields, ...(filenames ? { filenames } : {}) }
    }
    case 'text':
      return ignored.has('body') || body.text.match(STAND_IN) ? undefined : { type: 'STRING', string: body.text }
    case 'bytes':
      return ignored.has('body') ? undefined : { type: 'BINARY', base64Bytes: body.base64 }
  }
}

const requestOf = ({ pair, ignored }: Same): Json => {
  const query = matchedPairs(pair.query, 'query', ignored)
  const telling = matchedPairs(pair.headers, 'header', ignored)
  const host = pair.host === undefined ? {} : { host: [literal(pair.host)] }
  const headers = { ...host, ...telling }
  const body = matchedBody(pair.body, ignored)
  return {
    method: literal(pair.method),
    path: matched(pair.path),
    ...(query ? { queryStringParameters: query } : {}),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(body === undefined ? {} : { body }),
  }
}

const servedBody = ({ headers, body }: Pair['response']): unknown => {
  const type = headerValue(headers, 'content-type')
  const contentType = type === undefined ? {} : { contentType: type }
  switch (body.kind) {
    case 'none':
      return undefined
    case 'json':
      return { type: 'JSON', json: body.text, ...contentType }
    case 'text':
      return { type: 'STRING', string: body.text, ...contentType }
    case 'bytes':
      return { type: 'BINARY', base64Bytes: body.base64, ...contentType }
  }
}

const multiMap = (pairs: readonly string[]): Record<string, string[]> => {
  const values: Record<string, string[]> = {}
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    if (name.toLowerCase() === 'content-type') continue
    values[name] = [...(values[name] ?? []), pairs[at + 1] ?? '']
  }
  return values
}

const responseJson = (response: Pair['response']): Json => {
  const headers = multiMap(response.headers)
  const body = servedBody(response)
  return {
    statusCode: response.statusCode,
    ...(response.reasonPhrase === undefined ? {} : { reasonPhrase: response.reasonPhrase }),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(body === undefined ? {} : { body }),
  }
}

const actionOf = ({ responses }: Same): Json => {
  const [first, ...rest] = responses.map(responseJson)
  return rest.length === 0 ? { httpResponse: first } : { httpResponses: [first, ...rest], responseMode: 'SWITCH' }
}

/** Requests that can be compared with each other. */
export const groupOf = ({ method, host, path }: Pair): string => `${method} ${host ?? ''}${path}`

/** Expectations for the recorded exchanges, in the order in which their first ones came. */
export const toExpectations = (pairs: readonly Pair[]): Json[] => {
  const ids = new Map<string, number>()
  const idOf = (name: string): string => {
    const count = (ids.get(name) ?? 0) + 1
    ids.set(name, count)
    return count === 1 ? name : `${name} #${count}`
  }
  return [...Map.groupBy(pairs, groupOf).entries()].flatMap(([group, members]) =>
    relaxed(members).map((same) => ({ id: idOf(group), httpRequest: requestOf(same), ...actionOf(same) })),
  )
}

/** The file that holds them. */
export const recordingText = (pairs: readonly Pair[], recordedBy: string): string =>
  `${prettyJson({ recordedBy, expectations: toExpectations(pairs) })}\n`
