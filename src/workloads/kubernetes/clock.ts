/** Time and chance as the parts here take them, so that a test needs neither. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once, after `ms`; returns what takes that back. */
  setTimer(callback: () => void, ms: number): () => void
  /** At least 0, less than 1. */
  random(): number
}

/** The real one. Its timers do not keep the process alive. */
export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  setTimer: (callback, ms) => {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

/** Waits for `ms`, or until `cut` is called, whichever is first. */
export const pause = (clock: Clock, ms: number): { readonly over: Promise<void>; cut(): void } => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.setTimer(resolve, ms)
  return {
    over: promise,
    cut: () => {
      cancel()
      resolve()
    },
  }
}
