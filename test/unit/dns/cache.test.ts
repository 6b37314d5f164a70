import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from 'dns-packet'
import { readAnswer } from '../../../src/dns/answer.ts'
import { cacheKey, createAnswerCache } from '../../../src/dns/cache.ts'
import { type Question, readQuestion } from '../../../src/dns/question.ts'
import { answerTo, outlineOf, queryFor, record } from '../../support/dns-messages.ts'

const questionOf = (query: Buffer): Question => {
  const question = readQuestion(query)
  assert.ok(question)
  return question
}

const setUp = (entries: number) => {
  const state = { timeMs: 0 }
  const cache = createAnswerCache({ entries, now: () => state.timeMs })
  const keep = (name: string, ttls: readonly number[] = [60]): void => {
    const query = queryFor(name)
    const question = questionOf(query)
    const answer = answerTo(query, { answers: ttls.map((ttl) => record('A', name, '10.1.2.3', ttl)) })
    const read = readAnswer(answer, question)
    assert.ok(read)
    cache.put(cacheKey('1', query, question), answer, read.keepS, read.ttlsAt, read)
  }
  const find = (query: Buffer, scope = '1') =>
    cache.get(cacheKey(scope, query, questionOf(query)), query, questionOf(query))
  return { state, cache, keep, find }
}

test('a kept answer has the id and the case of the query it is given to', () => {
  const { keep, find } = setUp(8)
  keep('orders.test')
  const kept = find(queryFor('ORDERS.test', { id: 7 }))
  assert.deepEqual(outlineOf(kept?.message ?? Buffer.alloc(0)), {
    id: 7,
    rcode: 0,
    isTruncated: false,
    question: 'ORDERS.test A',
    data: ['10.1.2.3'],
  })
  assert.deepEqual(kept?.addresses, ['10.1.2.3'])
})

test('times to live go down with the age of the answer, to its end', () => {
  const { state, keep, find } = setUp(8)
  keep('orders.test', [60, 20])
  state.timeMs = 12_999
  const kept = find(queryFor('orders.test'))
  assert.deepEqual(
    decode(kept?.message ?? Buffer.alloc(0)).answers?.map((answer) => 'ttl' in answer && answer.ttl),
    [48, 8],
  )
  assert.equal(kept?.ttlS, 8)
  state.timeMs = 20_000
  assert.equal(find(queryFor('orders.test')), undefined)
})

test('no answer is kept longer than fifteen minutes', () => {
  const { state, keep, find } = setUp(8)
  keep('orders.test', [86_400])
  state.timeMs = 899_999
  assert.ok(find(queryFor('orders.test')))
  state.timeMs = 900_000
  assert.equal(find(queryFor('orders.test')), undefined)
})

test('a query with another type, flag, option or asker has no part in it', () => {
  const { keep, find } = setUp(8)
  keep('orders.test')
  const recursionless = queryFor('orders.test')
  recursionless[2] = 0
  for (const query of [
    queryFor('orders.test', { type: 'AAAA' }),
    queryFor('orders.test', { ednsBytes: 1232 }),
    queryFor('order.test'),
    recursionless,
  ]) {
    assert.equal(find(query), undefined)
  }
  assert.equal(find(queryFor('orders.test'), '2'), undefined)
})

test('a given answer can be written to without harm to the kept one', () => {
  const { keep, find } = setUp(8)
  keep('orders.test')
  find(queryFor('orders.test'))?.message.fill(0)
  assert.deepEqual(outlineOf(find(queryFor('orders.test'))?.message ?? Buffer.alloc(0)).data, ['10.1.2.3'])
})

test('beyond its size the answer unused longest goes', () => {
  const { cache, keep, find } = setUp(2)
  keep('a.test')
  keep('b.test')
  find(queryFor('a.test'))
  keep('c.test')
  assert.equal(cache.size(), 2)
  assert.ok(find(queryFor('a.test')))
  assert.equal(find(queryFor('b.test')), undefined)
})

test('a cache of no entries keeps nothing', () => {
  const { cache, keep } = setUp(0)
  keep('a.test')
  assert.equal(cache.size(), 0)
})
