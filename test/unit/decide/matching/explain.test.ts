import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explained } from '../../../../src/decide/matching/explain.ts'
import { head, storeOf } from '../build.ts'

const explain = (line: string, limit = 10, body?: Buffer) => {
  const store = storeOf(
    { id: 'create', httpRequest: { method: 'POST', path: '/orders' } },
    { id: 'one', httpRequest: { method: 'GET', path: '/orders/7' } },
    { id: 'status', httpRequest: { method: 'GET', path: '/health' } },
    { id: 'tagged', httpRequest: { path: '/tags', headers: [{ name: 'x-tag', values: ['secret'] }] } },
    { id: 'never', httpRequest: { path: '!/tags' } },
  )
  const asked = { head: head(line), body, nowMs: 0 }
  return explained(store.explain(asked), asked, limit).map(({ expectation, text }) => `${expectation.id}: ${text}`)
}

test('the expectation for a path like it is closest, with both paths', () => {
  assert.equal(
    explain('GET /orders/8').find((one) => one.startsWith('one')),
    'one: the path is /orders/8, expected /orders/7',
  )
  assert.equal(explain('GET /orders/8', 2)[1], 'one: the path is /orders/8, expected /orders/7')
})

test('the same path with another method is closer than another path with the same method', () => {
  const [, closest] = explain('GET /orders')
  assert.equal(closest, 'create: the method is GET, expected POST')
})

test('what it names of headers are no values', () => {
  assert.equal(explain('GET /tags', 1)[0], 'tagged: the headers do not have what is asked for')
})

test('one that matches comes first', () => {
  assert.deepEqual(explain('GET /health').slice(0, 2).sort(), ['never: it matches', 'status: it matches'])
})

test('a negated text says so', () => {
  assert.ok(explain('GET /tags').includes('never: the path is /tags, expected anything but /tags'))
})

test('there is a bound', () => assert.equal(explain('GET /x', 2).length, 2))
