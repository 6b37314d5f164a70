/** From a cgroup id, as the events of BPF programs have it, to the pod: what attributes connections to pods. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { foldersBelow } from './folders-below.ts'
import { podName, uidOfSpelling } from './pod-names.ts'

export interface CgroupIndexOptions {
  readonly podsCgroup: string
  /** A clock that only goes forward. */
  readonly nowMs: () => number
  /** Unknown ids cause at most one scan in this time, over the long run. */
  readonly rescanMs?: number
  /** So many of these may come at once after a quiet time: pods are made one after the other, and dial at once. */
  readonly burst?: number
  /** How long the ids of folders that are gone are kept, for late events. */
  readonly graceMs?: number
  readonly maxIds?: number
  readonly maxFolders?: number
}

export interface CgroupIndexCounts {
  readonly ids: number
  readonly scans: number
  readonly misses: number
  /** Ids that were not kept since there were too many. */
  readonly idsRefused: number
  /** Scans that did not see everything: at the limit of folders, or since some could not be read. */
  readonly scansCut: number
}

export interface CgroupIndex {
  /**
   * The UID of the pod that a cgroup is of or in, as its folder has it, a UUID with dashes; of static pods that is the hash
   * of their file. Undefined for others. An id that is not known may cause a scan of the pods' tree.
   */
  uidOf(cgroupId: bigint): string | undefined
  /** Scans now. */
  refresh(): void
  readonly size: number
  counts(): CgroupIndexCounts
}

interface Entry {
  readonly uid: string
  readonly scan: number
  readonly goneAtMs: number | undefined
}

const RESCAN_MS = 1000
const BURST = 10
const GRACE_MS = 60_000
const MAX_IDS = 65_536
const MAX_FOLDERS = 20_000
/** pods / QoS class / pod / container / what the container made */
const MAX_DEPTH = 8
/** Ids known to be no pod's. */
const MAX_STRANGERS = 4096

const inodeOf = (path: string): bigint | undefined => {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
  } catch {
    return undefined
  }
}

/** Id and UID of every folder at or below a pod's, of which the top-most counts; returns whether some were not seen. */
function* podFolders(podsCgroup: string, maxFolders: number): Generator<[bigint, string], boolean> {
  const uids = new Map<string, string>()
  const walk = foldersBelow(podsCgroup, { maxDepth: MAX_DEPTH, maxFolders })
  for (let next = walk.next(); ; next = walk.next()) {
    if (next.done) return next.value.isCut || next.value.unreadable > 0
    const { path, name } = next.value
    const own = podName(name)
    const uid = uids.get(dirname(path)) ?? (own && uidOfSpelling(own.spelling))
    if (uid === undefined) continue
    uids.set(path, uid)
    const id = inodeOf(path)
    if (id !== undefined) yield [id, uid]
  }
}

/** Whether something may be done once more: `burst` times at once, and over the long run once in so many milliseconds. */
const createAllowance = (burst: number, eachMs: number, nowMs: () => number): (() => boolean) => {
  let left = burst
  let countedAtMs = nowMs()
  return () => {
    const now = nowMs()
    left = Math.min(burst, left + (now - countedAtMs) / eachMs)
    countedAtMs = now
    if (left < 1) return false
    left--
    return true
  }
}

/** An index of the folders of pods that keeps itself up to date as unknown ids are asked for. */
export const createCgroupIndex = ({
  podsCgroup,
  nowMs,
  rescanMs = RESCAN_MS,
  burst = BURST,
  graceMs = GRACE_MS,
  maxIds = MAX_IDS,
  maxFolders = MAX_FOLDERS,
}: CgroupIndexOptions): CgroupIndex => {
  const entries = new Map<bigint, Entry>()
  const strangers = new Set<bigint>()
  const counts = { scans: 0, misses: 0, idsRefused: 0, scansCut: 0 }
  const mayScan = createAllowance(burst, rescanMs, nowMs)
  let scannedAtMs = Number.NEGATIVE_INFINITY
  let isComplete = false

  const age = (): void => {
    for (const [id, entry] of entries) {
      if (entry.scan === counts.scans) continue
      const goneAtMs = entry.goneAtMs ?? scannedAtMs
      if (scannedAtMs - goneAtMs >= graceMs) entries.delete(id)
      else entries.set(id, { ...entry, goneAtMs })
    }
  }
  const makeRoom = (): boolean => {
    if (entries.size < maxIds) return true
    for (const [id, { goneAtMs }] of entries) {
      if (goneAtMs !== undefined) return entries.delete(id)
    }
    return false
  }
  const refresh = (): void => {
    scannedAtMs = nowMs()
    counts.scans++
    const folders = podFolders(podsCgroup, maxFolders)
    let next = folders.next()
    for (; !next.done; next = folders.next()) {
      const [id, uid] = next.value
      if (entries.has(id) || makeRoom()) entries.set(id, { uid, scan: counts.scans, goneAtMs: undefined })
      else counts.idsRefused++
    }
    if (next.value) counts.scansCut++
    // After a scan that was cut short, what was not seen may still be there.
    isComplete = !next.value
    if (isComplete) age()
  }
  const miss = (cgroupId: bigint): string | undefined => {
    counts.misses++
    if (strangers.has(cgroupId) || !mayScan()) return undefined
    refresh()
    const uid = entries.get(cgroupId)?.uid
    if (uid === undefined && isComplete) {
      // The kernel gives no id twice, and whoever asks has seen it in use: it will not turn up later.
      if (strangers.size >= MAX_STRANGERS) strangers.clear()
      strangers.add(cgroupId)
    }
    return uid
  }
  return {
    uidOf: (cgroupId) => entries.get(cgroupId)?.uid ?? miss(cgroupId),
    refresh,
    get size() {
      return entries.size
    },
    counts: () => ({ ...counts, ids: entries.size }),
  }
}
