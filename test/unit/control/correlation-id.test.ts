import assert from 'node:assert/strict'
import { test } from 'node:test'
import { correlationIdOf } from '../../../src/control/correlation-id.ts'

test('a number has one id, and no two have the same', () => {
  const ids = Array.from({ length: 1000 }, (_, number) => correlationIdOf(number))
  assert.equal(new Set(ids).size, 1000)
  assert.equal(correlationIdOf(7), ids[7])
  for (const id of ids) assert.match(id, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
})
