import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Flow } from '../../../src/flow.ts'
import { createChain, createStrategies } from '../../../src/resolve/chain.ts'
import { type Evidence, STRATEGY_NAMES, type Strategy } from '../../../src/resolve/strategy.ts'

const FLOW: Flow = {
  cookie: 1n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 40_000 },
  local: { address: '127.0.0.1', port: 15_001 },
  fd: -1,
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
  const chain = createChain({ isOwn: NEVER }, [strategy('a', pass), strategy('b', found(A)), asked])
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
  const { destination, trail } = createChain({ isOwn: NEVER }, [strategy('a', fault), strategy('b', found(A))]).early(
    FLOW,
  )
  assert.equal(destination, A)
  assert.equal(trail[0]?.answer.kind, 'fault')
})

test('an answer that is ourselves is passed over, and the trail says so', () => {
  const isOwn = ({ address }: { address: string }): boolean => address === A.address
  const chain = createChain({ isOwn }, [strategy('a', found(A)), strategy('b', found(B))])
  const { destination, trail } = chain.early(FLOW)
  assert.equal(destination, B)
  assert.deepEqual(trail[0]?.answer, { kind: 'pass', why: 'that is ourselves', dialled: A })
})

test('a strategy that needs bytes is asked only once there are some, and the trail goes on', () => {
  const chain = createChain({ isOwn: NEVER }, [strategy('late', found(B), true), strategy('early', pass)])
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
  const chain = createChain({ isOwn: NEVER }, [strategy('early', found(A)), strategy('late', found(B), true)])
  const early = chain.early(FLOW)
  assert.equal(chain.late(FLOW, early), early)
})

const none = (): Evidence => ({ kind: 'none', why: 'nothing' })
const EVERYTHING = {
  proxyHeaders: true,
  transparent: true,
  inbound: true,
  soOriginalDst: none,
  conntrack: none,
  nameOf: () => undefined,
}
const names = (strategies: readonly Strategy[]): string[] => strategies.map(({ name }) => name)

test('the kernel is asked before the client, whose word comes last', () => {
  assert.deepEqual(names(createStrategies(EVERYTHING)), STRATEGY_NAMES)
})

test('a strategy without evidence here is not asked', () => {
  assert.deepEqual(names(createStrategies({})), ['ebpf', 'host'])
})

test('a strategy that is switched off is not asked', () => {
  assert.deepEqual(names(createStrategies(EVERYTHING, ['ebpf', 'host', 'dns'])), [
    'proxy-protocol',
    'tproxy',
    'listener',
    'so-original-dst',
    'conntrack',
  ])
})

test('an address given out for a name is not a destination, but tells the next strategy what was dialled', () => {
  const isReserved = (address: string): boolean => address === A.address
  const nameOf = (_: unknown, address: string) => (address === A.address ? 'orders' : undefined)
  const [dns] = createStrategies({ nameOf }, ['ebpf', 'host'])
  assert.ok(dns)
  const { destination, trail } = createChain({ isOwn: NEVER, isReserved }, [strategy('a', found(A)), dns]).early(FLOW)
  assert.deepEqual(destination, { address: 'orders', port: A.port })
  assert.deepEqual(trail[0]?.answer, { kind: 'pass', why: 'an address given out for a name', dialled: A })
})

test('a name that was pointed at our own listener is where the client was going', () => {
  const nameOf = (_: unknown, address: string) => (address === FLOW.local.address ? 'orders' : undefined)
  const { destination, resolvedBy } = createChain({ isOwn: NEVER }, createStrategies({ nameOf })).early(FLOW)
  assert.deepEqual([destination, resolvedBy], [{ address: 'orders', port: FLOW.local.port }, 'dns'])
})
