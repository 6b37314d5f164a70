/** Calls that wait for the log to say something: woken by its changes, not by a clock, and only so many of them. */
import type { EventLog } from './event-log.ts'
import type { Call } from './ports.ts'
import { type Reply, text } from './reply.ts'

/** What the log says now. */
export interface Attempt {
  /** Whether waiting would change nothing. */
  readonly isSettled: boolean
  readonly reply: () => Reply
}

export interface Waiting {
  /** The answer as soon as it is settled, or when the time is up. */
  until(call: Call, timeoutMs: number, attempt: () => Attempt): Reply | Promise<Reply>
}

/** Clamped to this. */
const LONGEST_MS = 60_000
/** Each looks at the log after every change. */
const MAX_WAITING = 32
/** After looking, nobody looks again for so many times as long: however busy it is, most of the time is for traffic. */
const REST = 4

export interface WaitingOptions {
  readonly log: Pick<EventLog, 'watch'>
  readonly nowMs: () => number
  /** Calls `then` after so many milliseconds, unless what it returns is called before. */
  readonly after: (delayMs: number, then: () => void) => () => void
  readonly onTooMany: () => void
}

type Look = () => void

/** Has all that wait look in the turn after a change, however many changes there were. */
const createLooks = ({ log, after, nowMs }: WaitingOptions) => {
  const looks = new Set<Look>()
  let unwatch: (() => void) | undefined
  let cancel: (() => void) | undefined
  let notBeforeMs = 0

  const lookAll = (): void => {
    cancel = undefined
    const startMs = nowMs()
    for (const look of looks) look()
    const endMs = nowMs()
    notBeforeMs = endMs + (endMs - startMs) * REST
  }
  return {
    get size() {
      return looks.size
    },
    add: (look: Look) => {
      looks.add(look)
      unwatch ??= log.watch(() => {
        cancel ??= after(Math.max(0, notBeforeMs - nowMs()), lookAll)
      })
    },
    remove: (look: Look) => {
      looks.delete(look)
      if (looks.size > 0) return
      unwatch?.()
      cancel?.()
      unwatch = cancel = undefined
    },
  }
}

export const createWaiting = (options: WaitingOptions): Waiting => {
  const { after, onTooMany } = options
  const looks = createLooks(options)

  /** `then` gets undefined if the caller has gone. */
  const wait = (call: Call, timeoutMs: number, attempt: () => Attempt, then: (last: Attempt | undefined) => void) => {
    const end = (last: Attempt | undefined): void => {
      looks.remove(look)
      cancelEnd()
      then(last)
    }
    const look = (): void => {
      const now = attempt()
      if (now.isSettled) end(now)
    }
    looks.add(look)
    const cancelEnd = after(Math.min(timeoutMs, LONGEST_MS), () => end(attempt()))
    call.onGone(() => end(undefined))
  }

  return {
    until: (call, timeoutMs, attempt) => {
      const first = attempt()
      if (first.isSettled || timeoutMs === 0) return first.reply()
      if (looks.size >= MAX_WAITING) {
        onTooMany()
        return text(503, `${MAX_WAITING} calls are waiting already`)
      }
      const { promise, resolve } = Promise.withResolvers<Reply>()
      wait(call, timeoutMs, attempt, (last) => resolve(last?.reply() ?? { status: 503 }))
      return promise
    },
  }
}
