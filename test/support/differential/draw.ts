/** Choices from a seed: the same text gives the same choices on every machine, whatever else is drawn elsewhere. */
import { createHash } from 'node:crypto'

export interface Draw {
  /** A whole number from 0 up to, but not including, `below`. */
  below(below: number): number
  /** Whether something happens that happens `times` in ten times. */
  chance(times: number): boolean
  pick<T>(from: readonly T[]): T
  /** At least `least` and at most `most` of them, in their order. */
  some<T>(from: readonly T[], least: number, most: number): T[]
}

/** A linear congruential generator of 32 bits, as in Numerical Recipes: only its upper bits are used. */
export const draw = (seed: string): Draw => {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  const pick = <T>(from: readonly T[]): T => {
    const index = below(from.length)
    if (index >= from.length) throw new RangeError('nothing to pick from')
    return from[index] as T
  }
  return {
    below,
    chance: (times) => below(10) < times,
    pick,
    some: (from, least, most) => {
      const left = from.map((_, index) => index)
      const taken: number[] = []
      const count = Math.min(from.length, least + below(most - least + 1))
      while (taken.length < count) taken.push(...left.splice(below(left.length), 1))
      return taken.sort((a, b) => a - b).map((index) => from[index] as (typeof from)[number])
    },
  }
}
