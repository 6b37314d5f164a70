/** How long a delay lasts this time. */
import type { Delay, Distribution } from '../action.ts'

/** Timers hold no more: 24 days. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** Of the standard normal distribution (Box and Muller). */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

const draw = (from: Distribution, random: () => number): number => {
  switch (from.kind) {
    case 'uniform':
      return from.minMs + random() * (from.maxMs - from.minMs)
    case 'gaussian':
      return from.meanMs + normal(random) * from.deviationMs
    case 'log_normal':
      return from.medianMs * Math.exp(normal(random) * from.sigma)
  }
}

/** Milliseconds, never negative and never more than a timer holds. `random` gives numbers from 0 up to, not including, 1. */
export const drawDelayMs = (delay: Delay, random: () => number): number =>
  typeof delay === 'number' ? delay : Math.min(MAX_DELAY_MS, Math.max(0, draw(delay, random)))
