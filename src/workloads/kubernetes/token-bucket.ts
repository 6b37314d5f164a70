/** How often something may be done: a burst at once, then at a steady rate. */

export interface TokenBucket {
  /** Takes one and returns 0, or how many milliseconds there are to wait for it. */
  take(): number
}

/** `perSecond` on average, `burst` at once; `now` in milliseconds. */
export const createTokenBucket = (burst: number, perSecond: number, now: () => number): TokenBucket => {
  let tokens = burst
  let atMs = now()
  return {
    take: () => {
      const nowMs = now()
      // A clock that was set back gives nothing and takes nothing.
      tokens = Math.min(burst, tokens + (Math.max(0, nowMs - atMs) * perSecond) / 1000)
      atMs = nowMs
      if (tokens >= 1) {
        tokens -= 1
        return 0
      }
      return Math.ceil(((1 - tokens) * 1000) / perSecond)
    },
  }
}
