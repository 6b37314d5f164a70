/** How long to wait before the next try, so that many agents do not come back at the same moment. */
import type { Clock } from './clock.ts'

const FIRST_MS = 500
const MOST_MS = 30_000

export interface Backoff {
  /** Milliseconds; each one longer than the last on average, up to 30 s, and never shorter than the server asked for. */
  next(retryAfterMs?: number): number
  /** Tries since the last success. */
  readonly attempts: number
  reset(): void
}

export const createBackoff = ({ random }: Pick<Clock, 'random'>): Backoff => {
  let attempts = 0
  return {
    next: (retryAfterMs = 0) => {
      const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempts, 16))
      attempts += 1
      const ownMs = most / 2 + (random() * most) / 2
      // A tenth more at the most: it said the same to all of us.
      return Math.max(ownMs, retryAfterMs * (1 + random() / 10))
    },
    get attempts() {
      return attempts
    },
    reset: () => {
      attempts = 0
    },
  }
}
