import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePairs, matchesPairs, type NamedValues } from '../../../../src/decide/matching/pairs.ts'
import { parseQuery } from '../../../../src/decide/matching/query.ts'

function matches(wanted: Record<string, string[]>, query: string): boolean {
  const named = Object.entries(wanted).map(([name, values]): NamedValues => ({ name, values }))
  const matcher = compilePairs(named)
  return matcher === undefined || matchesPairs(matcher, parseQuery(query))
}

test('entries beyond those asked for do not matter', () => {
  assert.ok(matches({ a: ['1'] }, 'b=2&a=1&c=3'))
  assert.ok(!matches({ a: ['1'], d: ['4'] }, 'b=2&a=1&c=3'))
  assert.ok(matches({}, 'a=1'))
})

test('names and values are compared without regard to case, or as regular expressions', () => {
  assert.ok(matches({ A: ['X'] }, 'a=x'))
  assert.ok(matches({ 'id|key': ['[0-9]+'] }, 'key=12'))
  assert.ok(!matches({ 'id|key': ['[0-9]+'] }, 'key=12a'))
})

test('two required values need two distinct entries', () => {
  assert.ok(!matches({ a: ['1', '2'] }, 'a=1'))
  assert.ok(!matches({ a: ['1', '1'] }, 'a=1'))
  assert.ok(matches({ a: ['1', '1'] }, 'a=1&a=1'))
  assert.ok(matches({ a: ['1', '2'] }, 'a=2&a=3&a=1'))
  assert.ok(!matches({ a: ['1'], 'a|b': ['1'] }, 'a=1'))
})

test('a choice made for one value is undone when another needs its entry', () => {
  assert.ok(matches({ a: ['1|2', '1'] }, 'a=1&a=2'))
  assert.ok(matches({ a: ['.*', '[12]', '1'] }, 'a=1&a=2&a=3'))
})

test('a name with ! must be absent', () => {
  assert.ok(matches({ '!a': [] }, ''))
  assert.ok(matches({ '!a': ['1'] }, 'b=1'))
  assert.ok(!matches({ '!a': [] }, 'b=1&A=2'))
  assert.ok(!matches({ '!a.*': [] }, 'abc=2'))
})

test('a value with ! asks for an entry with another value', () => {
  assert.ok(matches({ a: ['!1'] }, 'a=2'))
  assert.ok(matches({ a: ['!1'] }, 'a=1&a=2'))
  assert.ok(!matches({ a: ['!1'] }, 'a=1'))
  assert.ok(!matches({ a: ['!1'] }, 'b=2'))
})

test('a name with ? may be absent, and must match when it is there', () => {
  assert.ok(matches({ '?a': ['1'] }, 'b=1'))
  assert.ok(matches({ '?a': ['1'] }, 'a=1'))
  assert.ok(!matches({ '?a': ['1'] }, 'a=2'))
  assert.ok(matches({ '?a': ['1', '2'], b: ['3'] }, 'b=3'))
  assert.ok(!matches({ '?a': ['1', '2'], b: ['3'] }, 'b=3&a=1'))
})

test('a name without values may have any', () => {
  assert.ok(matches({ a: [] }, 'a'))
  assert.ok(matches({ a: [''] }, 'a=7'))
  assert.ok(!matches({ a: [] }, 'b'))
})

test('the query is decoded: + is a space and %XX is UTF-8', () => {
  assert.deepEqual(parseQuery('a+b=c%20d&%C3%A9=%2B&&x&y==&=z'), ['a b', 'c d', 'é', '+', 'x', '', 'y', '=', '', 'z'])
})

test('a query that is not valid percent-encoding is kept as it was sent', () => {
  assert.deepEqual(parseQuery('a=%zz+1&b=%ff&c=%41'), ['a', '%zz 1', 'b', '%ff', 'c', 'A'])
})
