import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Delay } from '../../../../src/config/actions/delay.ts'
import { checkValue } from '../../../../src/config/problems.ts'

const read = (given: unknown): unknown => {
  const checked = checkValue(Delay, given)
  return 'value' in checked
    ? checked.value
    : checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

const distribution = (given: unknown, timeUnit = 'MILLISECONDS') => read({ timeUnit, distribution: given })

test('a plain delay is milliseconds, whatever its unit', () => {
  assert.equal(read({ timeUnit: 'SECONDS', value: 2 }), 2000)
  assert.equal(read({ timeUnit: 'MICROSECONDS', value: 1700 }), 2)
  assert.equal(read({ timeUnit: 'DAYS', value: 0 }), 0)
})

test('the figures of a distribution are in the unit of the delay', () => {
  assert.deepEqual(distribution({ type: 'UNIFORM', min: 1, max: 2 }, 'SECONDS'), {
    kind: 'uniform',
    minMs: 1000,
    maxMs: 2000,
  })
  assert.deepEqual(distribution({ type: 'GAUSSIAN', mean: 10, stdDev: 3 }), {
    kind: 'gaussian',
    meanMs: 10,
    deviationMs: 3,
  })
  assert.deepEqual(distribution({ type: 'LOG_NORMAL', median: 5, p99: 5 }, 'MINUTES'), {
    kind: 'log_normal',
    medianMs: 300_000,
    sigma: 0,
  })
})

test('a distribution goes before a value beside it', () => {
  const both = { timeUnit: 'SECONDS', value: 9, distribution: { type: 'UNIFORM', min: 0, max: 0 } }
  assert.deepEqual(read(both), { kind: 'uniform', minMs: 0, maxMs: 0 })
})

test('a delay that makes no sense is refused, and said why', () => {
  assert.deepEqual(read({ timeUnit: 'DAYS', value: 25 }), ['value: is longer than 24 days'])
  assert.deepEqual(distribution({ type: 'UNIFORM', min: 0, max: 25 }, 'DAYS'), ['distribution: is longer than 24 days'])
  assert.deepEqual(distribution({ type: 'UNIFORM', min: 2, max: 1 }), ['distribution.max: is less than min'])
  assert.deepEqual(distribution({ type: 'LOG_NORMAL', median: 2, p99: 1 }), ['distribution.p99: is less than median'])
  assert.deepEqual(distribution({ type: 'LOG_NORMAL', median: 0, p99: 1 }), [
    'distribution.median: expected at least 1, got 0',
  ])
  assert.deepEqual(distribution({ type: 'GAUSSIAN', mean: 1 }), ['distribution.stdDev: missing; expected a number'])
  assert.deepEqual(distribution({ type: 'POISSON' }), [
    'distribution.type: expected one of "UNIFORM", "LOG_NORMAL", "GAUSSIAN", got "POISSON"',
  ])
  assert.deepEqual(read({ timeUnit: 'SECONDS', value: 1, template: '1' }), ['template: not supported yet'])
})
