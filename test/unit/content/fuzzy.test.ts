import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyFits } from '../../support/asked.ts'

const fits = (fuzzy: string, body: string, more = {}): boolean => bodyFits({ type: 'FUZZY', fuzzy, ...more }, body)

test('a body matches that is much like the text', () => {
  for (const body of ['hello world', 'hello wrld', 'Hello World', ' hello world '])
    assert.ok(fits('hello world', body), body)
  for (const body of ['bye', '', 'HELLO WORLD']) assert.ok(!fits('hello world', body), body)
  assert.ok(fits('hello world', 'zzz', { not: true }))
})

test('case and white space around may be ignored', () => {
  assert.ok(fits('hello world', '\n HELLO WORLD ', { ignoreCase: true, threshold: 1 }))
})

test('the threshold is from 0 to 1, and others count as these', () => {
  assert.ok(!fits('hello world', 'hello worl', { threshold: 1 }))
  assert.ok(!fits('hello world', 'hello worl', { threshold: 7 }))
  assert.ok(fits('hello world', 'hello world', { threshold: 7 }))
  assert.ok(fits('hello world', 'zzz', { threshold: -1 }))
  assert.ok(!fits('hello world', '', { threshold: 0 }))
})

test('blank text matches any body, and a body that is too long matches no text', () => {
  assert.ok(fits(' ', 'zzz'))
  assert.ok(fits('', ''))
  assert.ok(!fits('a', 'a'.repeat(300_000), { threshold: 0 }))
})
