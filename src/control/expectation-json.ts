/** Expectations as the API gives them back: what was put, the shorthands of maps spelt out, and what is left of it. */
import type { LiveExpectation } from '../decide/matching/store.ts'
import type { Json } from './message-json.ts'

/** Keys whose maps may be given as lists of name and values, or with bare strings. */
const MULTI_MAPS = new Set(['headers', 'queryStringParameters', 'pathParameters'])

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const fromList = (list: readonly unknown[], isMulti: boolean): Json =>
  Object.fromEntries(
    list.filter(isRecord).map(({ name, values, value }) => [String(name), isMulti ? (values ?? []) : (value ?? '')]),
  )

/** Text as its prefixes say it: `{value: "a", not: true}` is `!a`. Text that would then say something else stays. */
const plainText = (given: unknown): unknown => {
  if (typeof given === 'string') return given.replace(/^!\?/, '?!')
  if (!isRecord(given)) return given
  const { value, not, optional } = given
  if (typeof value !== 'string' || /^[!?]/.test(value)) return given
  return `${optional === true ? '?' : ''}${not === true ? '!' : ''}${value}`
}

const plainTexts = (given: unknown): unknown =>
  Array.isArray(given) ? given.map(plainText) : typeof given === 'string' ? [plainText(given)] : given

/** `{"a": ["1"]}` out of any of the three forms; cookies have one value each. */
const plainMap = (given: unknown, isMulti: boolean): unknown => {
  const map = Array.isArray(given) ? fromList(given, isMulti) : given
  if (!isRecord(map)) return map
  return Object.fromEntries(
    Object.entries(map)
      .filter(([key, value]) => key !== 'keyMatchStyle' || value !== 'SUB_SET')
      .map(([key, value]) => {
        if (key === 'keyMatchStyle') return [key, value]
        return [key, isMulti ? plainTexts(value) : plainText(value)]
      }),
  )
}

/** The keys of requests and responses in their order; others come after them. */
const KEYS = (
  'not statusCode reasonPhrase method path pathParameters queryStringParameters headers cookies keepAlive secure ' +
  'protocol socketAddress localAddress remoteAddress body delay connectionOptions'
).split(' ')

const placeOf = (key: string): number => (KEYS.includes(key) ? KEYS.indexOf(key) : KEYS.length)

const isSaid = ([key, value]: readonly [string, unknown]): boolean =>
  value !== undefined &&
  value !== null &&
  !(key === 'not' && value === false) &&
  !((key === 'method' || key === 'path') && typeof value === 'string' && value.trim() === '')

const sorted = (entries: readonly (readonly [string, unknown])[]): Json =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))

const plain = (key: string, value: unknown): unknown => {
  if (MULTI_MAPS.has(key)) return plainMap(value, true)
  if (key === 'cookies') return plainMap(value, false)
  if (key === 'connectionOptions' && isRecord(value)) return sorted(Object.entries(value))
  return key === 'method' || key === 'path' ? plainText(value) : value
}

/** A request or a response with its keys in order, its maps and texts in one form; bodies are left as they are. */
export const messageJson = (given: Json): Json =>
  Object.fromEntries(
    Object.entries(given)
      .filter(isSaid)
      .toSorted(([a], [b]) => placeOf(a) - placeOf(b))
      .map(([key, value]) => [key, plain(key, value)]),
  )

const MESSAGES = new Set(['httpRequest', 'httpResponse', 'requestOverride', 'responseOverride', 'fallbackResponse'])

/** What is laid out like MockServer's: keys in alphabetical order. */
const SORTED = new Set([
  ...['httpError', 'rateLimit', 'httpForward', 'httpOverrideForwardedRequest', 'httpForwardWithFallback'],
  ...['httpResponseTemplate', 'httpForwardTemplate'],
])

/** An action or a limit, with its messages in their own order, and the scheme that is meant where none is given. */
const plainPart = (key: string, value: unknown): unknown => {
  if (!isRecord(value)) return value
  if (MESSAGES.has(key)) return messageJson(value)
  if (!SORTED.has(key)) return value
  const given = key === 'httpForward' ? { scheme: 'HTTP', ...value } : value
  return sorted(Object.entries(given).map(([name, part]) => [name, plainPart(name, part)]))
}

export const expectationJson = ({ expectation, remainingTimes }: LiveExpectation): Json => {
  const source = isRecord(expectation.source) ? expectation.source : {}
  const given = Object.entries(source)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => [key, plainPart(key, value)] as const)
  const life = isRecord(source['timeToLive']) ? source['timeToLive'] : {}
  const timeToLive = Number.isFinite(expectation.timeToLiveMs)
    ? { timeUnit: life['timeUnit'], timeToLive: life['timeToLive'] }
    : { unlimited: true }
  return sorted(
    Object.entries({
      ...Object.fromEntries(given),
      id: expectation.id,
      priority: expectation.priority,
      times: Number.isFinite(remainingTimes) ? { remainingTimes } : { unlimited: true },
      timeToLive,
    }),
  )
}
