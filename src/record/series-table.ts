/** Series of metrics by workload and something else, with a bound that holds whatever the workloads do. No I/O. */

/** Whose series it is; the names as labelValue() has them, so that no two series have the same labels. */
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
  /**
   * The series to count under: its own, or a common one where there is no room. Without an owner, that of nobody known.
   *
   * @param key as telling as the labels that are made of `what`
   */
  find(owner: Owner | undefined, key: string, what: W): S
  /**
   * The series of the workload go, unless another one has taken its name; what is still counted for it during the next
   * minute goes to the common one.
   */
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
  const overflow = (owner: Owner, row: Row<S> | undefined, now: number): S => {
    onLimit()
    const known = row?.series.get(OVERFLOW)
    if (known) return known
    if (!row || !rows.hasRoom(now)) return commonOf(OTHER)
    return rows.add(owner, OVERFLOW, make(labels(owner, undefined)))
  }
  const seriesOf = (owner: Owner, key: string, what: W, now: number): S => {
    if (forgotten.has(owner.uid, now)) return commonOf(OTHER)
    const row = rows.of(owner)
    const known = row?.series.get(key)
    if (known) return known
    if (ownCount(row) >= share || !rows.hasRoom(now)) return overflow(owner, row, now)
    return rows.add(owner, key, make(labels(owner, what)))
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
      rows.forget(uid)
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
/** Lives of one name that are not known to be over; of a pod that comes back under its name, there are two for a moment. */
const MAX_LIVES = 4

interface Row<S> {
  readonly series: Map<string, S>
  readonly uids: Set<string>
}

/** The one for what it has no room for left out. */
const ownCount = (row: Row<unknown> | undefined): number =>
  row ? row.series.size - (row.series.has(OVERFLOW) ? 1 : 0) : 0

/** No label value has a line feed. */
const idOf = ({ namespace, name }: Owner): string => `${namespace}\n${name}`

/** The series of workloads, by name: a StatefulSet's pod comes back under it, and its series with it. */
const createRows = <S extends Series>(bound: number) => {
  const byName = new Map<string, Row<S>>()
  let size = 0
  let sweptMs = Number.NEGATIVE_INFINITY
  const sweep = (sinceMs: number): void => {
    for (const [id, { series }] of byName) {
      for (const [key, { lastMs }] of series) if (lastMs <= sinceMs && series.delete(key)) size--
      if (series.size === 0) byName.delete(id)
    }
  }
  return {
    of(owner: Owner): Row<S> | undefined {
      const row = byName.get(idOf(owner))
      if (!row || row.uids.has(owner.uid)) return row
      row.uids.add(owner.uid)
      const [oldest] = row.uids
      if (row.uids.size > MAX_LIVES && oldest !== undefined) row.uids.delete(oldest)
      return row
    },
    hasRoom(now: number): boolean {
      if (size < bound) return true
      if (now - sweptMs < SWEEP_MS) return false
      sweptMs = now
      sweep(now - IDLE_MS)
      return size < bound
    },
    add(owner: Owner, key: string, series: S): S {
      const id = idOf(owner)
      const row = byName.get(id) ?? { series: new Map<string, S>(), uids: new Set([owner.uid]) }
      row.series.set(key, series)
      byName.set(id, row)
      size++
      return series
    },
    forget(uid: string): void {
      for (const [id, row] of byName) {
        if (!row.uids.delete(uid) || row.uids.size > 0) continue
        size -= row.series.size
        byName.delete(id)
      }
    },
    *all(): Iterable<S> {
      for (const { series } of byName.values()) yield* series.values()
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
