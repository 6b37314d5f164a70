/** The list of live expectations with its index, and how it changes. */
import type { Expectation } from './expectation.ts'
import { type Entry, firstOf, isLive, newEntry, priorityOf, type Search, section } from './search.ts'

export interface LiveEntries {
  readonly size: number
  /** Another one after each change of the list. */
  readonly version: number
  /** Adds each, or replaces the one of the same id, which keeps its place among its equals and starts its life anew. */
  put(given: readonly Expectation[], nowMs: number | undefined): void
  remove(ids: ReadonlySet<string>): void
  clear(): void
  /** Takes `gone` out and puts `block`, whose ids are free then, where the first of them stood; else behind all others. */
  renew(gone: ReadonlySet<string>, block: readonly Entry[]): void
  get(id: string, nowMs: number): Entry | undefined
  /** The same, used up and too old ones too. */
  entry(id: string): Entry | undefined
  /** In the order in which they are asked. */
  list(nowMs: number): Entry[]
  /** The first one that the search accepts. */
  first(search: Search): Entry | undefined
  /** One more has answered for the last time. */
  usedUp(nowMs: number): void
}

/** How many may stand behind the index, in a small one of their own, before both are made anew. */
const TAIL = 256
/** Used-up expectations are swept out when there are more of them than this and than live ones. */
const DEAD = 64

/** By priority; the sort is stable, so among equals the order of arrival is kept. */
const inOrder = (entries: Iterable<Entry>): Entry[] => [...entries].sort((a, b) => priorityOf(b) - priorityOf(a))

/** The entries without `gone`, and `block` where the first of them stood. */
const inBlock = (byId: ReadonlyMap<string, Entry>, gone: ReadonlySet<string>, block: readonly Entry[]): Entry[] => {
  const before: Entry[] = []
  const behind: Entry[] = []
  let hasFound = false
  for (const [id, entry] of byId) {
    if (gone.has(id)) hasFound = true
    else (hasFound ? behind : before).push(entry)
  }
  return [...before, ...block, ...behind]
}

/**
 * What is added one after the other, as tests do, goes behind the index into a small second one: adding costs the same
 * however many there are, but for every 256th.
 */
export function createLiveEntries(): LiveEntries {
  /** In the order of arrival. */
  const byId = new Map<string, Entry>()
  let front = section([])
  let tail = section([])
  let dead = 0
  let version = 0

  const rebuild = (): void => {
    front = section(inOrder(byId.values()))
    tail = section([])
    dead = 0
  }
  /** Whether `added` may simply stand behind all the others. */
  const fitsBehind = (added: readonly Entry[]): boolean => {
    const last = tail.entries.at(-1) ?? front.entries.at(-1)
    return tail.entries.length + added.length <= TAIL && added.every((one) => priorityOf(one) <= priorityOf(last))
  }

  return {
    get size() {
      return byId.size
    },
    get version() {
      return version
    },
    put(given, nowMs) {
      version++
      const added: Entry[] = []
      let hasReplaced = false
      for (const expectation of given) {
        const entry = newEntry(expectation, nowMs)
        const known = byId.get(expectation.id)
        const replaces = known !== undefined && isLive(known, nowMs ?? 0)
        if (!replaces) byId.delete(expectation.id) // what is used up or too old has no place to keep
        byId.set(expectation.id, entry) // a Map keeps the place of a key that it has
        if (replaces) hasReplaced = true
        else added.push(entry)
      }
      if (hasReplaced || !fitsBehind(added)) rebuild()
      else if (added.length > 0) tail = section(inOrder([...tail.entries, ...added]))
    },
    remove(ids) {
      let removed = 0
      for (const id of ids) if (byId.delete(id)) removed++
      if (removed === 0) return
      version++
      rebuild()
    },
    clear() {
      version++
      byId.clear()
      rebuild()
    },
    renew(gone, block) {
      version++
      const order = inBlock(byId, gone, block)
      byId.clear()
      for (const entry of order) byId.set(entry.expectation.id, entry)
      rebuild()
    },
    entry: (id) => byId.get(id),
    get(id, nowMs) {
      const entry = byId.get(id)
      return entry && isLive(entry, nowMs) ? entry : undefined
    },
    list: (nowMs) => [...front.entries, ...tail.entries].filter((entry) => isLive(entry, nowMs)),
    first: (search) => firstOf(front, search) ?? firstOf(tail, search),
    usedUp(nowMs) {
      if (++dead <= DEAD || dead <= byId.size / 2) return
      for (const [id, entry] of byId) if (!isLive(entry, nowMs)) byId.delete(id)
      rebuild()
    },
  }
}
