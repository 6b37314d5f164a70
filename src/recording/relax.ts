/**
 * Which parts of recorded requests matter. Requests of one method, host and path are compared with each other: what differs
 * between two that got the same answer, and looks as if it were made anew each time, is not asked for when they are replayed.
 * Pure.
 */
import { type Features, featuresOf, type Pair } from './pair.ts'
import { isSpelled, spellingOf } from './spelled-json.ts'

/** Requests that are one and the same when replayed, with their different answers in the order they came. */
export interface Same {
  /** One of them, for what it has where the others may differ. */
  readonly pair: Pair
  /** Places that are not asked for. */
  readonly ignored: ReadonlySet<string>
  readonly responses: readonly Pair['response'][]
}

/** A place with at least so many values for the same answer is taken to be of no consequence, whatever they look like. */
const MANY = 3
/** More answers to one request are not told apart. */
const MAX_RESPONSES = 100

const UUID = /^"?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"?$/i
const MOMENT = /^"?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"?$/
/** Seconds or milliseconds since the epoch, of this century so far. */
const EPOCH = /^"?1[0-9]{9}(?:[0-9]{3}|\.[0-9]+)?"?$/
const RANDOM = /^"?(?=[^"]*\d)(?=[^"]*[a-z])[A-Za-z0-9+/_=-]{16,}"?$/i

/** Whether a value looks as if it were made for one request: a moment, an identifier, a number used once. */
export const looksMade = (value: string): boolean =>
  UUID.test(value) || MOMENT.test(value) || EPOCH.test(value) || (RANDOM.test(value) && !value.includes('redacted-'))

/** The answer without what looks made anew each time. */
const answerKey = ({ statusCode, body }: Pair['response']): string => {
  const stable = (key: string, value: unknown): unknown => {
    if (isSpelled(value)) return spellingOf(value)
    return (typeof value === 'string' || typeof value === 'number') && looksMade(String(value)) ? `made ${key}` : value
  }
  return JSON.stringify([statusCode, body.kind === 'json' ? JSON.stringify(body.value, stable) : body])
}

interface Seen {
  readonly pair: Pair
  readonly features: Features
  readonly answer: string
}

const isHeader = (place: string): boolean => place.startsWith('header ')

/** The request as far as it is asked for. */
const requestKey = (features: Features, ignored: ReadonlySet<string>): string =>
  JSON.stringify([...features].filter(([place]) => !ignored.has(place)).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Whether requests that would then be the same got different answers. */
const isAmbiguous = (all: readonly Seen[], ignored: ReadonlySet<string>): boolean => {
  const answers = new Map<string, string>()
  for (const { features, answer } of all) {
    const key = requestKey(features, ignored)
    const known = answers.get(key)
    if (known !== undefined && known !== answer) return true
    answers.set(key, answer)
  }
  return false
}

/** Places whose values differ among requests with one answer, with those values. */
const varying = (all: readonly Seen[]): Map<string, Set<string>> => {
  const places = new Map<string, Set<string>>()
  const byAnswer = Map.groupBy(all, ({ answer }) => answer)
  for (const group of byAnswer.values()) {
    for (const place of new Set(group.flatMap(({ features }) => [...features.keys()]))) {
      const values = new Set(group.map(({ features }) => features.get(place) ?? ''))
      if (values.size < 2) continue
      const known = places.get(place) ?? new Set()
      for (const value of values) known.add(value)
      places.set(place, known)
    }
  }
  return places
}

/** The places that need not be asked for. Headers are asked for only where answers depend on them. */
const ignoredOf = (all: readonly Seen[]): Set<string> => {
  const ignored = new Set(all.flatMap(({ features }) => [...features.keys()]).filter(isHeader))
  const isSequence = isAmbiguous(all, new Set())
  // What differs though the whole request is the same is a sequence, and no header tells its steps apart.
  if (!isSequence) for (const place of [...ignored]) if (isAmbiguous(all, ignored)) ignored.delete(place)
  for (const [place, values] of varying(all)) {
    if (ignored.has(place)) continue
    const isMade = [...values].every((value) => value === '' || looksMade(value))
    if (!isMade && values.size < MANY) continue
    const more = new Set([...ignored, place])
    if (isSequence || !isAmbiguous(all, more)) ignored.add(place)
  }
  return ignored
}

/** Answers in order, each once where it came several times in a row. */
const inTurn = (all: readonly Seen[]): Pair['response'][] => {
  const different = all.filter(({ answer }, at) => answer !== all[at - 1]?.answer)
  return different.slice(0, MAX_RESPONSES).map(({ pair }) => pair.response)
}

/** What is to be replayed for the recorded requests of one method, host and path. */
export const relaxed = (pairs: readonly Pair[]): Same[] => {
  const seen = pairs.map((pair): Seen => ({ pair, features: featuresOf(pair), answer: answerKey(pair.response) }))
  return [
    ...Map.groupBy(seen, ({ features }) =>
      [...features.keys()]
        .filter((one) => !isHeader(one))
        .sort()
        .join('\n'),
    ).values(),
  ].flatMap((all) => {
    const ignored = ignoredOf(all)
    const groups = [...Map.groupBy(all, ({ features }) => requestKey(features, ignored)).values()]
    return groups.flatMap((group): Same[] => {
      const [first] = group
      return first ? [{ pair: first.pair, ignored, responses: inTurn(group) }] : []
    })
  })
}
