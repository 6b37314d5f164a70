/** Tells what becomes of workloads in the log, for sources that have no API to write events to. */
import type { WorkloadEvents } from './source.ts'

/** The part of pino that is used. */
export interface EventLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
}

/** Repeats within this are counted and told with the next one after it. */
const WINDOW_MS = 600_000
/** Workloads and reasons remembered at once; the oldest is forgotten first. */
const MOST_REMEMBERED = 4096
const MOST_CHARACTERS = 1024

export interface LogEvents extends WorkloadEvents {
  /** Repeats that were not written. */
  readonly repeats: number
}

/** One line per workload, reason and ten minutes; `now` in milliseconds. */
export const createLogEvents = (log: EventLog, now: () => number): LogEvents => {
  const told = new Map<string, { readonly atMs: number; repeats: number }>()
  let allRepeats = 0
  return {
    get repeats() {
      return allRepeats
    },
    report: ({ uid, namespace, name }, type, reason, message) => {
      const key = `${uid} ${reason}`
      const known = told.get(key)
      if (known && now() - known.atMs < WINDOW_MS) {
        known.repeats += 1
        allRepeats += 1
        return
      }
      told.delete(key)
      const [oldest] = told.size >= MOST_REMEMBERED ? told.keys() : []
      if (oldest !== undefined) told.delete(oldest)
      told.set(key, { atMs: now(), repeats: 0 })
      const facts = { workload: `${namespace}/${name}`, uid, reason, repeats: known?.repeats ?? 0 }
      const text = message.slice(0, MOST_CHARACTERS)
      try {
        log[type === 'Normal' ? 'info' : 'warn']({ ...facts, text }, 'workload event')
      } catch {
        // the promise is never to throw
      }
    },
    close: async () => told.clear(),
  }
}
