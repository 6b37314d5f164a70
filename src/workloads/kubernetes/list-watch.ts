/**
 * Keeps what is known of the objects of one resource in step with the API server: a list, then watches from where it ended,
 * each from where the last one did. Whatever happens, it goes on: nothing that the server sends or does ends it.
 */
import type { ApiClient } from './api-client.ts'
import { createBackoff } from './backoff.ts'
import { type Clock, pause } from './clock.ts'
import { type ApiFailure, createFailureCounts, type FailureCounts, type FailureKind } from './failure.ts'
import { versionOf } from './fields.ts'
import { createObjectStore, type Projected } from './object-store.ts'
import { isOfOtherKind, type Listed, readList } from './read-list.ts'
import { openWatch, WATCH_LIMITS } from './watch.ts'

/** What one list-watch has done so far. */
export interface ListWatchCounters {
  /** Objects that are known now. */
  readonly objects: number
  /** Whole lists that were read to their end. */
  readonly lists: number
  /** Of those, the ones after the first. */
  readonly relists: number
  /** Watches opened after the first. */
  readonly reconnects: number
  /** Events of watches, bookmarks among them. */
  readonly events: number
  readonly failures: FailureCounts
  /** Milliseconds since the server last said anything; undefined before it has. */
  readonly lastEventAgeMs?: number
}

export interface ListWatchOptions<T> {
  readonly client: ApiClient
  readonly clock: Clock
  readonly listed: Listed
  /** Most objects at once; further ones are counted and not kept. */
  readonly capacity: number
  readonly project: (object: unknown) => Projected<T>
  /** What it throws is counted, and changes nothing else. */
  readonly changed: (key: string, now: T | undefined, before: T | undefined) => void
  readonly onFailure?: (kind: FailureKind, message: string) => void
}

export interface ListWatch<T> {
  start(): void
  readonly values: ReadonlyMap<string, T>
  /** A whole list has been read. */
  readonly isSynced: boolean
  /** What is wrong at present. */
  readonly trouble: string | undefined
  counters(): ListWatchCounters
  close(): Promise<void>
}

/** A watch that lived shorter than this is no sign that all is well. */
const STEADY_MS = 5000
/** So many answers in a row that the server cannot watch from this version, and it is asked for a list instead. */
const MOST_REFUSED_WATCHES = 10

