/** One request on its way through the live expectations, in the order in which they are asked. */
import type { Action } from '../../action.ts'
import type { Closest, MissReason, RequestHead } from '../../flow.ts'
import type { Inflate } from './body.ts'
import { type Candidates, createCandidates } from './candidates.ts'
import type { Conditions, Expectation } from './expectation.ts'
import { matchesRequest, type Subject } from './request.ts'
import type { Scenarios } from './scenarios.ts'
import { isInScope, namespaceOf, type Origin } from './scope.ts'

export type MatchResult =
  /** `closest` is there where an expectation was asked at all. */
  | { readonly kind: 'none'; readonly closest?: Closest }
  /** The first expectation that fits the head asks for the body, or its action does: ask again with it. */
  | { readonly kind: 'needs_body' }
  /** `action` is the one of the expectation that is due. */
  | { readonly kind: 'matched'; readonly expectation: Expectation; readonly action: Action }

/** The request that is asked about. */
export interface Asked {
  readonly head: RequestHead
  /** Undefined while it has not been read; 'unavailable' when it is over the byte budget: then no expectation that asks
   * for a body matches. */
  readonly body: Buffer | 'unavailable' | undefined
  /** Of the same clock as `createdAtMs`. */
  readonly nowMs: number
  /** Whose request it is; without it, no expectation with a scope matches. */
  readonly origin?: Origin | undefined
}

export interface Entry {
  readonly expectation: Expectation
  /** What it answers each time, where that is the same. */
  readonly matched: MatchResult
  remainingTimes: number
  /** How many of its turns were taken, where it has several. */
  turn: number
  /** Undefined until the first request, where the store was not told the time. */
  bornMs: number | undefined
}

export interface Search extends Subject, Asked {
  readonly state: State
  entries: readonly Entry[]
  /** Whether the expectation accepted last still needs the body. */
  isWaiting: boolean
  closest: Entry | undefined
  closestReason: MissReason
}

/** What outlives a request, beside the expectations themselves. */
export interface State {
  readonly scenarios: Scenarios
  readonly random: () => number
  readonly inflate: Inflate | undefined
}

/** A stretch of the order with its index. */
export interface Section {
  readonly entries: Entry[]
  readonly candidates: Candidates
}

export const newEntry = (expectation: Expectation, bornMs: number | undefined): Entry => ({
  expectation,
  matched: { kind: 'matched', expectation, action: expectation.action },
  remainingTimes: expectation.remainingTimes,
  turn: 0,
  bornMs,
})

export const section = (entries: Entry[]): Section => ({
  entries,
  candidates: createCandidates(entries.map(({ expectation }) => expectation)),
})

export const isLive = ({ remainingTimes, bornMs, expectation }: Entry, nowMs: number): boolean =>
  remainingTimes > 0 && nowMs - (bornMs ?? nowMs) < expectation.timeToLiveMs

export const priorityOf = (entry: Entry | undefined): number => entry?.expectation.priority ?? Infinity

/** The later a part is compared, the closer an expectation came. */
export const CLOSENESS: Readonly<Record<MissReason, number>> = {
  scope: 0,
  scenario: 1,
  method: 2,
  path: 3,
  queryStringParameters: 4,
  headers: 5,
  cookies: 6,
  pathParameters: 7,
  keepAlive: 8,
  secure: 9,
  protocol: 10,
  body: 11,
  not: 12,
  percentage: 13,
}

const rejected = (search: Search, entry: Entry, reason: MissReason): false => {
  if (!search.closest || CLOSENESS[reason] > CLOSENESS[search.closestReason]) {
    search.closest = entry
    search.closestReason = reason
  }
  return false
}

/** What of its conditions keeps an expectation out, before its request is compared. */
const unmet = ({ scope, scenario }: Conditions, { origin, nowMs, state }: Search): 'scope' | 'scenario' | undefined => {
  if (scope && !isInScope(scope, origin)) return 'scope'
  if (scenario?.state === undefined) return undefined
  return state.scenarios.stateOf(scenario.name, nowMs, namespaceOf(scope)) === scenario.state ? undefined : 'scenario'
}

/** What keeps the expectation from matching; `search.isWaiting` tells whether a body that is not there yet might. */
export const reasonAgainst = (search: Search, { request, conditions }: Expectation): MissReason | undefined => {
  search.isWaiting = false
  const condition = conditions && unmet(conditions, search)
  if (condition) return condition
  const verdict = request ? matchesRequest(request, search) : 'yes'
  if (verdict === 'no') return search.failed ?? 'not'
  search.isWaiting = verdict === 'needs_body'
  return undefined
}

const accepts = (search: Search, rank: number): boolean => {
  const entry = search.entries[rank]
  if (!entry) return false
  entry.bornMs ??= search.nowMs
  if (!isLive(entry, search.nowMs)) return false
  const wasWaiting = search.isWaiting
  const { expectation } = entry
  const reason = reasonAgainst(search, expectation) ?? chance(search, expectation)
  if (reason) {
    search.isWaiting = wasWaiting
    return rejected(search, entry, reason)
  }
  if (expectation.needsBody && search.body === undefined) search.isWaiting = true
  return true
}

/** One that answers a share of the requests only is drawn for once everything else fits. */
const chance = ({ isWaiting, state }: Search, { conditions }: Expectation): MissReason | undefined =>
  conditions && !isWaiting && state.random() * 100 >= conditions.percentage ? 'percentage' : undefined

export const startSearch = ({ head, body, nowMs, origin }: Asked, state: State): Search => ({
  head,
  body,
  nowMs,
  origin,
  state,
  query: undefined,
  read: undefined,
  inflate: state.inflate,
  entries: [],
  isWaiting: false,
  closest: undefined,
  closestReason: 'scope',
})

/** The first entry of a section that a search accepts. */
export const firstOf = ({ entries, candidates }: Section, search: Search): Entry | undefined => {
  search.entries = entries
  const rank = candidates.first(search.head.path, search, accepts)
  return rank === -1 ? undefined : entries[rank]
}
