import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Expectation, ExpectationSpec } from '../../../../src/decide/matching/expectation.ts'
import { createExpectationStore, type ExpectationStore } from '../../../../src/decide/matching/store.ts'
import { answer, expectation, head } from '../build.ts'

const OWNER = 'folder'

/** With a document that says what it is, as those that were read have one. */
const one = (id: string, spec: Partial<ExpectationSpec> = {}): Expectation =>
  expectation({ source: { id, ...JSON.parse(JSON.stringify(spec)) }, ...spec }, id)
const ids = (store: ExpectationStore): string[] => store.list(0).map((live) => live.expectation.id)
const twice = { remainingTimes: 2 }

test('a list replaces exactly what the same owner gave before', () => {
  const store = createExpectationStore([one('started')], 0)
  assert.deepEqual(store.replaceFrom(OWNER, [one('a'), one('b')], 0), {
    added: 2,
    changed: 0,
    removed: 0,
    unchanged: 0,
    taken: [],
  })
  store.upsert([one('put')], 0)
  store.replaceFrom('another', [one('x')], 0)
  const replaced = store.replaceFrom(OWNER, [one('b'), one('c')], 0)
  assert.deepEqual(replaced, { added: 1, changed: 0, removed: 1, unchanged: 1, taken: [] })
  assert.deepEqual(ids(store), ['started', 'b', 'c', 'put', 'x'])
  assert.equal(store.replaceFrom(OWNER, [], 0).removed, 2)
  assert.deepEqual(ids(store), ['started', 'put', 'x'])
})

test('one that did not change keeps what it has used up, one that did starts anew', () => {
  const store = createExpectationStore([], 0)
  store.replaceFrom(OWNER, [one('a', twice), one('b', twice)], 0)
  assert.equal(answer(store, head('GET /')), 'a')
  store.replaceFrom(OWNER, [one('a', twice), one('b', { ...twice, priority: -1 })], 5)
  assert.deepEqual(
    store.list(5).map((live) => [live.expectation.id, live.remainingTimes]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
})

test('one that was used up does not come back while it is written the same', () => {
  const store = createExpectationStore([], 0)
  const once = { remainingTimes: 1 }
  store.replaceFrom(OWNER, [one('a', once)], 0)
  assert.equal(answer(store, head('GET /')), 'a')
  store.replaceFrom(OWNER, [one('a', once), one('b')], 0)
  assert.equal(answer(store, head('GET /')), 'b')
  store.replaceFrom(OWNER, [one('a', twice), one('b')], 0)
  assert.equal(answer(store, head('GET /')), 'a')
})

test('one that was cleared does not come back while it is written the same', () => {
  const store = createExpectationStore([], 0)
  store.replaceFrom(OWNER, [one('a'), one('b')], 0)
  store.clear()
  store.replaceFrom(OWNER, [one('a'), one('b', { priority: 1 })], 0)
  assert.deepEqual(ids(store), ['b'])
})

test('the order is that of the list, as after a new start', () => {
  const store = createExpectationStore([], 0)
  store.replaceFrom(OWNER, [one('a'), one('c')], 0)
  store.upsert([one('put')], 0)
  store.replaceFrom(OWNER, [one('a'), one('b'), one('c')], 0)
  assert.deepEqual(ids(store), ['a', 'b', 'c', 'put'])
  store.replaceFrom(OWNER, [one('c'), one('b'), one('a')], 0)
  assert.deepEqual(ids(store), ['c', 'b', 'a', 'put'])
  store.replaceFrom(OWNER, [one('c'), one('b'), one('a', { priority: 3 })], 0)
  assert.deepEqual(ids(store), ['a', 'c', 'b', 'put'])
})

test('an id that somebody else has is left to them, and told', () => {
  const store = createExpectationStore([], 0)
  store.upsert([one('mine', twice)], 0)
  const { taken, added } = store.replaceFrom(OWNER, [one('mine'), one('other')], 0)
  assert.deepEqual([taken, added], [['mine'], 1])
  assert.equal(store.get('mine', 0)?.remainingTimes, 2)
  store.replaceFrom(OWNER, [], 0)
  assert.deepEqual(ids(store), ['mine'])
})

test('one that somebody else has replaced since is theirs', () => {
  const store = createExpectationStore([], 0)
  store.replaceFrom(OWNER, [one('a'), one('b')], 0)
  store.upsert([one('a', twice)], 0)
  store.replaceFrom(OWNER, [one('b')], 0)
  assert.deepEqual(ids(store), ['a', 'b'])
  assert.equal(store.get('a', 0)?.remainingTimes, 2)
})

test('an id is free again once what had it is used up', () => {
  const store = createExpectationStore([one('a', { remainingTimes: 1 })], 0)
  answer(store, head('GET /'))
  assert.equal(store.replaceFrom(OWNER, [one('a')], 0).added, 1)
  assert.deepEqual(ids(store), ['a'])
})

test('a list that is the same changes no version, so that nothing is indexed anew', () => {
  const store = createExpectationStore([], 0)
  store.replaceFrom(OWNER, [one('a'), one('b')], 0)
  const { version } = store
  store.replaceFrom(OWNER, [one('a'), one('b')], 0)
  assert.equal(store.version, version)
})
