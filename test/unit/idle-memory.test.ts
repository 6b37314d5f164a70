import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIdleMemory } from '../../src/idle-memory.ts'

const counted = () => {
  const state = { work: 0, released: 0 }
  const idle = createIdleMemory(
    () => state.work,
    () => {
      state.released++
    },
  )
  return { state, idle }
}

test('what the start has left is released at the first quiet second, once', () => {
  const { state, idle } = counted()
  for (let second = 0; second < 5; second++) idle.tick()
  assert.equal(state.released, 1)
})

test('nothing is released while traffic flows', () => {
  const { state, idle } = counted()
  for (let second = 0; second < 10; second++) {
    state.work += 5000
    idle.tick()
  }
  assert.equal(state.released, 0)
})

test('memory is released once when it is quiet after much work, and not again until there was more', () => {
  const { state, idle } = counted()
  idle.tick()
  const atStart = state.released
  state.work += 5000
  for (let second = 0; second < 30; second++) idle.tick()
  assert.equal(state.released - atStart, 1)
  state.work += 10
  for (let second = 0; second < 30; second++) idle.tick()
  assert.equal(state.released - atStart, 1, 'a little work is not worth a collection')
})

test('bursts with pauses between them do not cause a collection each', () => {
  const { state, idle } = counted()
  for (let second = 0; second < 60; second++) {
    if (second % 3 === 0) state.work += 5000
    idle.tick()
  }
  assert.ok(state.released >= 2 && state.released <= 6, `released ${state.released} times in a minute`)
})
