/** Series of metrics by workload and something else, with a bound that holds whatever the workloads do. No I/O. */

/** Whose series it is. */
export interface Owner {
  readonly uid: string
  readonly namespace: string
  readonly name: string
}

/** What every series has; the table keeps `lastMs`. */
export interface Series {
  /** As labelPairs() has them. */
  readonly labels: string
  /** When it was last asked for. */
  lastMs: number
}

/** Not a name that Kubernetes would allow, so that it can be mistaken for none. */
export const OTHER = '_other'
export const UNKNOWN = '_unknown'

export interface SeriesTable<S extends Series, W> {
  /** The series to count under: its own, or a common one where there is no room. Without an owner, that of nobody known. */
  find(owner: Owner | undefined, key: string, what: W): S
  /** The series of the workload go; what is still counted for it during the next minute goes to the common one. */
  forget(uid: string): void
  all(): Iterable<S>
  /** Series of workloads, without the two common ones; never more than the bound. */
  size(): number
}

export interface SeriesTableOptions<S extends Series, W> {
  readonly bound: number
  /** The labels of one; `what` undefined: of all that the workload has no room for. */
  readonly labels: (owner: Pick<Owner, 'namespace' | 'name'>, what: W | undefined) => string
  readonly make: (labels: string) => S
  /** Something was counted under a common series, for want of room. */
  readonly onLimit: () => void
  readonly nowMs: () => number
}

/** One workload that scans the network must not take the series of all others. */
const SHARE = 4
/** Rates are looked at over less than this, so that a series that goes is out of their sight. */
const IDLE_MS = 3_600_000
/** A full table is looked through for idle series at most this often. */
const SWEEP_MS = 60_000
/** The kernel's last summaries of a workload come after the word that it is gone. */
const FORGOTTEN_MS = 60_000
const MAX_FORGOTTEN = 4096

interface Rows<S> {
  readonly own: Map<string, S>
  other: S | undefined
}

/**
 * A workload has at most a quarter of the series; what goes beyond is counted in one of its own, labelled `_other`, and
 * where the table is full in one that all share. A full table lets go of series that nothing was counted in for an hour.
 */
export const createSeriesTable = <S extends Series, W>(options: SeriesTableOptions<S, W>): SeriesTable<S, W> => {
  const { bound, labels, make, onLimit, nowMs } = options
  const share = Math.max(1, Math.floor(bound / SHARE))
  const workloads = new Map<string, Rows<S>>()
  const isForgotten = createForgotten()
  const common = new Map<string, S>()
  let size = 0
  let sweptMs = Number.NEGATIVE_INFINITY

  const commonOf = (name: string): S => {
    const known = common.get(name)
    if (known) return known
    const made = make(labels({ namespace: name, name }, undefined))
    common.set(name, made)
    return made
  }
  const hasRoom = (now: number): boolean => {
    if (size < bound) return true
    if (now - sweptMs < SWEEP_MS) return false
    sweptMs = now
    size -= sweep(workloads, now - IDLE_MS)
    return size < bound
  }
  const rowsOf = (uid: string): Rows<S> => {
    const known = workloads.get(uid)
    if (known) return known
    const made: Rows<S> = { own: new Map(), other: undefined }
    workloads.set(uid, made)
    return made
  }
  const overflow = (owner: Owner, now: number): S => {
    onLimit()
    const rows = workloads.get(owner.uid)
    if (rows?.other) return rows.other
    if (!rows || !hasRoom(now)) return commonOf(OTHER)
    size++
    rows.other = make(labels(owner, undefined))
    return rows.other
  }
  const place = (owner: Owner, key: string, what: W, now: number): S => {
    const rows = workloads.get(owner.uid)
    const known = rows?.own.get(key)
    if (known) return known
    if (isForgotten.has(owner.uid, now)) return commonOf(OTHER)
    if ((rows?.own.size ?? 0) >= share || !hasRoom(now)) return overflow(owner, now)
    const made = make(labels(owner, what))
    // A sweep may have taken the rows away.
    rowsOf(owner.uid).own.set(key, made)
    size++
    return made
  }
  return {
    find(owner, key, what) {
      const now = nowMs()
      const found = owner ? place(owner, key, what, now) : commonOf(UNKNOWN)
      found.lastMs = now
      return found
    },
    forget(uid) {
      isForgotten.add(uid, nowMs())
      const rows = workloads.get(uid)
      if (!rows) return
      workloads.delete(uid)
      size -= rows.own.size + (rows.other ? 1 : 0)
    },
    *all() {
      for (const { own, other } of workloads.values()) {
        yield* own.values()
        if (other) yield other
      }
      yield* common.values()
    },
    size: () => size,
  }
}

/** Takes away what was not asked for since; the answer says how many that were. */
const sweep = <S extends Series>(workloads: Map<string, Rows<S>>, sinceMs: number): number => {
  let gone = 0
  for (const [uid, rows] of workloads) {
    for (const [key, { lastMs }] of rows.own) {
      if (lastMs <= sinceMs && rows.own.delete(key)) gone++
    }
    if (rows.other && rows.other.lastMs <= sinceMs) {
      rows.other = undefined
      gone++
    }
    if (rows.own.size === 0 && !rows.other) workloads.delete(uid)
  }
  return gone
}

/** Who went lately, oldest first. A UID may come back: a static file may name one twice. */
const createForgotten = () => {
  const times = new Map<string, number>()
  return {
    add(uid: string, now: number): void {
      times.delete(uid)
      times.set(uid, now)
      const [oldest] = times.keys()
      if (times.size > MAX_FORGOTTEN && oldest !== undefined) times.delete(oldest)
    },
    has(uid: string, now: number): boolean {
      const at = times.get(uid)
      if (at === undefined) return false
      if (now - at < FORGOTTEN_MS) return true
      times.delete(uid)
      return false
    },
  }
}
