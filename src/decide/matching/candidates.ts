/**
 * Finds the expectations that could match a path without asking the others: by the whole path where it is literal, by
 * the literal start of a pattern, and a rest that must always be asked. Ten thousand cost about what one costs as long
 * as they differ in path.
 */
import type { Expectation } from './expectation.ts'
import type { TextMatcher } from './text.ts'

export interface Candidates {
  /**
   * The lowest rank that `accepts` among the expectations the path allows, or -1. `accepts` is asked of ranks in no
   * particular order overall, but never of one above the best so far: its last yes is the answer.
   */
  first<T>(path: string, subject: T, accepts: (subject: T, rank: number) => boolean): number
}

/** Bounds the look-ups per request: one for each length in use. */
const MAX_PREFIX = 64
const NOBODY: readonly number[] = []

/** Indexes expectations that are already in the order they are to be asked: an index in `ordered` is a rank. */
export function createCandidates(ordered: readonly Expectation[]): Candidates {
  const byPath = new Map<string, number[]>()
  const byPrefix = new Map<string, number[]>()
  const lengths = new Set<number>()
  const rest: number[] = []
  for (const [rank, { request }] of ordered.entries()) {
    const path = request?.path
    const prefix = path && prefixOf(path)
    if (path && !path.negated) append(byPath, path.lower, rank)
    if (prefix) {
      append(byPrefix, prefix, rank)
      lengths.add(prefix.length)
    } else if (!path || path.negated || path.pattern) rest.push(rank)
  }
  const sortedLengths = [...lengths].sort((a, b) => a - b)

  return {
    first(path, subject, accepts) {
      const lower = path.toLowerCase()
      let best = scan(byPath.get(lower) ?? NOBODY, ordered.length, subject, accepts)
      best = scan(rest, best, subject, accepts)
      for (const length of sortedLengths) {
        if (length > lower.length) break
        const ranks = byPrefix.get(lower.slice(0, length))
        if (ranks) best = scan(ranks, best, subject, accepts)
      }
      return best === ordered.length ? -1 : best
    },
  }
}

/** The first accepted rank of an ascending list, if it is below `best`. */
function scan<T>(
  ranks: readonly number[],
  best: number,
  subject: T,
  accepts: (subject: T, rank: number) => boolean,
): number {
  for (const rank of ranks) {
    if (rank >= best) return best
    if (accepts(subject, rank)) return rank
  }
  return best
}

function prefixOf(path: TextMatcher): string | undefined {
  return path.negated ? undefined : path.pattern?.prefix.slice(0, MAX_PREFIX)
}

function append(lists: Map<string, number[]>, key: string, rank: number): void {
  const list = lists.get(key)
  if (list) list.push(rank)
  else lists.set(key, [rank])
}
