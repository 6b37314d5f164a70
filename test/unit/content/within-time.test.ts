import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withinTime } from '../../../src/content/within-time.ts'

test('an answer in time is the answer', () => {
  assert.equal(
    withinTime(1_000_000, () => true),
    true,
  )
  assert.equal(
    withinTime(1_000_000, () => false),
    false,
  )
  assert.equal(
    withinTime(10, () => true),
    true,
  )
})

test('what does not end is ended, and answered with no', () => {
  const endless = (): boolean => {
    for (let n = 0; ; n++) if (n < 0) return true
  }
  assert.equal(withinTime(1_000_000, endless), false)
  assert.equal(
    withinTime(1_000_000, () => true),
    true,
  )
})

test('what throws is answered with no', () => {
  const throws = (): boolean => {
    throw new Error('x')
  }
  assert.equal(withinTime(1_000_000, throws), false)
  assert.equal(withinTime(10, throws), false)
})
