import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawDelayMs, MAX_DELAY_MS } from '../../../src/decide/draw-delay.ts'

/** Gives these numbers, one after the other. */
const sequence = (...numbers: number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}

const refused = (): number => assert.fail('nothing was to be drawn')

test('a plain delay is what it is, and draws nothing', () => {
  assert.equal(drawDelayMs(20, refused), 20)
})

test('a uniform delay lies where the number drawn lies', () => {
  const delay = { kind: 'uniform', minMs: 100, maxMs: 200 } as const
  assert.deepEqual([drawDelayMs(delay, () => 0), drawDelayMs(delay, () => 0.25)], [100, 125])
})

test('a normal delay is its mean and its deviation times what was drawn', () => {
  const delay = { kind: 'gaussian', meanMs: 100, deviationMs: 10 } as const
  assert.equal(drawDelayMs(delay, sequence(0, 0)), 100)
  const one = drawDelayMs(delay, sequence(1 - Math.exp(-0.5), 0))
  assert.ok(Math.abs(one - 110) < 1e-9, `${one}`)
})

test('a log-normal delay has its median in the middle and its 99th percentile where it was said to be', () => {
  const delay = { kind: 'log_normal', medianMs: 100, sigma: Math.log(4) } as const
  assert.equal(drawDelayMs(delay, sequence(0, 0)), 100)
  const one = drawDelayMs(delay, sequence(1 - Math.exp(-0.5), 0))
  assert.ok(Math.abs(one - 400) < 1e-9, `${one}`)
})

test('what is drawn is never negative and never more than a timer holds', () => {
  const wide = { kind: 'gaussian', meanMs: 0, deviationMs: 1e15 } as const
  assert.equal(drawDelayMs(wide, sequence(0.9, 0.5)), 0)
  assert.equal(drawDelayMs(wide, sequence(0.9, 0)), MAX_DELAY_MS)
})
