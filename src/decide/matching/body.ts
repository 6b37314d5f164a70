/** Request bodies: exact text, a part of it, JSON, a form, parts of a form, bytes, or what a library judges. */
import { containsJson, equalsJson, type JsonValue, type NumbersBy, parseJson } from './json.ts'
import { type MultipartForm, parseMultipart } from './multipart.ts'
import { matchesPairs, type PairsMatcher } from './pairs.ts'
import { parseQuery } from './query.ts'

interface Common {
  readonly negated: boolean
  /** An empty body matches too. */
  readonly optional?: boolean
}

export type BodyMatcher = Common &
  (
    | { readonly kind: 'text'; readonly text: string; readonly isPart: boolean }
    | { readonly kind: 'json'; readonly expected: JsonValue; readonly isStrict: boolean; readonly numbers?: NumbersBy }
    | { readonly kind: 'form'; readonly pairs: PairsMatcher | undefined }
    | { readonly kind: 'multipart'; readonly parts: Readonly<Record<keyof MultipartForm, PairsMatcher | undefined>> }
    | { readonly kind: 'bytes'; readonly bytes: Buffer }
    | { readonly kind: 'tested'; readonly test: BodyTest }
    | { readonly kind: 'all'; readonly all: readonly BodyMatcher[] }
  )

/** Judges a body with a library; given from outside, for the middle uses none. Bounded in time; must not throw. */
export type BodyTest = (body: ReadBody) => boolean

/**
 * Undoes the codings that a `content-encoding` names: the bytes themselves where there is nothing to undo or they are not
 * what it says, 'unavailable' where they would come to more than the byte budget. Given from outside; must not throw.
 */
export type Inflate = (bytes: Buffer, contentEncoding: string) => Buffer | 'unavailable'

/** A request's body with what its headers say of it; each reading is done at most once, however many matchers ask. */
export interface ReadBody {
  /** Without its content codings. */
  readonly bytes: Buffer
  /** As it came. */
  readonly sent: Buffer
  readonly contentType: string | undefined
  json?: Json
  /** With numbers that are compared by value. */
  jsonByValue?: Json
  text?: string
  form?: readonly string[]
  multipart?: MultipartForm | 'not_multipart'
}

type Json = { readonly value: JsonValue } | 'not_json'

/** Whether the body matches; a body that cannot be read as the matcher's kind does not, so its negation does. */
export function matchesBody(matcher: BodyMatcher, body: ReadBody): boolean {
  if (matcher.optional && body.bytes.length === 0) return true
  return matchesKind(matcher, body) !== matcher.negated
}

function matchesKind(matcher: BodyMatcher, body: ReadBody): boolean {
  switch (matcher.kind) {
    case 'text':
      return matchesBodyText(matcher, body)
    case 'json':
      return matchesJson(matcher, body)
    case 'form':
      body.form ??= parseQuery(textOf(body))
      return !matcher.pairs || matchesPairs(matcher.pairs, body.form)
    case 'multipart':
      return matchesMultipart(matcher.parts, body)
    case 'bytes':
      return body.bytes.equals(matcher.bytes) || (body.sent !== body.bytes && body.sent.equals(matcher.bytes))
    case 'tested':
      return matcher.test(body)
    case 'all':
      return matcher.all.every((one) => matchesBody(one, body))
  }
}

/** The body as text: UTF-8 unless its content type says otherwise. */
export function textOf(body: ReadBody): string {
  body.text ??= body.bytes.toString(isLatin1(body.contentType) ? 'latin1' : 'utf8')
  return body.text
}

/** Whether a body may be read as JSON: its content type is one of JSON, or missing. `curl -d '{"a":1}'` sends a form. */
export function saysJson({ contentType }: ReadBody): boolean {
  return !contentType || /^[^;]*[/+]json\s*(?:;|$)/i.test(contentType)
}

function matchesBodyText(matcher: Extract<BodyMatcher, { kind: 'text' }>, body: ReadBody): boolean {
  if (matcher.text === '') return true
  const wanted = Buffer.from(matcher.text, isLatin1(body.contentType) ? 'latin1' : 'utf8')
  return matcher.isPart ? body.bytes.includes(wanted) : body.bytes.equals(wanted)
}

function matchesJson(matcher: Extract<BodyMatcher, { kind: 'json' }>, body: ReadBody): boolean {
  const json = readJson(body, matcher.numbers ?? 'kind')
  if (json === 'not_json') return false
  const compare = matcher.isStrict ? equalsJson : containsJson
  try {
    return compare(matcher.expected, json.value)
  } catch (error) {
    if (error instanceof RangeError) return false // nested deeper than the stack: not what anyone asked for
    throw error
  }
}

/** The body as JSON, whole numbers apart from others; undefined where it is none. */
export function jsonOfBody(body: ReadBody): { readonly value: JsonValue } | undefined {
  const json = readJson(body, 'kind')
  return json === 'not_json' ? undefined : json
}

function readJson(body: ReadBody, numbers: NumbersBy): Json {
  if (numbers === 'kind') {
    body.json ??= parsedJson(body, numbers)
    return body.json
  }
  body.jsonByValue ??= parsedJson(body, numbers)
  return body.jsonByValue
}

function parsedJson(body: ReadBody, numbers: NumbersBy): Json {
  if (!saysJson(body)) return 'not_json'
  try {
    return { value: parseJson(textOf(body), numbers) }
  } catch {
    return 'not_json'
  }
}

function matchesMultipart(parts: Extract<BodyMatcher, { kind: 'multipart' }>['parts'], body: ReadBody): boolean {
  body.multipart ??= parseMultipart(body.bytes, body.contentType) ?? 'not_multipart'
  const { multipart } = body
  if (multipart === 'not_multipart') return false
  const fits = (key: keyof MultipartForm): boolean => !parts[key] || matchesPairs(parts[key], multipart[key])
  return fits('fields') && fits('filenames') && fits('partContentTypes')
}

/** Text is UTF-8 unless the content type says otherwise. */
function isLatin1(contentType: string | undefined): boolean {
  return contentType !== undefined && /;\s*charset\s*=\s*"?(?:iso-8859-1|latin1|us-ascii)\b/i.test(contentType)
}
