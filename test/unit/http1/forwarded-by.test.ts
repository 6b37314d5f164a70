import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasPassed, withForwardedBy } from '../../../src/http1/forwarded-by.ts'

const ID = 'Understudy_1'

test('a request has passed where its list has the id, in whichever line', () => {
  assert.equal(hasPassed(['X-Forwarded-By', `other,  ${ID} ,more`], ID), true)
  assert.equal(hasPassed(['x-forwarded-by', 'other', 'X-Forwarded-By', ID], ID), true)
})

test('another id, a longer one, or the id in another header is not ours', () => {
  for (const headers of [[], ['x-forwarded-by', 'Understudy_2'], ['x-forwarded-by', `${ID}0`], ['via', ID]]) {
    assert.equal(hasPassed(headers, ID), false)
  }
})

test('the id goes behind those before, in one list', () => {
  assert.deepEqual(withForwardedBy(['host', 'a'], ID), ['host', 'a', 'x-forwarded-by', ID])
  const before = ['X-Forwarded-By', 'MockServer_9', 'host', 'a', 'x-forwarded-by', 'b, c', 'x-forwarded-by', '']
  assert.deepEqual(withForwardedBy(before, ID), ['host', 'a', 'x-forwarded-by', `MockServer_9, b, c, ${ID}`])
})

test('what was marked has passed', () => assert.equal(hasPassed(withForwardedBy([], ID), ID), true))
