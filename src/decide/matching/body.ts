/** Request bodies: exact text, a part of it, or JSON. */
import { containsJson, equalsJson, type JsonValue, parseJson } from './json.ts'

export type BodyMatcher =
  | { readonly kind: 'text'; readonly text: string; readonly isPart: boolean; readonly negated: boolean }
  | { readonly kind: 'json'; readonly expected: JsonValue; readonly isStrict: boolean; readonly negated: boolean }

/** A request's body with what its headers say of it; JSON is parsed at most once, however many matchers ask. */
export interface ReadBody {
  readonly bytes: Buffer
  readonly contentType: string | undefined
  json?: { readonly value: JsonValue } | 'not_json'
}

/** Whether the body matches; a body that cannot be read as the matcher's kind does not, so its negation does. */
export function matchesBody(matcher: BodyMatcher, body: ReadBody): boolean {
  return (matcher.kind === 'text' ? matchesBodyText(matcher, body) : matchesJson(matcher, body)) !== matcher.negated
}

function matchesBodyText(matcher: Extract<BodyMatcher, { kind: 'text' }>, body: ReadBody): boolean {
  if (matcher.text === '') return true
  const wanted = Buffer.from(matcher.text, isLatin1(body.contentType) ? 'latin1' : 'utf8')
  return matcher.isPart ? body.bytes.includes(wanted) : body.bytes.equals(wanted)
}

function matchesJson(matcher: Extract<BodyMatcher, { kind: 'json' }>, body: ReadBody): boolean {
  body.json ??= readJson(body)
  if (body.json === 'not_json') return false
  const compare = matcher.isStrict ? equalsJson : containsJson
  try {
    return compare(matcher.expected, body.json.value)
  } catch (error) {
    if (error instanceof RangeError) return false // nested deeper than the stack: not what anyone asked for
    throw error
  }
}

/** Only a JSON content type, or none, makes a body JSON: `curl -d '{"a":1}'` sends a form. */
function readJson(body: ReadBody): { readonly value: JsonValue } | 'not_json' {
  if (body.contentType && !/^[^;]*[/+]json\s*(?:;|$)/i.test(body.contentType)) return 'not_json'
  try {
    return { value: parseJson(body.bytes.toString(isLatin1(body.contentType) ? 'latin1' : 'utf8')) }
  } catch {
    return 'not_json'
  }
}

/** Text is UTF-8 unless the content type says otherwise. */
function isLatin1(contentType: string | undefined): boolean {
  return contentType !== undefined && /;\s*charset\s*=\s*"?(?:iso-8859-1|latin1|us-ascii)\b/i.test(contentType)
}
