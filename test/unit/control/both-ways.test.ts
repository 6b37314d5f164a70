import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlDocuments } from '../../../src/config/control-schema.ts'
import { meansExpectation } from '../../../src/control/both-ways.ts'

/** Whether a filter means an expectation for that request. */
const means = (filter: object, httpRequest?: object): boolean => {
  const read = controlDocuments.filter(filter)
  assert.ok('value' in read && read.value.kind === 'request')
  return meansExpectation(read.value.request, controlDocuments.filter)(httpRequest ? { httpRequest } : {})
}

test('a filter that says nothing means every expectation', () => {
  assert.ok(means({}, { path: '/a' }))
  assert.ok(means({ path: '', method: '', headers: {}, body: '' }, { path: '/a' }))
  assert.ok(means({}))
})

test('a literal filter means a pattern that it fits, and a pattern the literals that fit it', () => {
  assert.ok(means({ path: '/a/1' }, { path: '/a/[0-9]' }))
  assert.ok(means({ path: '/a/[0-9]' }, { path: '/a/1' }))
  assert.ok(means({ path: '/a/[0-9]' }, { path: '/a/[0-9]' }))
  assert.ok(!means({ path: '/b' }, { path: '/a/[0-9]' }))
})

test('each field may match in its own direction', () => {
  assert.ok(means({ method: 'GET', path: '/a/.*' }, { method: 'G.*', path: '/a/1' }))
  assert.ok(!means({ method: 'GET', path: '/a/.*' }, { method: 'POST', path: '/a/1' }))
})

test('an expectation for any method or path is meant by a filter for one', () => {
  assert.ok(means({ path: '/a' }, { method: 'GET' }))
  assert.ok(means({ path: '/a', method: 'GET' }, { headers: { 'x-a': '1' } }))
  assert.ok(!means({ path: '/a', method: 'GET' }, { method: 'POST' }))
  assert.ok(means({ headers: { 'x-a': '1' } }), 'an expectation for all requests')
})

test('a negated filter means what the same without the negation does not', () => {
  assert.ok(!means({ path: '!/a' }, { path: '/a' }))
  assert.ok(!means({ path: '!/a' }, { path: '/[a-z]+' }))
  assert.ok(!means({ path: { value: '/a', not: true } }, { path: '/.' }))
  assert.ok(means({ path: '!/a' }, { path: '/b' }))
  assert.ok(means({ path: '!/a' }, { method: 'GET' }))
})

test('an expectation that does not say what else the filter asks for is not meant', () => {
  assert.ok(!means({ headers: { 'x-a': '1' } }, { path: '/a' }))
  assert.ok(!means({ body: 'x' }, { path: '/a' }))
  assert.ok(!means({ keepAlive: true }, { path: '/a' }))
})

test('headers, query and bodies count, in whichever form they were given', () => {
  const request = {
    headers: [{ name: 'x-a', values: ['1', '2'] }],
    queryStringParameters: { q: '1' },
    body: { a: 1, b: 2 },
  }
  assert.ok(means({ headers: { 'x-a': ['2'] } }, request))
  assert.ok(!means({ headers: { 'x-a': ['3'] } }, request))
  assert.ok(means({ queryStringParameters: { q: ['1'] } }, request))
  assert.ok(means({ body: { a: 1 } }, request))
  assert.ok(!means({ body: { a: 2 } }, request))
})
