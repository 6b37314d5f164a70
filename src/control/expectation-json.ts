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

/** `{"a": ["1"]}` out of any of the three forms; cookies have one value each. */
const plainMap = (given: unknown, isMulti: boolean): unknown => {
  const map = Array.isArray(given) ? fromList(given, isMulti) : given
  if (!isRecord(map) || !isMulti) return map
  const isPlain = (value: unknown): boolean => typeof value === 'string'
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [key, isPlain(value) && key !== 'keyMatchStyle' ? [value] : value]),
  )
}

const sorted = (entries: readonly (readonly [string, unknown])[]): Json =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** A request or a response with its keys in order and its maps in one form; bodies are left as they are. */
export const messageJson = (given: Json): Json =>
  sorted(
    Object.entries(given)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]) => {
        if (MULTI_MAPS.has(key)) return [key, plainMap(value, true)]
        return [key, key === 'cookies' ? plainMap(value, false) : value]
      }),
  )

const MESSAGES = new Set(['httpRequest', 'httpResponse'])

export const expectationJson = ({ expectation, remainingTimes }: LiveExpectation): Json => {
  const source = isRecord(expectation.source) ? expectation.source : {}
  const given = Object.entries(source)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => [key, MESSAGES.has(key) && isRecord(value) ? messageJson(value) : value] as const)
  const timeToLive = Number.isFinite(expectation.timeToLiveMs) ? source['timeToLive'] : { unlimited: true }
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
