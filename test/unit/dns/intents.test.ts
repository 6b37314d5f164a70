import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIntents, type IntentsOptions } from '../../../src/dns/intents.ts'

const SHOP = { id: 1, name: 'shop' }
const BANK = { id: 2, name: 'bank' }

const setUp = (options: Partial<IntentsOptions> = {}) => {
  const state = { timeMs: 0, evicted: 0 }
  const intents = createIntents({ now: () => state.timeMs, onEvicted: () => state.evicted++, ...options })
  return { state, intents }
}

test('the name told last is the one meant; the others fit, too', () => {
  const { intents } = setUp()
  intents.remember(SHOP, 'a.test', ['10.1.2.3'], 60)
  intents.remember(SHOP, 'b.test', ['10.1.2.3', '10.1.2.4'], 60)
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'b.test')
  assert.deepEqual(intents.namesOf(SHOP, '10.1.2.3'), ['b.test', 'a.test'])
  intents.remember(SHOP, 'a.test', ['10.1.2.3'], 60)
  assert.deepEqual(intents.namesOf(SHOP, '10.1.2.3'), ['a.test', 'b.test'])
})

test('what one workload was told is nothing to another', () => {
  const { intents } = setUp()
  intents.remember(SHOP, 'a.test', ['10.1.2.3'], 60)
  assert.equal(intents.nameOf(BANK, '10.1.2.3'), undefined)
  assert.deepEqual(intents.namesOf(BANK, '10.1.2.3'), [])
})

test('names met on the way of a chain fit, but are not the one meant', () => {
  const { intents } = setUp()
  intents.remember(SHOP, 'shop.test', ['10.1.2.3'], 60, ['cdn.test'])
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'shop.test')
  assert.deepEqual(intents.namesOf(SHOP, '10.1.2.3'), ['shop.test', 'cdn.test'])
})

test('a name that was asked for is still one when it is met as an alias', () => {
  const { intents } = setUp()
  intents.remember(SHOP, 'cdn.test', ['10.1.2.3'], 3000)
  intents.remember(SHOP, 'shop.test', ['10.1.2.3'], 30, ['cdn.test'])
  intents.remember(SHOP, 'cdn.test', ['10.1.2.3'], 3000)
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'cdn.test')
})

for (const [ttlS, lifeS] of [
  [0, 30],
  [5, 30],
  [300, 300],
  [86_400, 3600],
] as const) {
  test(`an answer for ${ttlS} seconds is remembered for ${lifeS}`, () => {
    const { state, intents } = setUp()
    intents.remember(SHOP, 'a.test', ['10.1.2.3'], ttlS)
    state.timeMs = lifeS * 1000 - 1
    assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'a.test')
    state.timeMs++
    assert.equal(intents.nameOf(SHOP, '10.1.2.3'), undefined)
    assert.deepEqual(intents.namesOf(SHOP, '10.1.2.3'), [])
  })
}

test('an address keeps the eight names told last', () => {
  const { intents } = setUp()
  for (let i = 0; i < 10; i++) intents.remember(SHOP, `n${i}.test`, ['10.1.2.3'], 60)
  assert.deepEqual(
    intents.namesOf(SHOP, '10.1.2.3'),
    [9, 8, 7, 6, 5, 4, 3, 2].map((i) => `n${i}.test`),
  )
  const aliases = Array.from({ length: 20 }, (_, i) => `alias${i}.test`)
  intents.remember(SHOP, 'shop.test', ['10.1.2.3'], 60, aliases)
  assert.equal(intents.namesOf(SHOP, '10.1.2.3').length, 8)
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'shop.test')
})

test('beyond its bound a workload forgets the address told longest ago', () => {
  const { state, intents } = setUp({ addressesPerWorkload: 2 })
  for (const last of [1, 2, 1, 3]) intents.remember(SHOP, 'a.test', [`10.0.0.${last}`], 60)
  assert.deepEqual(
    [1, 2, 3].map((last) => intents.nameOf(SHOP, `10.0.0.${last}`)),
    ['a.test', undefined, 'a.test'],
  )
  assert.equal(state.evicted, 1)
  assert.equal(intents.size(), 2)
})

test('beyond the bound of all, the workload told something longest ago gives way', () => {
  const { state, intents } = setUp({ addressesInAll: 3 })
  intents.remember(SHOP, 'a.test', ['10.0.0.1', '10.0.0.2'], 60)
  intents.remember(BANK, 'b.test', ['10.0.0.3', '10.0.0.4'], 60)
  assert.equal(intents.nameOf(SHOP, '10.0.0.1'), undefined)
  assert.equal(intents.nameOf(SHOP, '10.0.0.2'), 'a.test')
  assert.equal(state.evicted, 1)
  assert.equal(intents.size(), 3)
})

test('a workload that is gone leaves nothing', () => {
  const { intents } = setUp()
  intents.remember(SHOP, 'a.test', ['10.0.0.1'], 60)
  intents.remember(BANK, 'b.test', ['10.0.0.2'], 60)
  intents.forget(SHOP)
  intents.forget(SHOP)
  assert.equal(intents.size(), 1)
  assert.equal(intents.nameOf(SHOP, '10.0.0.1'), undefined)
})
