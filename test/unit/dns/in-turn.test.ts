import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurn } from '../../../src/dns/in-turn.ts'
import type { Ask, Asked } from '../../../src/dns/pending.ts'

const QUERY = Buffer.from('query')
const FAILED: Asked = { kind: 'failed', why: 'unreachable' }
const TIMEOUT: Asked = { kind: 'failed', why: 'timeout' }
const answer = (text: string, isLast = true): Asked => ({ kind: 'answered', message: Buffer.from(text), isLast })

/** A resolver whose answers the test gives. */
const resolver = () => {
  const waiting: ((asked: Asked) => void)[] = []
  const ask: Ask = (_query, _question, _timeoutMs, done) => void waiting.push(done)
  return { ask, waiting, say: (asked: Asked) => waiting[0]?.(asked) }
}

const askAll = (count: number, nextAfterMs: number) => {
  const resolvers = Array.from({ length: count }, resolver)
  const heard: Asked[] = []
  inTurn(
    resolvers.map(({ ask }) => ask),
    nextAfterMs,
  )(QUERY, undefined, 5000, (asked) => heard.push(asked))
  return { resolvers, heard, asked: () => resolvers.filter(({ waiting }) => waiting.length > 0).length }
}

test('one that answers is the only one asked', () => {
  const { resolvers, heard, asked } = askAll(3, 60_000)
  resolvers[0]?.say(answer('a'))
  assert.deepEqual(heard, [answer('a')])
  assert.equal(asked(), 1)
})

test('one that cannot be reached hands over at once', () => {
  const { resolvers, heard, asked } = askAll(3, 60_000)
  resolvers[0]?.say(FAILED)
  assert.equal(asked(), 2)
  resolvers[1]?.say(answer('b'))
  assert.deepEqual(heard, [answer('b')])
})

test('one that is silent is joined by the next, and may still be first', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { resolvers, heard, asked } = askAll(2, 1000)
  t.mock.timers.tick(999)
  assert.equal(asked(), 1)
  t.mock.timers.tick(1)
  assert.equal(asked(), 2)
  resolvers[0]?.say(answer('slow'))
  resolvers[1]?.say(answer('late'))
  assert.deepEqual(heard, [answer('slow')])
})

test('only the failure of all is a failure', () => {
  const { resolvers, heard } = askAll(2, 60_000)
  resolvers[0]?.say(FAILED)
  assert.deepEqual(heard, [])
  resolvers[1]?.say(TIMEOUT)
  assert.deepEqual(heard, [TIMEOUT])
})

test('a failure after an answer is not heard', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { resolvers, heard } = askAll(2, 1000)
  t.mock.timers.tick(1000)
  resolvers[1]?.say(answer('b'))
  resolvers[0]?.say(TIMEOUT)
  assert.deepEqual(heard, [answer('b')])
})

test('an answer in several messages is all of one resolver', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { resolvers, heard } = askAll(2, 1000)
  t.mock.timers.tick(1000)
  resolvers[0]?.say(answer('1', false))
  resolvers[1]?.say(answer('other'))
  resolvers[0]?.say({ kind: 'ended' })
  assert.deepEqual(heard, [answer('1', false), { kind: 'ended' }])
})

test('one that breaks off in the middle of several messages has failed', () => {
  const { resolvers, heard } = askAll(2, 60_000)
  resolvers[0]?.say(answer('1', false))
  resolvers[0]?.say(TIMEOUT)
  assert.deepEqual(heard, [answer('1', false), TIMEOUT])
})

test('with one resolver nothing else is waited for', () => {
  const { resolvers, heard } = askAll(1, 0)
  resolvers[0]?.say(FAILED)
  assert.deepEqual(heard, [FAILED])
})
