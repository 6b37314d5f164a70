/** Recorded messages as the parts of an expectation: what is worth comparing again, and what is worth sending again. */
import { parseQuery } from '../../decide/matching/query.ts'

export interface Pair {
  readonly name: string
  readonly value: string
}

export type Json = Readonly<Record<string, unknown>>

/** Of a request: what depends on the client, the connection or the moment, and what is a secret. */
const UNASKED =
  /^(?::.*|host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade.*|expect|date|user-agent|accept|accept-.*|cookie|authorization|proxy-.*|referer|origin|sec-.*|cache-control|pragma|if-.*|range|dnt|priority|via|forwarded|x-forwarded-.*|x-real-ip|x-request-id|x-correlation-id|x-amzn-.*|x-b3-.*|traceparent|tracestate|postman-token|purpose|save-data|content-encoding)$/i

/** Of a response: what belongs to its connection, its moment, or the form in which its body was sent. */
const UNSENT =
  /^(?::.*|connection|keep-alive|content-length|content-encoding|transfer-encoding|te|trailer|upgrade|proxy-.*|date|age|alt-svc)$/i

/** Text that is to be matched as it stands. */
export function literally(text: string): string {
  const escaped = text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&').replace(/^!/, '\\!')
  // A value that begins so would be a comparison of numbers.
  return escaped.replace(/^(\s*)([<>=])/, '$1[$2]')
}

/** A pattern may not be longer than 8192 characters; tokens and the like are, and are then compared by a schema. */
const MAX_PATTERN = 4096

/** The same, of any length. */
export function literalText(text: string): unknown {
  const escaped = literally(text)
  return escaped.length > MAX_PATTERN ? { schema: { const: text } } : escaped
}

/** `{a: ["1", "2"]}`; undefined where there are none. */
export function multiMap(pairs: readonly Pair[], to: (value: string) => unknown = (value) => value): Json | undefined {
  const map = new Map<string, unknown[]>()
  for (const { name, value } of pairs) map.set(name, [...(map.get(name) ?? []), to(value)])
  return map.size === 0 ? undefined : Object.fromEntries(map)
}

/** Pairs whose names are matched too. */
export function matchedPairs(pairs: readonly Pair[]): Json | undefined {
  return multiMap(
    pairs.map(({ name, value }) => ({ name: literally(name), value })),
    literalText,
  )
}

/** What of the headers is asked for again. The boundary of a form in parts is new each time. */
export function askedHeaders(headers: readonly Pair[]): Json | undefined {
  const isAsked = ({ name, value }: Pair): boolean => !UNASKED.test(name) && !/^multipart\//i.test(value)
  return matchedPairs(headers.filter(isAsked))
}

/**
 * Browsers put the values of several headers of one name into one, a line each. `content-encoding` goes with a body that
 * `isEncoded`.
 */
export function sentHeaders(headers: readonly Pair[], isEncoded = false): Json | undefined {
  const isSent = (name: string): boolean => (isEncoded && /^content-encoding$/i.test(name)) || !UNSENT.test(name)
  const sent = headers.filter(({ name }) => isSent(name))
  return multiMap(sent.flatMap(({ name, value }) => value.split(/\r?\n/).map((one) => ({ name, value: one }))))
}

/** `/a/b` and its query out of a URL or a path; the host does not matter. */
export function pathAndQuery(url: string): { readonly path: string; readonly query: string } {
  const target = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/#.*$/s, '')
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return { path: path.startsWith('/') ? path : `/${path}`, query: mark === -1 ? '' : target.slice(mark + 1) }
}

export function queryPairs(query: string): readonly Pair[] {
  const flat = parseQuery(query)
  const pairs: Pair[] = []
  for (let at = 0; at < flat.length; at += 2) pairs.push({ name: flat[at] ?? '', value: flat[at + 1] ?? '' })
  return pairs
}

/** A text body to compare with, by what it says it is. */
export function askedText(text: string, contentType: string): unknown {
  if (text === '') return undefined
  if (/[/+]json\b/i.test(contentType) && isJsonText(text)) return { type: 'JSON', json: text, matchType: 'STRICT' }
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return askedForm(queryPairs(text))
  return /^multipart\//i.test(contentType) ? undefined : { type: 'STRING', string: text }
}

export function askedForm(pairs: readonly Pair[]): unknown {
  const parameters = matchedPairs(pairs)
  return parameters && { type: 'PARAMETERS', parameters }
}

export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** An object without what is undefined. */
export function defined(given: Json): Json {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
