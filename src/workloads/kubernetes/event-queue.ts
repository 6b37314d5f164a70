/** Sends events one after the other, at a bounded rate, again where that may help, and gives up what it cannot send. */
import type { ApiClient } from './api-client.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { type Clock, pause } from './clock.ts'
import { type EventEntry, writeEvent } from './event-writer.ts'
import type { ApiFailure, FailureKind } from './failure.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'

export interface EventQueueOptions {
  readonly client: ApiClient
  readonly clock: Clock
  readonly nodeName: string
  readonly count: (kind: FailureKind, message: string) => void
  /** An event was given up; its next report makes a new one. */
  readonly dropped: (entry: EventEntry) => void
}

export interface EventQueue {
  /** Nothing where it waits already. */
  add(entry: EventEntry): void
  readonly waiting: number
  readonly created: number
  readonly updated: number
  /** Sends what waits without a pause, at most for `graceMs`; the rest is given up. */
  close(graceMs: number): Promise<void>
}

const MOST_WAITING = 1024
const BURST = 25
const PER_SECOND = 5
/** Tries of one write that failed for a reason that may pass. */
const MOST_TRIES = 6

interface Parts {
  readonly options: EventQueueOptions
  readonly queue: EventEntry[]
  readonly bucket: TokenBucket
  readonly backoff: Backoff
  readonly sent: { created: number; updated: number }
  readonly progress: { isClosing: boolean; isOver: boolean; cutWait: () => void; cutCall: () => void }
}

const mayPass = ({ kind }: ApiFailure): boolean =>
  ['network', 'tls', 'timeout', 'credentials', 'unauthorized', 'throttled', 'server'].includes(kind)

const wait = async ({ options, progress }: Parts, ms: number): Promise<void> => {
  if (ms === 0 || progress.isOver) return
  const waiting = pause(options.clock, ms)
  progress.cutWait = waiting.cut
  await waiting.over
}

/** Whether the entry is to be sent again. */
const isWorthRetrying = ({ progress }: Parts, entry: EventEntry, failure: ApiFailure): boolean => {
  entry.tries += 1
  if (entry.tries >= MOST_TRIES || progress.isOver) return false
  if (failure.kind === 'not_found' && entry.name !== undefined) {
    entry.name = undefined // events expire: this one has to be made again
    return true
  }
  // The name was taken; the next try has another one.
  return mayPass(failure) || failure.kind === 'conflict'
}

const sendOne = async (parts: Parts, entry: EventEntry): Promise<void> => {
  const { options, queue, bucket, backoff, sent, progress } = parts
  const due = (): number => (progress.isClosing ? 0 : bucket.take())
  for (let ms = due(); ms > 0; ms = due()) await wait(parts, ms)
  // What is reported from here on is for the next time.
  entry.isWaiting = false
  const writing = writeEvent(options.client, entry, options.nodeName, (what) => {
    sent[what] += 1
  })
  progress.cutCall = writing.abort
  const failure = await writing.over
  if (!failure) {
    entry.tries = 0
    backoff.reset()
    return
  }
  options.count(failure.kind, failure.message)
  if (!isWorthRetrying(parts, entry, failure)) return options.dropped(entry)
  if (!entry.isWaiting) {
    entry.isWaiting = true
    queue.unshift(entry)
  }
  if (mayPass(failure)) await wait(parts, backoff.next(failure.retryAfterMs))
}

const sendAll = async (parts: Parts): Promise<void> => {
  const { options, queue, progress } = parts
  for (let entry = queue.shift(); entry && !progress.isOver; entry = queue.shift()) {
    try {
      await sendOne(parts, entry)
    } catch (error) {
      options.count('handler', `an event could not be written: ${String(error)}`)
      options.dropped(entry)
    }
  }
}

export const createEventQueue = (options: EventQueueOptions): EventQueue => {
  const { clock, dropped } = options
  const queue: EventEntry[] = []
  const sent = { created: 0, updated: 0 }
  const progress = { isClosing: false, isOver: false, cutWait: () => {}, cutCall: () => {} }
  const bucket = createTokenBucket(BURST, PER_SECOND, clock.now)
  const parts = { options, queue, bucket, backoff: createBackoff(clock), sent, progress }
  let sending: Promise<void> | undefined

  const send = async (): Promise<void> => {
    await sendAll(parts)
    sending = undefined
  }
  return {
    add: (entry) => {
      if (entry.isWaiting) return
      if (queue.length >= MOST_WAITING) return dropped(entry)
      entry.isWaiting = true
      queue.push(entry)
      sending ??= send()
    },
    get waiting() {
      return queue.length
    },
    get created() {
      return sent.created
    },
    get updated() {
      return sent.updated
    },
    close: async (graceMs) => {
      progress.isClosing = true
      progress.cutWait()
      const grace = pause(clock, graceMs)
      await Promise.race([sending, grace.over])
      grace.cut()
      progress.isOver = true
      for (const entry of queue.splice(0)) dropped(entry)
      progress.cutWait()
      progress.cutCall()
      await sending
    },
  }
}
