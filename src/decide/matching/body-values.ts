/** Tells expectations apart that differ in one value of the JSON body that they ask for. */
import { jsonOfBody } from './body.ts'
import type { Expectation } from './expectation.ts'
import { keyAt, type LeafPath, leavesOf } from './json-leaves.ts'
import { bodyOf, type Subject } from './request.ts'

export interface BodyIndex<T> {
  /** Calls `visit` for those that the body could be meant by. */
  each(subject: Subject, visit: (found: T) => void): void
  /** Ranks that ask for no such value. */
  readonly unindexed: readonly number[]
}

interface Told {
  readonly rank: number
  readonly leaves: readonly Leaf[]
}

/** One place, by its path as JSON. */
interface Leaf {
  readonly place: string
  readonly key: string
}

/** The JSON that a request must have, where it must have some. */
const expectedOf = (expectation: Expectation | undefined): { readonly value: unknown } | undefined => {
  const request = expectation?.request
  const body = request?.negated || request?.anyOf ? undefined : request?.body
  if (body?.kind !== 'json' || body.negated || body.optional || body.numbers === 'value') return undefined
  return { value: body.expected }
}

/** The place at which the most different values are asked for; undefined where it is fewer than `atLeast`. */
const placeOf = (told: readonly Told[], atLeast: number): string | undefined => {
  const values = new Map<string, Set<string>>()
  for (const { leaves } of told) {
    for (const { place, key } of leaves) {
      const known = values.get(place)
      if (known) known.add(key)
      else values.set(place, new Set([key]))
    }
  }
  let best: string | undefined
  let most = atLeast - 1
  for (const [place, keys] of values) {
    if (keys.size <= most) continue
    most = keys.size
    best = place
  }
  return best
}

/** Undefined where bodies do not tell at least `atLeast` apart. `make` turns ranks, in the order given, into what `each` gives. */
export function createBodyIndex<T>(
  ordered: readonly Expectation[],
  ranks: readonly number[],
  atLeast: number,
  make: (ranks: readonly number[]) => T,
): BodyIndex<T> | undefined {
  const told = ranks.flatMap((rank): Told[] => {
    const expected = expectedOf(ordered[rank])
    if (!expected) return []
    const leaves = leavesOf(expected.value)
    return [{ rank, leaves: leaves.map(({ path, key }) => ({ place: JSON.stringify(path), key })) }]
  })
  const place = told.length < atLeast ? undefined : placeOf(told, atLeast)
  if (place === undefined) return undefined
  const path = JSON.parse(place) as LeafPath
  const indexed = new Map<number, string>()
  for (const { rank, leaves } of told) {
    const key = leaves.find((leaf) => leaf.place === place)?.key
    if (key !== undefined) indexed.set(rank, key)
  }
  const groups = Map.groupBy(indexed.keys(), (rank) => indexed.get(rank) ?? '')
  const parts = new Map([...groups].map(([key, members]) => [key, make(members)]))
  const all = make([...indexed.keys()])
  // When none can match, one is asked all the same, so that it can be said why.
  const [first] = [...groups.values()]
  const one = make(first?.slice(0, 1) ?? [])
  return {
    each: (subject, visit) => {
      if (subject.body === undefined) return visit(all)
      const read = bodyOf(subject, subject.body)
      const json = read === 'unavailable' ? undefined : jsonOfBody(read)
      const key = json && keyAt(json.value, path)
      visit((key === undefined ? undefined : parts.get(key)) ?? one)
    },
    unindexed: ranks.filter((rank) => !indexed.has(rank)),
  }
}
