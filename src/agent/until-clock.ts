/**
 * Since when a pod has said `until`: a duration counts from when an agent of the node first saw it on the pod, and is not
 * begun anew by an agent that starts later.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Within the state folder. */
export const UNTIL_FILE = 'agent-until.json'
const MAX_ENTRIES = 4096
const Entries = z.record(z.string().max(256), z.number())

export interface UntilClock {
  /** Milliseconds since the epoch at which `text` was first seen on this workload. */
  firstSeen(uid: string, text: string): number
  /** Forgets all but these workloads. */
  keep(uids: ReadonlySet<string>): void
}

const read = (path: string): Map<string, number> => {
  try {
    return new Map(Object.entries(Entries.parse(JSON.parse(readFileSync(path, 'utf8')))))
  } catch {
    return new Map() // none yet, or not readable: durations begin anew
  }
}

export const createUntilClock = (
  folder: string,
  nowMs: () => number,
  onUnwritable: (error: unknown) => void,
): UntilClock => {
  const path = join(folder, UNTIL_FILE)
  const seen = read(path)
  const write = (): void => {
    try {
      writeFileSync(`${path}.new`, JSON.stringify(Object.fromEntries(seen)), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch (error) {
      onUnwritable(error)
    }
  }
  return {
    firstSeen: (uid, text) => {
      const key = `${uid} ${text}`.slice(0, 256)
      const known = seen.get(key)
      if (known !== undefined) return known
      const now = nowMs()
      if (seen.size < MAX_ENTRIES) {
        seen.set(key, now)
        write()
      }
      return now
    },
    keep: (uids) => {
      const before = seen.size
      for (const key of seen.keys()) if (!uids.has(key.split(' ', 1)[0] ?? '')) seen.delete(key)
      if (seen.size !== before) write()
    },
  }
}
