/**
 * Tells what becomes of pods in Events on them, which `kubectl describe pod` shows. One event per pod, reason and ten
 * minutes; what is reported again meanwhile is counted in it. Sent one after the other, at a bounded rate.
 */
import { randomBytes } from 'node:crypto'
import type { WorkloadEvents } from '../source.ts'
import { createApiClient } from './api-client.ts'
import { createBackoff } from './backoff.ts'
import { pause, SYSTEM_CLOCK } from './clock.ts'
import type { ConnectionOptions } from './connection.ts'
import { type EventSubject, eventName, eventObject, eventPatch, messageOf } from './event-object.ts'
import { type ApiFailure, createFailureCounts, type FailureCounts } from './failure.ts'
import { createTokenBucket } from './token-bucket.ts'

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
  /** Repeats written into an event that was there. */
  readonly updated: number
  /** Reports given up: the queue was full, the server refused, or the agent ended. */
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
const MOST_WAITING = 1024
/** Events remembered for their repeats. */
const MOST_REMEMBERED = 4096
const BURST = 25
const PER_SECOND = 5
/** Tries of one write that failed for a reason that may pass. */
const MOST_TRIES = 6
const CALL_LIMITS = { idleMs: 10_000, totalMs: 15_000 } as const

/** One event, made or to be made. */
interface Entry {
  readonly key: string
  readonly subject: EventSubject
  readonly firstAtMs: number
  lastAtMs: number
  count: number
  message: string
  /** Its name at the server, once it is made there. */
  name: string | undefined
  tries: number
  isWaiting: boolean
}

const mayPass = ({ kind }: ApiFailure): boolean =>
  ['network', 'tls', 'timeout', 'credentials', 'unauthorized', 'throttled', 'server'].includes(kind)

/** Throws BAD_CONFIG where the server's URL is none. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the state of one queue and the functions that change it
export const createPodEvents = (options: PodEventsOptions): PodEvents => {
  const { clock = SYSTEM_CLOCK, onFailure, nodeName } = options
  const client = createApiClient(options)
  const failures = createFailureCounts(onFailure)
  const bucket = createTokenBucket(BURST, PER_SECOND, clock.now)
  const backoff = createBackoff(clock)
  /** In order of their making, so that the first is the oldest. */
  const remembered = new Map<string, Entry>()
  const queue: Entry[] = []
  let reported = 0
  let created = 0
  let updated = 0
  let dropped = 0
  let isClosing = false
  let isOver = false
  let cutWait: () => void = () => undefined
  let cutCall: () => void = () => undefined
  /** Those that were reported again since they were sent, for the next time that repeats are written. */
  const repeated = new Set<Entry>()
  let cancelRepeats: (() => void) | undefined
  let sending: Promise<void> | undefined

  const forget = (entry: Entry): void => {
    if (remembered.get(entry.key) === entry) remembered.delete(entry.key)
  }
  const wait = async (ms: number): Promise<void> => {
    if (ms === 0 || isOver) return
    const waiting = pause(clock, ms)
    cutWait = waiting.cut
    await waiting.over
  }
  const write = (entry: Entry): Promise<ApiFailure | undefined> => {
    const { promise, resolve } = Promise.withResolvers<ApiFailure | undefined>()
    const { namespace, name: podName } = entry.subject.about
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`
    const name = entry.name ?? eventName(podName, randomBytes(8).toString('hex'))
    const isNew = entry.name === undefined
    const open = client.open(
      {
        ...CALL_LIMITS,
        ...(isNew
          ? { verb: 'create', path, body: eventObject(name, entry.subject, entry, nodeName) }
          : { verb: 'patch', path: `${path}/${encodeURIComponent(name)}`, body: eventPatch(entry) }),
        resource: 'events',
      },
      {
        begin: () => undefined,
        data: () => undefined, // the event as it is now: nothing new
        done: (failure) => {
          if (!failure) {
            entry.name = name
            if (isNew) created += 1
            else updated += 1
          }
          resolve(failure)
        },
      },
    )
    cutCall = () => open.abort(open.failure('network', 'the agent ends'))
    return promise
  }

  /** Whether the entry has to be sent again, after a wait. */
  const retry = (entry: Entry, failure: ApiFailure): boolean => {
    failures.count(failure.kind, failure.message)
    entry.tries += 1
    if (entry.tries >= MOST_TRIES || isOver) return false
    if (failure.kind === 'not_found' && entry.name !== undefined) {
      entry.name = undefined // events expire: this one has to be made again
      return true
    }
    // The name was taken; the next try has another one.
    return mayPass(failure) || failure.kind === 'conflict'
  }
  const sendOne = async (entry: Entry): Promise<void> => {
    for (let ms = isClosing ? 0 : bucket.take(); ms > 0; ms = isClosing ? 0 : bucket.take()) await wait(ms)
    // What is reported from here on is for the next time.
    entry.isWaiting = false
    const failure = await write(entry)
    if (!failure) {
      entry.tries = 0
      backoff.reset()
      return
    }
    if (!retry(entry, failure)) {
      dropped += 1
      forget(entry)
      return
    }
    if (!entry.isWaiting) {
      entry.isWaiting = true
      queue.unshift(entry)
    }
    if (mayPass(failure)) await wait(backoff.next(failure.retryAfterMs))
  }
  const sendAll = async (): Promise<void> => {
    for (let entry = queue.shift(); entry && !isOver; entry = queue.shift()) {
      try {
        await sendOne(entry)
      } catch (error) {
        failures.count('handler', `an event could not be written: ${String(error)}`)
        dropped += 1
        forget(entry)
      }
    }
    sending = undefined
  }
  const enqueue = (entry: Entry): void => {
    if (entry.isWaiting) return
    if (queue.length >= MOST_WAITING) {
      dropped += 1
      forget(entry)
      return
    }
    entry.isWaiting = true
    queue.push(entry)
    sending ??= sendAll()
  }

  const sendRepeats = (): void => {
    cancelRepeats?.()
    cancelRepeats = undefined
    for (const entry of repeated) enqueue(entry)
    repeated.clear()
  }

  return {
    report: (about, type, reason, message) => {
      reported += 1
      if (isClosing) {
        dropped += 1
        return
      }
      const key = `${about.uid} ${reason}`
      const now = clock.now()
      const known = remembered.get(key)
      if (known && now - known.firstAtMs < WINDOW_MS) {
        known.count += 1
        known.lastAtMs = now
        known.message = messageOf(message)
        repeated.add(known)
        cancelRepeats ??= clock.setTimer(sendRepeats, REPEATS_MS)
        return
      }
      remembered.delete(key)
      const [oldest] = remembered.size >= MOST_REMEMBERED ? remembered.values() : []
      if (oldest) forget(oldest)
      const { uid, namespace, name } = about
      const subject = { about: { uid, namespace, name }, type, reason }
      const state = { name: undefined, tries: 0, isWaiting: false }
      const entry: Entry = {
        key,
        subject,
        firstAtMs: now,
        lastAtMs: now,
        count: 1,
        message: messageOf(message),
        ...state,
      }
      remembered.set(key, entry)
      enqueue(entry)
    },
    counters: () => ({ reported, created, updated, dropped, waiting: queue.length, failures: failures.counts() }),
    close: async (graceMs) => {
      isClosing = true
      sendRepeats()
      cutWait()
      const grace = pause(clock, graceMs)
      await Promise.race([sending, grace.over])
      grace.cut()
      isOver = true
      dropped += queue.length
      queue.length = 0
      cutWait()
      cutCall()
      await sending
      await client.close()
    },
  }
}
