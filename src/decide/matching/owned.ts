/** Expectations that somebody keeps a list of, such as a folder: replaced as a whole, and nobody else's with them. Pure. */
import type { Expectation } from './expectation.ts'
import type { LiveEntries } from './live-entries.ts'
import { isSameExpectation } from './same-document.ts'
import { type Entry, isLive, newEntry } from './search.ts'

/** What became of a list. */
export interface Replaced {
  readonly added: number
  readonly changed: number
  readonly removed: number
  /** Left as they are: how often they answered, and whether they still do. */
  readonly unchanged: number
  /** Not taken, because a live expectation of somebody else has that id. */
  readonly taken: readonly string[]
}

/**
 * Puts `expectations` in the place of those that `owner` gave last. One that is written as it was is left alone, with what
 * it has used up of its life; so one that was used up, cleared or replaced by somebody else does not come back. The list
 * stands together and in its order, where its first one stood before; else behind all others.
 */
export type ReplaceFrom = (owner: string, expectations: readonly Expectation[], nowMs: number) => Replaced

type ById = ReadonlyMap<string, Expectation>

export function createReplaceFrom(live: LiveEntries): ReplaceFrom {
  const owners = new Map<string, ById>()
  return (owner, expectations, nowMs) => {
    const before = owners.get(owner) ?? new Map<string, Expectation>()
    const plan = planned(live, before, expectations, nowMs)
    if (plan.after.size === 0) owners.delete(owner)
    else owners.set(owner, plan.after)
    const removed = [...before.keys()].filter((id) => !plan.after.has(id)).length
    const { added, changed, unchanged, taken } = plan
    if (added + changed + removed > 0 || !isSameOrder(before, plan.after)) live.renew(plan.gone, plan.block)
    return { added, changed, removed, unchanged, taken }
  }
}

interface Plan {
  readonly after: ById
  /** Ids that leave, or stand in the block. */
  readonly gone: ReadonlySet<string>
  readonly block: readonly Entry[]
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly taken: readonly string[]
}

function planned(live: LiveEntries, before: ById, expectations: readonly Expectation[], nowMs: number): Plan {
  const isOurs = (entry: Entry | undefined): boolean =>
    entry !== undefined && before.get(entry.expectation.id) === entry.expectation
  const after = new Map<string, Expectation>()
  const gone = new Set([...before.keys()].filter((id) => isOurs(live.entry(id))))
  const block: Entry[] = []
  const taken: string[] = []
  const counts = { added: 0, changed: 0, unchanged: 0 }
  for (const given of expectations) {
    const { id } = given
    const old = before.get(id)
    const entry = live.entry(id)
    if (old && isSameExpectation(old, given)) {
      after.set(id, old)
      if (entry && isOurs(entry)) block.push(entry)
      counts.unchanged++
    } else if (entry && !isOurs(entry) && isLive(entry, nowMs)) taken.push(id)
    else {
      after.set(id, given)
      gone.add(id)
      block.push(newEntry(given, nowMs))
      counts[old ? 'changed' : 'added']++
    }
  }
  return { after, gone, block, taken, ...counts }
}

function isSameOrder(one: ById, other: ById): boolean {
  const ids = [...other.keys()]
  return [...one.keys()].every((id, index) => id === ids[index])
}
