/** What the agent knows of each workload that has asked to be intercepted, and how it goes from one state to another. */
import type { Logger } from 'pino'
import type { WorkloadState } from '../record/metrics-agent.ts'
import type { EventReason, WorkloadEvents, WorkloadFacts } from '../workloads/source.ts'
import type { Enrolment } from './enrolment.ts'

export interface Known {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  state: WorkloadState
  /** Why it is in that state, in words. */
  why: string
  enrolment?: Enrolment
  /** Since when it is looked for in vain; undefined while it is not. */
  sinceMs?: number
  attempts: number
  provenAtMs: number
  retry?: NodeJS.Timeout
}

export interface StatesOptions {
  readonly events: WorkloadEvents
  readonly log: Logger
  /** Looks at a workload again. */
  readonly look: (uid: string) => void
  readonly nowMs: () => number
}

export interface States {
  /** What is known of a workload; begins to know it. */
  of(facts: WorkloadFacts): Known
  get(uid: string): Known | undefined
  all(): Iterable<Known>
  forget(uid: string): void
  settle(known: Known, state: WorkloadState, why: string): void
  tell(known: Known, type: 'Normal' | 'Warning', reason: EventReason, message: string): void
  retryIn(known: Known, ms: number): void
  /** It cannot be intercepted: told once, and tried again ever less often. */
  fail(known: Known, why: string): void
  /** It cannot be found yet: soon tried again, and a failure only when that has gone on for long. */
  waitFor(known: Known, why: string): void
}

/** A pod that starts is looked for again soon, and ever less often. */
const FIRST_RETRY_MS = 25
const GROWTH = 1.3
const LAST_RETRY_MS = 5000
const FAILED_RETRY_MS = 250
/** A pod that cannot be found this long is told about. */
const PATIENCE_MS = 30_000
const MAX_TIMER_MS = 2 ** 31 - 1

export const createStates = ({ events, log, look, nowMs }: StatesOptions): States => {
  const all = new Map<string, Known>()
  const settle: States['settle'] = (known, state, why) => {
    known.state = state
    known.why = why
  }
  const tell: States['tell'] = (known, type, reason, message) => events.report(known, type, reason, message)
  const retryIn: States['retryIn'] = (known, ms) => {
    clearTimeout(known.retry)
    known.retry = setTimeout(look, Math.min(Math.max(ms, 0), MAX_TIMER_MS), known.uid).unref()
  }
  const fail: States['fail'] = (known, why) => {
    const isNews = known.state !== 'failed' || known.why !== why
    settle(known, 'failed', why)
    if (isNews) {
      log.warn({ namespace: known.namespace, pod: known.name, why }, 'a workload cannot be intercepted')
      tell(known, 'Warning', 'InterceptionFailed', why)
    }
    known.attempts++
    retryIn(known, Math.min(LAST_RETRY_MS, FAILED_RETRY_MS * 2 ** Math.min(known.attempts, 8)))
  }
  return {
    of: ({ uid, namespace, name }) => {
      const found = all.get(uid)
      if (found) return found
      const made: Known = {
        ...{ uid, namespace, name, state: 'waiting', why: 'not looked at yet' },
        ...{ attempts: 0, provenAtMs: Number.NEGATIVE_INFINITY },
      }
      all.set(uid, made)
      return made
    },
    get: (uid) => all.get(uid),
    all: () => all.values(),
    forget: (uid) => {
      clearTimeout(all.get(uid)?.retry)
      all.delete(uid)
    },
    ...{ tell, retryIn },
    settle: (known, state, why) => {
      delete known.sinceMs
      settle(known, state, why)
    },
    // It was found, and something else is wrong with it.
    fail: (known, why) => {
      delete known.sinceMs
      fail(known, why)
    },
    waitFor: (known, why) => {
      known.attempts++
      known.sinceMs ??= nowMs()
      if (nowMs() - known.sinceMs > PATIENCE_MS) return fail(known, why)
      settle(known, 'waiting', why)
      retryIn(known, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * GROWTH ** Math.min(known.attempts, 25)))
    },
  }
}
