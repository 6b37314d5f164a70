/** Workloads that a file lists: for nodes without Kubernetes, and for tests. It is read again when it changes. */
import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { z } from 'zod'
import { type After, type Watch, watchFolder } from '../watch-folder.ts'
import type { SourceHealth, WorkloadFacts, WorkloadSource } from './source.ts'
import { WorkloadFile, type WorkloadList } from './workload-file-schema.ts'

export interface WorkloadFileOptions {
  readonly path: string
  /** Reads a YAML or JSON file and checks it; throws an error whose message says what is wrong, and where. */
  readonly read: <T>(path: string, schema: z.ZodType<T>) => T
  /** What is wrong with the file as it is now; what was good last stays. Not said again while it is the same. */
  readonly onTrouble: (text: string) => void
  readonly pollMs?: number
  readonly settleMs?: number
  readonly after?: After
  readonly withInotify?: boolean
}

const POLL_MS = 5000
const SETTLE_MS = 100

interface Known {
  readonly workloads: ReadonlyMap<string, WorkloadFacts>
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>
}

const NOTHING: Known = { workloads: new Map(), namespaces: new Map() }

const knownOf = ({ workloads, namespaces }: WorkloadList): Known => ({
  workloads: new Map(workloads.map((facts) => [facts.uid, facts])),
  namespaces: new Map(Object.entries(namespaces).map(([name, { labels }]) => [name, labels])),
})

/** Tells one state of the file from another, also where it is a link that leads elsewhere now. */
const stampOf = (path: string): string => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [realpathSync(path), dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
  }
}

/** As both were made by one schema, their members stand in one order but for those of labels and annotations. */
const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

/** The UIDs of what is not told the same by both, a workload's namespace included. */
const differing = (before: Known, after: Known): string[] => {
  const uids = new Set([...before.workloads.keys(), ...after.workloads.keys()])
  const told = (known: Known, uid: string): unknown => {
    const facts = known.workloads.get(uid)
    return facts && [facts, known.namespaces.get(facts.namespace)]
  }
  return [...uids].filter((uid) => !isSame(told(before, uid), told(after, uid)))
}

/** Reads the file when it is started. A file that is not there, or not good, is trouble and no reason to throw. */
export const createFileSource = (options: WorkloadFileOptions): WorkloadSource => {
  const { path, read, onTrouble, pollMs = POLL_MS, settleMs = SETTLE_MS, after, withInotify } = options
  let known = NOTHING
  let health: SourceHealth = { isSynced: false }
  let watch: Watch | undefined
  let first: NodeJS.Immediate | undefined

  const readFile = (): Known => {
    // A pipe would be waited for until somebody writes to it.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error(`${path}: it is no file`)
    return knownOf(read(path, WorkloadFile))
  }
  /** Takes over what the file says; the UIDs of what has changed by that. */
  const take = (): string[] => {
    try {
      const next = readFile()
      const changed = differing(known, next)
      known = next
      health = { isSynced: true }
      return changed
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error)
      if (trouble !== health.trouble) onTrouble(trouble)
      health = { isSynced: health.isSynced, trouble }
      return []
    }
  }
  return {
    name: 'file',
    start: (changed) => {
      const tell = (uids: readonly string[]): void => {
        for (const uid of uids) if (watch) changed(uid)
      }
      watch = watchFolder({
        ...{ folder: dirname(path), stamp: () => stampOf(path), pollMs, settleMs, changed: () => tell(take()) },
        ...(after ? { after } : {}),
        ...(withInotify === undefined ? {} : { withInotify }),
      })
      const uids = take()
      first = setImmediate(() => tell(uids))
    },
    health: () => health,
    get: (uid) => known.workloads.get(uid),
    all: () => known.workloads.values(),
    namespaceLabels: (namespace) => known.namespaces.get(namespace),
    close: async () => {
      clearImmediate(first)
      watch?.close()
      watch = undefined
    },
  }
}
