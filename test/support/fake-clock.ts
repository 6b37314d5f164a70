/** A clock that stands still until it is told. */
import type { After } from '../../src/watch-folder.ts'

export interface FakeClock {
  readonly after: After
  /** Lets time pass: what is due runs, in its order. */
  pass(ms: number): void
  /** How many are waiting. */
  readonly waiting: number
}

export function createFakeClock(): FakeClock {
  let now = 0
  let timers: { readonly at: number; readonly run: () => void }[] = []
  return {
    after: (ms, run) => {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    pass: (ms) => {
      const end = now + ms
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        timers = timers.filter((each) => each !== next)
        now = next.at
        next.run()
      }
      now = end
    },
    get waiting() {
      return timers.length
    },
  }
}