/** Whether there has to be a list before the next watch. */
const needsList = ({ kind, isVersionTooLarge }: ApiFailure, refusedWatches: number): boolean =>
  isVersionTooLarge === true ||
  ['gone', 'malformed', 'too_large', 'rejected', 'not_found'].includes(kind) ||
  refusedWatches >= MOST_REFUSED_WATCHES

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the state of one loop and the functions that change it
export const createListWatch = <T>(options: ListWatchOptions<T>): ListWatch<T> => {
  const { client, clock, listed, capacity, project } = options
  const failures = createFailureCounts(options.onFailure)
  const backoff = createBackoff(clock)
  let lists = 0
  let watches = 0
  let events = 0
  let refusedWatches = 0
  let heardAtMs: number | undefined
  let trouble: string | undefined
  /** Where the next watch begins; undefined where a list has to come first. */
  let version: string | undefined
  /** The first list is what the server has in memory, which costs it least; later ones must not be older than we are. */
  let listFrom: '0' | '' = '0'
  let stop: () => void = () => undefined
  let isClosed = false
  let running: Promise<void> | undefined

  const store = createObjectStore<T>({
    capacity,
    full: () => failures.count('too_many', `more than ${capacity} ${listed.resource}: one is not looked at`),
    changed: (key, now, before) => {
      try {
        options.changed(key, now, before)
      } catch (error) {
        failures.count('handler', `news of ${listed.resource} could not be taken: ${String(error)}`)
      }
    },
  })
  const heard = (): void => {
    heardAtMs = clock.now()
  }
  const badObject = (why: string): void => failures.count('bad_object', `one of ${listed.resource} is left out: ${why}`)

  /** Waits; cut short by `close`. */
  const wait = async (ms: number): Promise<void> => {
    if (isClosed || ms === 0) return
    const { over, cut } = pause(clock, ms)
    stop = cut
    await over
  }
  const failed = async (failure: ApiFailure): Promise<void> => {
    if (isClosed) return
    failures.count(failure.kind, failure.message)
    trouble = failure.message
    // That a version has expired happens to the best: the list is asked for at once, but not again and again.
    const isFirst = failure.kind === 'gone' && backoff.attempts === 0
    const ms = backoff.next(failure.retryAfterMs)
    await wait(isFirst ? 0 : ms)
  }

  const list = async (): Promise<void> => {
    const stage = store.stage()
    const reading = readList(client, listed, listFrom, {
      heard,
      restart: stage.clear,
      item: (object) => {
        const projected: Projected<T> = isOfOtherKind(object, listed.kind)
          ? { kind: 'refused', why: 'other_kind' }
          : project(object)
        if (projected.kind === 'refused') badObject(projected.why)
        else if (stage.add(projected.key, projected.value)) badObject('listed_twice')
      },
    })
    stop = reading.abort
    const result = await reading.over
    if (isClosed) return
    if (typeof result !== 'string') {
      if (result.kind === 'gone' || result.isVersionTooLarge) listFrom = ''
      return failed(result)
    }
    stage.commit()
    listFrom = ''
    lists += 1
    refusedWatches = 0
    version = result
    trouble = undefined
  }

  const change = (type: string, object: unknown): string | undefined => {
    events += 1
    if (isOfOtherKind(object, listed.kind)) {
      badObject('other_kind')
      return undefined
    }
    const projected = project(object)
    if (projected.kind === 'refused') {
      badObject(projected.why)
      // Somebody went, and we cannot tell who.
      if (type === 'DELETED' && projected.key === undefined) return 'an object that was deleted does not say which'
      if (projected.key !== undefined) store.remove(projected.key)
    } else if (type === 'DELETED') store.remove(projected.key)
    else store.set(projected.key, projected.value)
    const reached = versionOf(object)
    if (reached === undefined) badObject('no_version')
    else version = reached
    return undefined
  }

  const watch = async (from: string): Promise<void> => {
    const { leastSeconds, mostSeconds } = WATCH_LIMITS
    const seconds = leastSeconds + Math.floor(clock.random() * (mostSeconds - leastSeconds + 1))
    const startedAtMs = clock.now()
    let hasBegun = false
    watches += 1
    const watching = openWatch(client, listed, from, seconds, {
      heard,
      change,
      strange: badObject,
      begin: () => {
        hasBegun = true
        refusedWatches = 0
        trouble = undefined
      },
      bookmark: (reached) => {
        events += 1
        version = reached
      },
    })
    stop = watching.abort
    const failure = await watching.over
    if (isClosed) return
    const isSteady = hasBegun && clock.now() - startedAtMs >= STEADY_MS
    if (isSteady) backoff.reset()
    if (!failure) return wait(isSteady ? 0 : backoff.next())
    if (failure.status !== undefined && failure.kind !== 'throttled') refusedWatches += 1
    if (needsList(failure, refusedWatches)) version = undefined
    await failed(failure)
  }

  const run = async (): Promise<void> => {
    while (!isClosed) {
      try {
        await (version === undefined ? list() : watch(version))
      } catch (error) {
        // Ours, not the server's: start over, since nobody knows how far it came.
        version = undefined
        await failed({ kind: 'handler', message: `${listed.resource}: ${String(error)}` })
      }
    }
  }

  return {
    start: () => {
      running ??= run()
    },
    values: store.values,
    get isSynced() {
      return lists > 0
    },
    get trouble() {
      return trouble
    },
    counters: () => ({
      objects: store.values.size,
      lists,
      relists: Math.max(0, lists - 1),
      reconnects: Math.max(0, watches - 1),
      events,
      failures: failures.counts(),
      ...(heardAtMs !== undefined && { lastEventAgeMs: Math.max(0, clock.now() - heardAtMs) }),
    }),
    close: async () => {
      isClosed = true
      stop()
      await running
    },
  }
}
