/**
 * Keeps what is known of the objects of one resource in step with the API server: a list, then watches from where it ended,
 * each from where the last one did. Whatever happens, it goes on: nothing that the server sends or does ends it.
 */
import type { ApiClient } from './api-client.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { type Clock, pause } from './clock.ts'
import { type ApiFailure, createFailureCounts, type FailureCounts, type FailureKind } from './failure.ts'
import { versionOf } from './fields.ts'
import { createObjectStore, type ObjectStore, type Projected } from './object-store.ts'
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
  /** Whether two values with one key are of one object. Of two objects that claim a key, the one known first keeps it. */
  readonly isSame?: (one: T, other: T) => boolean
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

/** Where one list-watch is; all of its steps share it. */
interface Progress {
  lists: number
  watches: number
  events: number
  /** Watches in a row that the server has refused. */
  refusedWatches: number
  heardAtMs: number | undefined
  trouble: string | undefined
  /** Where the next watch begins; undefined where a list has to come first. */
  version: string | undefined
  /** The first list is what the server has in memory, which costs it least; later ones must not be older than we are. */
  listFrom: '0' | ''
  /** Ends what is being waited for. */
  stop: () => void
  isClosed: boolean
}

interface Parts<T> {
  readonly options: ListWatchOptions<T>
  readonly progress: Progress
  readonly store: ObjectStore<T>
  readonly backoff: Backoff
  readonly count: (kind: FailureKind, message: string) => void
  readonly heard: () => void
  readonly badObject: (why: string) => void
}

/** Waits; cut short by `close`. */
const wait = async <T>({ options, progress }: Parts<T>, ms: number): Promise<void> => {
  if (progress.isClosed || ms === 0) return
  const { over, cut } = pause(options.clock, ms)
  progress.stop = cut
  await over
}

const failed = async <T>(parts: Parts<T>, failure: ApiFailure): Promise<void> => {
  const { progress, backoff } = parts
  if (progress.isClosed) return
  parts.count(failure.kind, failure.message)
  progress.trouble = failure.message
  // That a version has expired happens to the best: the list is asked for at once, but not again and again.
  const isFirst = failure.kind === 'gone' && backoff.attempts === 0
  const ms = backoff.next(failure.retryAfterMs)
  await wait(parts, isFirst ? 0 : ms)
}

const projectOf = <T>({ listed, project }: ListWatchOptions<T>, object: unknown): Projected<T> =>
  isOfOtherKind(object, listed.kind) ? { kind: 'refused', why: 'other_kind' } : project(object)

/** Whether what claims this key is another object than the one that is known by it. */
const isOfAnother = <T>({ options, store }: Parts<T>, { key, value }: { key: string; value: T }): boolean => {
  const known = store.values.get(key)
  return known !== undefined && options.isSame !== undefined && !options.isSame(known, value)
}

/** One whole list, or a failure and the wait after it. */
const list = async <T>(parts: Parts<T>): Promise<void> => {
  const { options, progress, store, heard, badObject } = parts
  const stage = store.stage()
  const reading = readList(options.client, options.listed, progress.listFrom, {
    heard,
    restart: stage.clear,
    item: (object) => {
      const projected = projectOf(options, object)
      if (projected.kind === 'refused') badObject(projected.why)
      else if (isOfAnother(parts, projected)) badObject('key_of_another')
      else if (stage.add(projected.key, projected.value)) badObject('listed_twice')
    },
  })
  progress.stop = reading.abort
  const result = await reading.over
  if (progress.isClosed) return
  if (typeof result !== 'string') {
    if (result.kind === 'gone' || result.isVersionTooLarge) progress.listFrom = ''
    return failed(parts, result)
  }
  stage.commit()
  progress.listFrom = ''
  progress.lists += 1
  progress.refusedWatches = 0
  progress.version = result
  progress.trouble = undefined
}

