import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScenarios, MAX_SCENARIOS } from '../../../../src/decide/matching/scenarios.ts'
import { answer, head, storeOf } from '../build.ts'

const step = (state: string | undefined, next: string | undefined) => ({
  scope: undefined,
  scenario: { name: 'order', state, next },
  percentage: 100,
  rateLimit: undefined,
})

test('an expectation of a scenario answers in its state only, and moves it on', () => {
  const store = storeOf({ conditions: step('Started', 'Paid') }, { conditions: step('Paid', 'Sent') })
  assert.deepEqual(
    [1, 2, 3].map(() => answer(store, head('GET /'))),
    ['0', '1', 'none'],
  )
  assert.deepEqual(store.scenarios.list(0), [{ name: 'order', state: 'Sent' }])
})

test('one that waits for no state answers in every one', () => {
  const store = storeOf({ conditions: step(undefined, 'Seen') })
  assert.deepEqual(
    [1, 2].map(() => answer(store, head('GET /'))),
    ['0', '0'],
  )
})

test('a reset forgets the states, a clear does not', () => {
  const store = storeOf({})
  store.scenarios.set('order', { state: 'Paid' })
  store.clear()
  assert.equal(store.scenarios.stateOf('order', 0), 'Paid')
  store.reset()
  assert.equal(store.scenarios.stateOf('order', 0), 'Started')
})

test('a timed step is taken when its time has come, and a later state takes its place', () => {
  const scenarios = createScenarios()
  scenarios.set('order', { state: 'Paid', next: { state: 'Sent', atMs: 100 } })
  assert.deepEqual([scenarios.stateOf('order', 99), scenarios.stateOf('order', 100)], ['Paid', 'Sent'])
  scenarios.set('order', { state: 'Paid' })
  assert.equal(scenarios.stateOf('order', 1000), 'Paid')
})

test('there is a bound to how many scenarios are known', () => {
  const scenarios = createScenarios()
  for (let at = 0; at < MAX_SCENARIOS; at++) assert.ok(scenarios.set(`s${at}`, { state: 'a' }))
  assert.equal(scenarios.set('one more', { state: 'a' }), false)
  assert.ok(scenarios.set('s0', { state: 'b' }))
})
