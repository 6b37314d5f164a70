import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectationJson, messageJson } from '../../../src/control/expectation-json.ts'
import { expectation } from '../decide/build.ts'

test('texts that are spelt out are given back with prefixes, ? before !', () => {
  const given = {
    method: { value: 'GET', not: true },
    path: '!?/a',
    headers: { a: [{ value: 'x', optional: true, not: true }, 'y'], b: { values: ['?z'] } },
    cookies: { c: { value: '1', not: true } },
  }
  assert.deepEqual(messageJson(given), {
    method: '!GET',
    path: '?!/a',
    headers: { a: ['?!x', 'y'], b: { values: ['?z'] } },
    cookies: { c: '!1' },
  })
})

test('a text that only begins like a prefix stays spelt out, and so does a schema', () => {
  const given = { method: { value: '!GET', not: false }, path: { schema: { type: 'string' } } }
  assert.deepEqual(messageJson(given), given)
})

test('what asks for nothing is left out', () => {
  assert.deepEqual(messageJson({ method: '', path: ' ', not: false, headers: { keyMatchStyle: 'SUB_SET', a: 'x' } }), {
    headers: { a: ['x'] },
  })
})

test('the parts of a message come in the order of its lines', () => {
  const given = { body: 'x', secure: true, headers: {}, path: '/a', not: true, method: 'GET' }
  assert.deepEqual(Object.keys(messageJson(given)), ['not', 'method', 'path', 'headers', 'secure', 'body'])
  const response = { delay: {}, body: 'x', headers: {}, statusCode: 200, reasonPhrase: 'x' }
  assert.deepEqual(Object.keys(messageJson(response)), ['statusCode', 'reasonPhrase', 'headers', 'body', 'delay'])
})

test('a time to live is its unit and its number', () => {
  const source = { timeToLive: { unlimited: false, timeToLive: 5, timeUnit: 'SECONDS' } }
  const given = expectation({ timeToLiveMs: 5000, source }, 'x')
  const { timeToLive } = expectationJson({ expectation: given, remainingTimes: Infinity })
  assert.equal(JSON.stringify(timeToLive), '{"timeUnit":"SECONDS","timeToLive":5}')
})
