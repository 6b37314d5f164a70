import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { readItems } from '../../../src/control/put-expectation.ts'

test('a list that takes long is read in turns, between which others have theirs', async () => {
  let read = 0
  const result = readItems(
    'expectation',
    new Array(100).fill({}),
    () => {
      const end = performance.now() + 1
      while (performance.now() < end);
      read++
      return { value: [] }
    },
    '5.15.0',
  )
  await setImmediate()
  assert.ok(read > 0 && read < 100, `${read} were read`)
  assert.deepEqual(await result, { specs: [] })
  assert.equal(read, 100)
})

test('of a list of mistakes a thousand are counted, and no more items are read', async () => {
  let read = 0
  const result = await readItems(
    'expectation',
    new Array(5000).fill({}),
    () => {
      read++
      return { problems: ['$: wrong'] }
    },
    '5.15.0',
  )
  assert.equal(read, 1000)
  assert.match('error' in result ? result.error : '', /… and at least 980 more\s*\]$/)
})
