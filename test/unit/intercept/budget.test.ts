import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBudget } from '../../../src/intercept/budget.ts'

test('an amount is taken up to the limit, and given back', () => {
  let refused = 0
  const budget = createBudget(10, () => {
    refused += 1
  })
  assert.equal(budget.take(10), true)
  assert.equal(budget.take(), false)
  assert.equal(refused, 1)
  budget.give(4)
  assert.equal(budget.taken, 6)
  assert.equal(budget.take(4), true)
})

test('a refused amount is not taken in part', () => {
  const budget = createBudget(10, () => undefined)
  budget.take(8)
  assert.equal(budget.take(3), false)
  assert.equal(budget.take(2), true)
})
