import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MockAction } from '../../../../src/action.ts'
import { actionAt, type TurnMode } from '../../../../src/decide/matching/turns.ts'
import { OK } from '../build.ts'

const actions = [1, 2, 3].map((statusCode): MockAction => ({ kind: 'respond', response: { ...OK, statusCode } }))

const statuses = (mode: TurnMode, turns: number, random: () => number = () => 0): number[] =>
  Array.from({ length: turns }, (_, turn) => {
    const action = actionAt({ actions, mode }, turn, random)
    return action?.kind === 'respond' ? action.response.statusCode : 0
  })

test('answers in sequence start again after the last', () => {
  assert.deepEqual(statuses({ kind: 'sequential' }, 7), [1, 2, 3, 1, 2, 3, 1])
})

test('a switch gives each so often, and the last for good', () => {
  assert.deepEqual(statuses({ kind: 'switch', after: 2 }, 8), [1, 1, 2, 2, 3, 3, 3, 3])
})

test('chance falls on each as often as it weighs', () => {
  const shares = [0, 0.24, 0.25, 0.49, 0.5, 0.99]
  const at = (share: number) => statuses({ kind: 'weighted', weights: [1, 1, 2] }, 1, () => share)[0]
  assert.deepEqual(shares.map(at), [1, 1, 2, 2, 3, 3])
})

test('every mode answers every turn', () => {
  const mode = fc.oneof(
    fc.constant<TurnMode>({ kind: 'sequential' }),
    fc.integer({ min: 1, max: 1e9 }).map((after): TurnMode => ({ kind: 'switch', after })),
    fc
      .array(fc.integer({ min: 1, max: 1e6 }), { minLength: 3, maxLength: 3 })
      .map((weights): TurnMode => ({ kind: 'weighted', weights })),
  )
  const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(mode, fc.nat(), share, (one, turn, random) => {
      assert.ok(actionAt({ actions, mode: one }, turn, () => random))
    }),
  )
})
