import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Flow } from '../../../src/flow.ts'
import { createChain, STRATEGIES } from '../../../src/resolve/chain.ts'
import type { Strategy } from '../../../src/resolve/strategy.ts'

const FLOW: Flow = {
  cookie: 1n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 40_000 },
  local: { address: '127.0.0.1', port: 15_001 },
}
const NEVER = () => false
const A = { address: '192.0.2.1', port: 80 }
const B = { address: '192.0.2.2', port: 80 }

const found = (destination: typeof A): Answer => ({ kind: 'found', destination })
const pass: Answer = { kind: 'pass', why: 'not mine' }
const fault: Answer = { kind: 'fault', error: new Error('broken') }
const strategy = (name: string, answer: Answer, needsBytes = false): Strategy => ({
  name,
  needsBytes,
  resolve: () => answer,
})

test('the first answer wins, and later strategies are not asked', () => {
  const asked = { ...strategy('c', found(B)), resolve: () => assert.fail('asked') }
  const chain = createChain(NEVER, [strategy('a', pass), strategy('b', found(A)), asked])
  const { destination, resolvedBy, trail } = chain.early(FLOW)
  assert.deepEqual([destination, resolvedBy], [A, 'b'])
  assert.deepEqual(
    trail.map(({ strategy, answer }) => [strategy, answer.kind]),
    [
      ['a', 'pass'],
      ['b', 'found'],
    ],
  )
})

test('a faulty strategy is noted, and the next one asked', () => {
  const { destination, trail } = createChain(NEVER, [strategy('a', fault), strategy('b', found(A))]).early(FLOW)
  assert.equal(destination, A)
  assert.equal(trail[0]?.answer.kind, 'fault')
})

test('an answer that is ourselves is passed over, and the trail says so', () => {
  const isOwn = ({ address }: { address: string }): boolean => address === A.address
  const chain = createChain(isOwn, [strategy('a', found(A)), strategy('b', found(B))])
  const { destination, trail } = chain.early(FLOW)
  assert.equal(destination, B)
  assert.deepEqual(trail[0]?.answer, { kind: 'pass', why: 'that is ourselves' })
})

test('a strategy that needs bytes is asked only once there are some, and the trail goes on', () => {
  const chain = createChain(NEVER, [strategy('late', found(B), true), strategy('early', pass)])
  const early = chain.early(FLOW)
  assert.equal(early.destination, undefined)
  const late = chain.late(FLOW, early)
  assert.equal(late.destination, B)
  assert.deepEqual(
    late.trail.map(({ strategy }) => strategy),
    ['early', 'late'],
  )
  assert.equal(early.trail.length, 1)
})

test('what was found early is kept as it is', () => {
  const chain = createChain(NEVER, [strategy('early', found(A)), strategy('late', found(B), true)])
  const early = chain.early(FLOW)
  assert.equal(chain.late(FLOW, early), early)
})

test('the kernel is asked before the client, whose word comes last', () => {
  assert.deepEqual(
    STRATEGIES.map(({ name }) => name),
    ['ebpf', 'host'],
  )
})
