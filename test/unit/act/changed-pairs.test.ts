import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedCookies, changedHeaders, changedQuery, changedSetCookies } from '../../../src/act/changed-pairs.ts'

test('what is set stands where the first of its name stood, or at the end', () => {
  assert.deepEqual(changedHeaders(['a', '1', 'b', '2', 'A', '3'], { set: ['A', '8', 'a', '9', 'c', '7'] }), [
    ...['A', '8', 'a', '9', 'b', '2', 'c', '7'],
  ])
})

test('what is replaced must be there, what is filled in must not, and removing comes last', () => {
  const change = { replace: ['b', '3', 'x', '1'], add: ['d', '4'], fill: ['a', '9', 'e', '5'], remove: ['D'] }
  assert.deepEqual(changedHeaders(['a', '1', 'b', '2'], change), ['a', '1', 'b', '3', 'e', '5'])
})

test('headers that are between two neighbours are not changed', () => {
  const sent = ['content-length', '3', 'connection', 'close']
  const change = {
    set: ['Content-Length', '9', 'Transfer-Encoding', 'chunked'],
    remove: ['connection', 'content-length'],
  }
  assert.deepEqual(changedHeaders(sent, change), sent)
})

test('what a change of a query leaves alone stays encoded as it was', () => {
  assert.equal(changedQuery('a=%41+%zz&&b&c=', [{ add: ['d', 'é&='] }]), 'a=%41+%zz&b&c=&d=%C3%A9%26%3D')
  assert.equal(changedQuery('a%62=1&A=2', [{ remove: ['AB'] }]), 'A=2')
  assert.equal(changedQuery('', [{ set: ['a', '1'] }, { replace: ['A', '2'] }]), 'A=2')
})

test('a lone surrogate does not keep a query from being written', () => {
  assert.equal(changedQuery('', [{ set: ['a', '\ud800'] }]), 'a=%EF%BF%BD')
})

test('cookies of several lines become one, and none leave no line', () => {
  const sent = ['cookie', 'a=1; b=2', 'x', 'y', 'Cookie', 'c="3"']
  assert.deepEqual(changedCookies(sent, [{ set: ['b', '9'] }, { remove: ['a'] }]), ['cookie', 'b=9; c="3"', 'x', 'y'])
  assert.deepEqual(changedCookies(sent, [{ remove: ['a', 'b', 'c'] }]), ['x', 'y'])
  assert.deepEqual(changedCookies([], [{ set: ['A', '1', 'a', '2'] }]), ['cookie', 'A=1; a=2'])
})

test('each cookie of an answer is a line of its own', () => {
  const sent = ['set-cookie', 'a=1; Path=/', 'x', 'y', 'Set-Cookie', 'b=2']
  assert.deepEqual(changedSetCookies(sent, { replace: ['a', '9; Secure'], add: ['c', '3'] }), [
    ...['set-cookie', 'a=9; Secure', 'set-cookie', 'b=2', 'set-cookie', 'c=3', 'x', 'y'],
  ])
  assert.deepEqual(changedSetCookies(sent, { remove: ['a', 'b'] }), ['x', 'y'])
})
