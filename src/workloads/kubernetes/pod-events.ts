/**
 * Tells what becomes of pods in Events on them, which `kubectl describe pod` shows. One event per pod, reason and ten
 * minutes; what is reported again meanwhile is counted in it.
 */
import type { WorkloadEvents } from '../source.ts'
import { createApiClient } from './api-client.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { ConnectionOptions } from './connection.ts'
import { type EventSubject, messageOf } from './event-object.ts'
import { createEventQueue } from './event-queue.ts'
import type { EventEntry } from './event-writer.ts'
import { createFailureCounts, type FailureCounts } from './failure.ts'

export interface PodEventsOptions extends ConnectionOptions {
  /** Who reports; the node that the agent is on. */
  readonly nodeName: string
}

/** What became of reports so far. */
export interface PodEventCounters {
  /** Times `report` was called. */
  readonly reported: number
  /** Events made. */
  readonly created: number
  /** Times that repeats were written into an event that was there. */
  readonly updated: number
  /** Events given up, with all that they count: the queue was full, the server refused, or the agent ended. */
  readonly dropped: number
  /** Events waiting to be sent. */
  readonly waiting: number
  readonly failures: FailureCounts
}

export interface PodEvents extends WorkloadEvents {
  counters(): PodEventCounters
}

const WINDOW_MS = 600_000
/** Repeats of one event are written together, this often. */
const REPEATS_MS = 10_000
/** Events remembered for their repeats. */
const MOST_REMEMBERED = 4096

const entryOf = (key: string, subject: EventSubject, message: string, atMs: number): EventEntry => ({
  ...{ key, subject, firstAtMs: atMs, lastAtMs: atMs, count: 1, message },
  ...{ name: undefined, tries: 0, isWaiting: false },
})

/** Throws BAD_CONFIG where the server's URL is none. */
export const createPodEvents = (options: PodEventsOptions): PodEvents => {
  const { clock = SYSTEM_CLOCK, onFailure, nodeName } = options
  const client = createApiClient(options)
  const failures = createFailureCounts(onFailure)
  /** In order of their making, so that the first is the oldest. */
  const remembered = new Map<string, EventEntry>()
  /** Those that were reported again since they were sent, for the next time that repeats are written. */
  const repeated = new Set<EventEntry>()
  let cancelRepeats: (() => void) | undefined
  let reported = 0
  let dropped = 0
  let isClosing = false

  const queue = createEventQueue({
    ...{ client, clock, nodeName, count: failures.count },
    dropped: (entry) => {
      dropped += 1
      if (remembered.get(entry.key) === entry) remembered.delete(entry.key)
    },
  })
  const sendRepeats = (): void => {
    cancelRepeats?.()
    cancelRepeats = undefined
    for (const entry of repeated) queue.add(entry)
    repeated.clear()
  }
  const repeat = (entry: EventEntry, message: string): void => {
    entry.count += 1
    entry.lastAtMs = clock.now()
    entry.message = message
    repeated.add(entry)
    cancelRepeats ??= clock.setTimer(sendRepeats, REPEATS_MS)
  }
  const remember = (entry: EventEntry): void => {
    // Deleted first: it takes its place at the end.
    remembered.delete(entry.key)
    const [oldest] = remembered.size >= MOST_REMEMBERED ? remembered.keys() : []
    if (oldest !== undefined) remembered.delete(oldest)
    remembered.set(entry.key, entry)
  }

  return {
    report: ({ uid, namespace, name }, type, reason, text) => {
      reported += 1
      if (isClosing) {
        dropped += 1
        return
      }
      const key = `${uid} ${reason}`
      const message = messageOf(text)
      const known = remembered.get(key)
      if (known && clock.now() - known.firstAtMs < WINDOW_MS) return repeat(known, message)
      const entry = entryOf(key, { about: { uid, namespace, name }, type, reason }, message, clock.now())
      remember(entry)
      queue.add(entry)
    },
    counters: () => {
      const { created, updated, waiting } = queue
      return { reported, created, updated, dropped, waiting, failures: failures.counts() }
    },
    close: async (graceMs) => {
      isClosing = true
      sendRepeats()
      await queue.close(graceMs)
      await client.close()
    },
  }
}
