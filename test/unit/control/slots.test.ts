import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from '../../../src/control/slots.ts'

test('what was pushed first is taken first, however long the list has been', () => {
  const slots = createSlots<number>()
  const taken: (number | undefined)[] = []
  for (let n = 0; n < 10_000; n++) {
    assert.equal(slots.push(n), n)
    if (n % 3 === 2) taken.push(slots.shift())
  }
  assert.deepEqual(
    taken,
    Array.from({ length: 3333 }, (_, n) => n),
  )
  assert.deepEqual(
    [slots.first, slots.next, slots.get(3332), slots.get(3333), slots.get(9999)],
    [3333, 10_000, undefined, 3333, 9999],
  )
})

test('one that is gone is neither found nor replaced', () => {
  const slots = createSlots<string>()
  slots.push('a')
  slots.push('b')
  slots.shift()
  slots.set(0, 'other')
  slots.set(1, 'c')
  slots.set(2, 'nobody')
  assert.deepEqual([slots.get(0), slots.get(1), slots.get(2)], [undefined, 'c', undefined])
})

test('numbers go on after all were taken out', () => {
  const slots = createSlots<string>()
  for (const text of ['a', 'b', 'c']) slots.push(text)
  slots.clear()
  assert.deepEqual([slots.shift(), slots.get(1), slots.push('d'), slots.get(3)], [undefined, undefined, 3, 'd'])
})