/** Takes one event of a watch; says what is wrong with it where the watch cannot go on. */
const take = <T>(parts: Parts<T>, type: string, object: unknown): string | undefined => {
  const { options, progress, store, badObject } = parts
  progress.events += 1
  const projected = projectOf(options, object)
  if (projected.kind === 'refused') {
    badObject(projected.why)
    if (projected.why === 'other_kind') return undefined
    // Somebody went, and we cannot tell who.
    if (type === 'DELETED' && projected.key === undefined) return 'an object that was deleted does not say which'
    if (projected.key !== undefined) store.remove(projected.key)
  } else if (isOfAnother(parts, projected)) badObject('key_of_another')
  else if (type === 'DELETED') store.remove(projected.key)
  else store.set(projected.key, projected.value)
  const reached = versionOf(object)
  if (reached === undefined) badObject('no_version')
  else progress.version = reached
  return undefined
}

/** One watch from its beginning to its end, and the wait after it. */
const watch = async <T>(parts: Parts<T>, from: string): Promise<void> => {
  const { options, progress, backoff, heard, badObject } = parts
  const { client, clock, listed } = options
  const { leastSeconds, mostSeconds } = WATCH_LIMITS
  const seconds = leastSeconds + Math.floor(clock.random() * (mostSeconds - leastSeconds + 1))
  const startedAtMs = clock.now()
  let hasBegun = false
  progress.watches += 1
  const watching = openWatch(client, listed, from, seconds, {
    heard,
    change: (type, object) => take(parts, type, object),
    strange: badObject,
    begin: () => {
      hasBegun = true
      progress.refusedWatches = 0
      progress.trouble = undefined
    },
    bookmark: (reached) => {
      progress.events += 1
      progress.version = reached
    },
  })
  progress.stop = watching.abort
  const failure = await watching.over
  if (progress.isClosed) return
  const isSteady = hasBegun && clock.now() - startedAtMs >= STEADY_MS
  if (isSteady) backoff.reset()
  if (!failure) return wait(parts, isSteady ? 0 : backoff.next())
  if (failure.status !== undefined && failure.kind !== 'throttled') progress.refusedWatches += 1
  if (needsList(failure, progress.refusedWatches)) progress.version = undefined
  await failed(parts, failure)
}

const run = async <T>(parts: Parts<T>): Promise<void> => {
  const { options, progress } = parts
  while (!progress.isClosed) {
    try {
      await (progress.version === undefined ? list(parts) : watch(parts, progress.version))
    } catch (error) {
      // Ours, not the server's: start over, since nobody knows how far it came.
      progress.version = undefined
      await failed(parts, { kind: 'handler', message: `${options.listed.resource}: ${String(error)}` })
    }
  }
}

const partsOf = <T>(options: ListWatchOptions<T>, count: Parts<T>['count']): Parts<T> => {
  const { clock, listed, capacity } = options
  const progress: Progress = {
    ...{ lists: 0, watches: 0, events: 0, refusedWatches: 0, heardAtMs: undefined, trouble: undefined },
    ...{ version: undefined, listFrom: '0', stop: () => undefined, isClosed: false },
  }
  const store = createObjectStore<T>({
    capacity,
    full: () => count('too_many', `more than ${capacity} ${listed.resource}: one is not looked at`),
    changed: (key, now, before) => {
      try {
        options.changed(key, now, before)
      } catch (error) {
        count('handler', `news of ${listed.resource} could not be taken: ${String(error)}`)
      }
    },
  })
  return {
    options,
    progress,
    store,
    backoff: createBackoff(clock),
    count,
    heard: () => {
      progress.heardAtMs = clock.now()
    },
    badObject: (why) => count('bad_object', `one of ${listed.resource} is left out: ${why}`),
  }
}

export const createListWatch = <T>(options: ListWatchOptions<T>): ListWatch<T> => {
  const failures = createFailureCounts(options.onFailure)
  const parts = partsOf(options, failures.count)
  const { progress, store } = parts
  let running: Promise<void> | undefined
  return {
    start: () => {
      running ??= run(parts)
    },
    values: store.values,
    get isSynced() {
      return progress.lists > 0
    },
    get trouble() {
      return progress.trouble
    },
    counters: () => {
      const { lists, watches, events, heardAtMs } = progress
      return {
        objects: store.values.size,
        lists,
        relists: Math.max(0, lists - 1),
        reconnects: Math.max(0, watches - 1),
        events,
        failures: failures.counts(),
        ...(heardAtMs !== undefined && { lastEventAgeMs: Math.max(0, options.clock.now() - heardAtMs) }),
      }
    },
    close: async () => {
      progress.isClosed = true
      progress.stop()
      await running
    },
  }
}
