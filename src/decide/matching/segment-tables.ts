/**
 * Looks up by what is fixed of their segments the patterns that a path could match. Patterns that fix the same places
 * share a table; a path is looked up in each with what it has in those places.
 */
import { type FixedSegments, keyIn } from './path-segments.ts'

export interface SegmentIndex<T> {
  /** Calls `visit` for every text that a path of these segments, which are in lower case, could match. */
  each(segments: readonly string[], visit: (found: T) => void): void
  /** Ranks that found no place: few patterns, or none, fix the same places. */
  readonly unindexed: readonly number[]
}

/** A pattern to be found. */
export interface Segmented {
  readonly fixed: FixedSegments
  readonly rank: number
}

/** Bounds the look-ups per request. */
const MAX_TABLES = 32
/** A table for fewer costs more than it saves. */
const MIN_PATTERNS = 8

/** Indexes ranks; `make` turns those that fix the same, in the order given, into what `each` gives. */
export function createSegmentIndex<T>(
  patterns: readonly Segmented[],
  make: (ranks: readonly number[]) => T,
): SegmentIndex<T> {
  const groups = new Map<string, { readonly shape: FixedSegments; readonly members: Segmented[] }>()
  for (const pattern of patterns) {
    const group = groups.get(pattern.fixed.shape)
    if (group) group.members.push(pattern)
    else groups.set(pattern.fixed.shape, { shape: pattern.fixed, members: [pattern] })
  }
  const bySize = [...groups.values()].sort((a, b) => b.members.length - a.members.length)
  const large = bySize.filter(({ members }) => members.length >= MIN_PATTERNS).slice(0, MAX_TABLES)
  const tables = large.map(({ shape, members }) => ({ shape, entries: entriesOf(members, make) }))
  return {
    each(segments, visit) {
      for (const { shape, entries } of tables) {
        const key = keyIn(shape, segments)
        const found = key === undefined ? undefined : entries.get(key)
        if (found !== undefined) visit(found)
      }
    },
    unindexed: bySize.slice(large.length).flatMap(({ members }) => members.map(({ rank }) => rank)),
  }
}

function entriesOf<T>(members: readonly Segmented[], make: (ranks: readonly number[]) => T): Map<string, T> {
  const ranks = new Map<string, number[]>()
  for (const { fixed, rank } of members) {
    const { key } = fixed
    const same = ranks.get(key)
    if (same) same.push(rank)
    else ranks.set(key, [rank])
  }
  return new Map([...ranks].map(([key, list]) => [key, make(list)]))
}
