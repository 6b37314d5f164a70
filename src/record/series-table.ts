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

/**
 * A workload has at most a quarter of the series; what goes beyond is counted in one of its own, labelled `_other`, and
 * where the table is full in one that all share. A full table lets go of series that nothing was counted in for an hour.
 */
export const createSeriesTable = <S extends Series, W>(options: SeriesTableOptions<S, W>): SeriesTable<S, W> => {
  const { bound, labels, make, onLimit, nowMs } = options
  const share = Math.max(1, Math.floor(bound / SHARE))
  const rows = createRows<S>(bound)
  const forgotten = createForgotten()
  const common = new Map<string, S>()

  const commonOf = (name: string): S => {
    const known = common.get(name)
    if (known) return known
    const made = make(labels({ namespace: name, name }, undefined))
    common.set(name, made)
    return made
  }
  const overflow = (owner: Owner, now: number): S => {
    onLimit()
    const known = rows.get(owner.uid, OVERFLOW)
    if (known) return known
    if (!rows.has(owner.uid) || !rows.hasRoom(now)) return commonOf(OTHER)
    return rows.add(owner.uid, OVERFLOW, make(labels(owner, undefined)))
  }
  const seriesOf = (owner: Owner, key: string, what: W, now: number): S => {
    const known = rows.get(owner.uid, key)
    if (known) return known
    if (forgotten.has(owner.uid, now)) return commonOf(OTHER)
    if (rows.count(owner.uid) >= share || !rows.hasRoom(now)) return overflow(owner, now)
    return rows.add(owner.uid, key, make(labels(owner, what)))
  }
  return {
    find(owner, key, what) {
      const now = nowMs()
      const found = owner ? seriesOf(owner, key, what, now) : commonOf(UNKNOWN)
      found.lastMs = now
      return found
    },
    forget(uid) {
      forgotten.add(uid, nowMs())
      rows.remove(uid)
    },
    *all() {
      yield* rows.all()
      yield* common.values()
    },
    size: rows.size,
  }
}

/** No key that anybody asks for. */
const OVERFLOW = ''

/** The series of workloads by UID and key. */
const createRows = <S extends Series>(bound: number) => {
  const workloads = new Map<string, Map<string, S>>()
  let size = 0
  let sweptMs = Number.NEGATIVE_INFINITY
  const sweep = (sinceMs: number): void => {
    for (const [uid, row] of workloads) {
      for (const [key, { lastMs }] of row) if (lastMs <= sinceMs && row.delete(key)) size--
      if (row.size === 0) workloads.delete(uid)
    }
  }
  return {
    get: (uid: string, key: string): S | undefined => workloads.get(uid)?.get(key),
    has: (uid: string): boolean => workloads.has(uid),
    /** Of a workload, the one for what it has no room for left out. */
    count(uid: string): number {
      const row = workloads.get(uid)
      return row ? row.size - (row.has(OVERFLOW) ? 1 : 0) : 0
    },
    hasRoom(now: number): boolean {
      if (size < bound) return true
      if (now - sweptMs < SWEEP_MS) return false
      sweptMs = now
      sweep(now - IDLE_MS)
      return size < bound
    },
    add(uid: string, key: string, series: S): S {
      const row = workloads.get(uid) ?? new Map<string, S>()
      workloads.set(uid, row.set(key, series))
      size++
      return series
    },
    remove(uid: string): void {
      size -= workloads.get(uid)?.size ?? 0
      workloads.delete(uid)
    },
    *all(): Iterable<S> {
      for (const row of workloads.values()) yield* row.values()
    },
    size: (): number => size,
  }
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
