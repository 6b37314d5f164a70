/** The live expectations: which one answers a request, and how often each still may. */
import type { RequestHead } from '../../flow.ts'
import { createCandidates } from './candidates.ts'
import type { Expectation } from './expectation.ts'
import { matchesRequest, type Subject } from './request.ts'

export type MatchResult =
  | { readonly kind: 'none' }
  /** The first expectation that fits the head also asks for the body: ask again with it. */
  | { readonly kind: 'needs_body' }
  | { readonly kind: 'matched'; readonly expectation: Expectation }

export interface ExpectationStore {
  /** How many expectations were given, used up or not. */
  readonly size: number
  /**
   * The first expectation, by priority and then in the order given, that matches; uses up one of its `times`.
   * `body` is undefined while it has not been read, and 'unavailable' when it is over the byte budget: then no
   * expectation that asks for a body matches. `nowMs` is of the same clock as `createdAtMs`.
   */
  match(head: RequestHead, body: Buffer | 'unavailable' | undefined, nowMs: number): MatchResult
}

const NO_MATCH: MatchResult = { kind: 'none' }
const NEEDS_BODY: MatchResult = { kind: 'needs_body' }

interface Search extends Subject {
  readonly nowMs: number
  /** Whether the expectation accepted last still needs the body. */
  isWaiting: boolean
}

/** `createdAtMs` is when `timeToLive` starts to count; left out, it is the time of the first request. */
export function createExpectationStore(expectations: readonly Expectation[], createdAtMs?: number): ExpectationStore {
  // The sort is stable: among equal priorities the order given is kept.
  const ordered = expectations.toSorted((a, b) => b.priority - a.priority)
  const candidates = createCandidates(ordered)
  const matched = ordered.map((expectation): MatchResult => ({ kind: 'matched', expectation }))
  const remaining = Float64Array.from(ordered, ({ remainingTimes }) => remainingTimes)
  const livesMs = Float64Array.from(ordered, ({ timeToLiveMs }) => timeToLiveMs)
  let bornMs = createdAtMs

  const accepts = (search: Search, rank: number): boolean => {
    if ((remaining[rank] ?? 0) <= 0 || search.nowMs - (bornMs ?? search.nowMs) >= (livesMs[rank] ?? 0)) return false
    const request = ordered[rank]?.request
    const verdict = request ? matchesRequest(request, search) : 'yes'
    if (verdict === 'no') return false
    search.isWaiting = verdict === 'needs_body'
    return true
  }

  return {
    size: ordered.length,
    match(head, body, nowMs) {
      bornMs ??= nowMs
      const search: Search = { head, body, nowMs, query: undefined, read: undefined, isWaiting: false }
      const rank = candidates.first(head.path, search, accepts)
      if (rank === -1) return NO_MATCH
      if (search.isWaiting) return NEEDS_BODY
      remaining[rank] = (remaining[rank] ?? 0) - 1
      return matched[rank] ?? NO_MATCH
    },
  }
}
