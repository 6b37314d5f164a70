/** Delays that are drawn: in bounds whatever they are drawn from, and as often where they should be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Delay } from '../../src/config/actions/delay.ts'
import { checkValue } from '../../src/config/problems.ts'
import { drawDelayMs, MAX_DELAY_MS } from '../../src/decide/draw-delay.ts'

const figure = fc.oneof(fc.nat(5000), fc.constantFrom(0, 1, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, 0.5))
const distribution = fc.record(
  {
    type: fc.constantFrom('UNIFORM', 'GAUSSIAN', 'LOG_NORMAL', 'POISSON'),
    min: figure,
    max: figure,
    median: figure,
    p99: figure,
    mean: figure,
    stdDev: figure,
  },
  { requiredKeys: ['type'] },
)
const needed: Readonly<Record<string, readonly string[]>> = {
  UNIFORM: ['min', 'max'],
  GAUSSIAN: ['mean', 'stdDev'],
  LOG_NORMAL: ['median', 'p99'],
}
/** Mostly with the figures that its type has. */
const likely = distribution.map((given) => {
  const keys = ['type', ...(needed[given.type] ?? [])]
  return Object.fromEntries(Object.entries(given).filter(([key]) => keys.includes(key)))
})
const delay = fc.record({
  timeUnit: fc.constantFrom('MILLISECONDS', 'SECONDS', 'DAYS', 'NANOSECONDS'),
  distribution: fc.oneof({ weight: 8, arbitrary: likely }, { weight: 1, arbitrary: fc.anything() }),
})
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('a delay is refused, or every draw of it fits a timer', () => {
  fc.assert(
    fc.property(fc.oneof(delay, fc.anything()), fc.array(unit, { minLength: 2, maxLength: 8 }), (given, numbers) => {
      const checked = checkValue(Delay, given)
      if ('problems' in checked) return checked.problems.length > 0
      let at = 0
      const drawn = drawDelayMs(checked.value, () => numbers[at++ % numbers.length] ?? 0)
      return drawn >= 0 && drawn <= MAX_DELAY_MS
    }),
    { numRuns: 2000 },
  )
})

/** A linear congruential generator: the same numbers each time. */
const generator = (seed: number) => {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
}

/** Which share of many draws is at most `ms`. */
const shareUpTo = (given: unknown, ms: number): number => {
  const checked = checkValue(Delay, { timeUnit: 'MILLISECONDS', distribution: given })
  assert.ok('value' in checked)
  const random = generator(7)
  const draws = Array.from({ length: 20_000 }, () => drawDelayMs(checked.value, random))
  return draws.filter((drawn) => drawn <= ms).length / draws.length
}

const near = (share: number, expected: number): void =>
  assert.ok(Math.abs(share - expected) < 0.02, `${share} is not about ${expected}`)

test('draws are spread as their distribution says', () => {
  near(shareUpTo({ type: 'UNIFORM', min: 100, max: 300 }, 150), 0.25)
  near(shareUpTo({ type: 'GAUSSIAN', mean: 100, stdDev: 20 }, 120), 0.8413)
  near(shareUpTo({ type: 'LOG_NORMAL', median: 50, p99: 400 }, 50), 0.5)
  near(shareUpTo({ type: 'LOG_NORMAL', median: 50, p99: 400 }, 400), 0.99)
})
