/** The live expectations: which one answers a request, how often each still may, and how the list of them changes. */
import type { Action } from '../../action.ts'
import type { RequestHead } from '../../flow.ts'
import { type Candidates, createCandidates } from './candidates.ts'
import type { Expectation } from './expectation.ts'
import { matchesRequest, type Subject } from './request.ts'

export type MatchResult =
  | { readonly kind: 'none' }
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
}

/** An expectation that may still match, with how often. */
export interface LiveExpectation {
  readonly expectation: Expectation
  readonly remainingTimes: number
}

export interface ExpectationStore {
  /** How many expectations it holds; ones that are used up or too old count until they are swept out. */
  readonly size: number
  /** The first expectation, by priority and then in the order given, that matches; uses up one of its `times`. */
  match(asked: Asked): MatchResult
  /** Adds each, or replaces the one of the same id, which keeps its place among its equals and starts its life anew. */
  upsert(expectations: readonly Expectation[], nowMs: number): void
  /** Takes out those with these ids; they are freed. */
  remove(ids: ReadonlySet<string>): void
  clear(): void
  /** The live expectation of that id. */
  get(id: string, nowMs: number): LiveExpectation | undefined
  /** All that may still match, in the order in which they are asked. */
  list(nowMs: number): LiveExpectation[]
}

const NO_MATCH: MatchResult = { kind: 'none' }
const NEEDS_BODY: MatchResult = { kind: 'needs_body' }
/** How many may stand behind the index, in a small one of their own, before both are made anew. */
const TAIL = 256
/** Used-up expectations are swept out when there are more of them than this and than live ones. */
const DEAD = 64

interface Entry {
  readonly expectation: Expectation
  readonly matched: MatchResult
  remainingTimes: number
  /** Undefined until the first request, where the store was not told the time. */
  bornMs: number | undefined
}

interface Search extends Subject, Asked {
  entries: readonly Entry[]
  /** Whether the expectation accepted last still needs the body. */
  isWaiting: boolean
}

/** A stretch of the order with its index. */
interface Section {
  readonly entries: Entry[]
  readonly candidates: Candidates
}

const newEntry = (expectation: Expectation, bornMs: number | undefined): Entry => ({
  expectation,
  matched: { kind: 'matched', expectation, action: expectation.action },
  remainingTimes: expectation.remainingTimes,
  bornMs,
})

const section = (entries: Entry[]): Section => ({
  entries,
  candidates: createCandidates(entries.map(({ expectation }) => expectation)),
})

const isLive = ({ remainingTimes, bornMs, expectation }: Entry, nowMs: number): boolean =>
  remainingTimes > 0 && nowMs - (bornMs ?? nowMs) < expectation.timeToLiveMs

const priorityOf = (entry: Entry | undefined): number => entry?.expectation.priority ?? Infinity

const accepts = (search: Search, rank: number): boolean => {
  const entry = search.entries[rank]
  if (!entry) return false
  entry.bornMs ??= search.nowMs
  if (!isLive(entry, search.nowMs)) return false
  const { request } = entry.expectation
  const verdict = request ? matchesRequest(request, search) : 'yes'
  if (verdict === 'no') return false
  search.isWaiting = verdict === 'needs_body' || (entry.expectation.needsBody && search.body === undefined)
  return true
}

/** The first entry of a section that a search accepts. */
const firstOf = ({ entries, candidates }: Section, search: Search): Entry | undefined => {
  search.entries = entries
  const rank = candidates.first(search.head.path, search, accepts)
  return rank === -1 ? undefined : entries[rank]
}

/** By priority; the sort is stable, so among equals the order of arrival is kept. */
const inOrder = (entries: Iterable<Entry>): Entry[] => [...entries].sort((a, b) => priorityOf(b) - priorityOf(a))

/**
 * `createdAtMs` is when `timeToLive` of these starts to count; left out, it is the time of the first request.
 *
 * What is added one after the other, as tests do, goes behind the index into a small second one: adding costs the same
 * however many there are, but for every 256th.
 */
export function createExpectationStore(expectations: readonly Expectation[], createdAtMs?: number): ExpectationStore {
  /** In the order of arrival. */
  const byId = new Map<string, Entry>()
  let front = section([])
  let tail = section([])
  let dead = 0

  const rebuild = (): void => {
    front = section(inOrder(byId.values()))
    tail = section([])
    dead = 0
  }
  const sweep = (nowMs: number): void => {
    for (const [id, entry] of byId) if (!isLive(entry, nowMs)) byId.delete(id)
    rebuild()
  }
  /** Whether `added` may simply stand behind all the others. */
  const fitsBehind = (added: readonly Entry[]): boolean => {
    const last = tail.entries.at(-1) ?? front.entries.at(-1)
    return tail.entries.length + added.length <= TAIL && added.every((one) => priorityOf(one) <= priorityOf(last))
  }
  const useUp = (entry: Entry, nowMs: number): MatchResult => {
    entry.remainingTimes--
    if (entry.remainingTimes <= 0 && ++dead > DEAD && dead > byId.size / 2) sweep(nowMs)
    return entry.matched
  }
  const put = (given: readonly Expectation[], nowMs: number | undefined): void => {
    const added: Entry[] = []
    let hasReplaced = false
    for (const expectation of given) {
      const entry = newEntry(expectation, nowMs)
      const replaces = byId.has(expectation.id)
      byId.set(expectation.id, entry) // a Map keeps the place of a key that it has
      if (replaces) hasReplaced = true
      else added.push(entry)
    }
    if (hasReplaced || !fitsBehind(added)) rebuild()
    else if (added.length > 0) tail = section(inOrder([...tail.entries, ...added]))
  }

  put(expectations, createdAtMs)
  rebuild()
  return {
    get size() {
      return byId.size
    },
    match({ head, body, nowMs }) {
      const search: Search = {
        head,
        body,
        nowMs,
        query: undefined,
        read: undefined,
        entries: [],
        isWaiting: false,
      }
      const entry = firstOf(front, search) ?? firstOf(tail, search)
      if (!entry) return NO_MATCH
      return search.isWaiting ? NEEDS_BODY : useUp(entry, nowMs)
    },
    upsert: put,
    remove(ids) {
      let removed = 0
      for (const id of ids) if (byId.delete(id)) removed++
      if (removed > 0) rebuild()
    },
    clear() {
      byId.clear()
      rebuild()
    },
    get(id, nowMs) {
      const entry = byId.get(id)
      return entry && isLive(entry, nowMs) ? entry : undefined
    },
    list(nowMs) {
      return [...front.entries, ...tail.entries].filter((entry) => isLive(entry, nowMs))
    },
  }
}
