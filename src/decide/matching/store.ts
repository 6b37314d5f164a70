/** The live expectations: which one answers a request, with what, and how often each still may. */
import type { MissReason } from '../../flow.ts'
import type { Inflate } from './body.ts'
import type { Expectation } from './expectation.ts'
import { createLiveEntries } from './live-entries.ts'
import { createReplaceFrom, type ReplaceFrom } from './owned.ts'
import { createRateLimits } from './rate-limits.ts'
import { createScenarios, type Scenarios } from './scenarios.ts'
import { namespaceOf } from './scope.ts'
import {
  type Asked,
  type Entry,
  type MatchResult,
  reasonAgainst,
  type Search,
  type State,
  startSearch,
} from './search.ts'
import { actionAt } from './turns.ts'

/** An expectation that may still match, with how often. */
export interface LiveExpectation {
  readonly expectation: Expectation
  readonly remainingTimes: number
}

/** `reason` is undefined where it matches. */
export interface Considered {
  readonly expectation: Expectation
  readonly reason: MissReason | undefined
  /** Whether it matches but for the body, which was not given. */
  readonly isOpen: boolean
}

export interface ExpectationStore {
  readonly scenarios: Scenarios
  /** Another one after each change of the list by somebody; that time passes or that some are used up is none. */
  readonly version: number
  /** How many expectations it holds; ones that are used up or too old count until they are swept out. */
  readonly size: number
  /** The first expectation, by priority and then in the order given, that matches; uses up one of its `times`. */
  match(asked: Asked): MatchResult
  /**
   * Why each live expectation would not answer, in the order in which they are asked; nothing is used up. Each is compared
   * when it is asked for, so that whoever asks may pause.
   */
  explain(asked: Asked): Iterable<Considered>
  /** Adds each, or replaces the live one of that id, which keeps its place among its equals and starts its life anew. */
  upsert(expectations: readonly Expectation[], nowMs: number): void
  /** Replaces the expectations of a source that keeps a list of its own, and leaves all others alone. */
  readonly replaceFrom: ReplaceFrom
  /** Takes out those with these ids; they are freed. */
  remove(ids: ReadonlySet<string>): void
  clear(): void
  /** No memory of scenarios and rates: of a namespace, or of all. */
  forget(namespace?: string): void
  /** `clear` and `forget`. */
  reset(): void
  /** The live expectation of that id. */
  get(id: string, nowMs: number): LiveExpectation | undefined
  /** All that may still match, in the order in which they are asked. */
  list(nowMs: number): LiveExpectation[]
}

const NO_MATCH: MatchResult = { kind: 'none' }
const NEEDS_BODY: MatchResult = { kind: 'needs_body' }

const unmatched = ({ closest, closestReason: reason }: Search): MatchResult =>
  closest ? { kind: 'none', closest: { expectationId: closest.expectation.id, reason } } : NO_MATCH

/**
 * `createdAtMs` is when `timeToLive` of these starts to count; left out, it is the time of the first request. `random` gives
 * numbers from 0 up to, not including, 1. `inflate` decompresses bodies; left out, they are matched as they were sent.
 */
export function createExpectationStore(
  expectations: readonly Expectation[],
  createdAtMs?: number,
  random: () => number = () => 0,
  inflate?: Inflate,
): ExpectationStore {
  const state: State = { scenarios: createScenarios(), random, inflate }
  const limits = createRateLimits()
  const live = createLiveEntries()

  /** The answer that is due, where it is not the same each time. */
  const dueOf = (entry: Entry, nowMs: number): MatchResult => {
    const { expectation } = entry
    const { conditions, turns, id } = expectation
    const refusal = conditions?.rateLimit && limits.take(conditions.rateLimit, id, nowMs, namespaceOf(conditions.scope))
    if (refusal) return { kind: 'matched', expectation, action: refusal }
    const { scenario, scope } = conditions ?? {}
    if (scenario?.next !== undefined) state.scenarios.set(scenario.name, { state: scenario.next }, namespaceOf(scope))
    const action = turns && actionAt(turns, entry.turn++, random)
    return action ? { kind: 'matched', expectation, action } : entry.matched
  }
  const useUp = (entry: Entry, nowMs: number): MatchResult => {
    const { conditions, turns } = entry.expectation
    const due = conditions || turns ? dueOf(entry, nowMs) : entry.matched
    if (--entry.remainingTimes <= 0) live.usedUp(nowMs)
    return due
  }

  const forget = (namespace?: string): void => {
    state.scenarios.clear(namespace)
    limits.clear(namespace)
  }

  live.put(expectations, createdAtMs)
  return {
    get size() {
      return live.size
    },
    get version() {
      return live.version
    },
    scenarios: state.scenarios,
    match(asked) {
      const search = startSearch(asked, state)
      const entry = live.first(search)
      if (!entry) return unmatched(search)
      return search.isWaiting ? NEEDS_BODY : useUp(entry, asked.nowMs)
    },
    *explain(asked) {
      const search = startSearch(asked, state)
      for (const { expectation } of live.list(asked.nowMs)) {
        const reason = reasonAgainst(search, expectation)
        yield { expectation, reason, isOpen: reason === undefined && search.isWaiting }
      }
    },
    upsert: live.put,
    replaceFrom: createReplaceFrom(live),
    remove: live.remove,
    clear: live.clear,
    forget,
    reset() {
      live.clear()
      forget()
    },
    get: live.get,
    list: live.list,
  }
}
