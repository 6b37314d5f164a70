import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileBodyPattern } from '../../../src/content/body-pattern.ts'
import { bodyFits, problemLines } from '../../support/asked.ts'

const fits = (regex: string, body: string): boolean => bodyFits({ type: 'REGEX', regex }, body)

test('a pattern matches the whole body, whatever its case and wherever its lines end', () => {
  assert.ok(fits('.*order [0-9]+.*', 'an ORDER 17\nis here'))
  assert.ok(!fits('order', 'an order'))
})

test('a long body is tried with an engine that cannot backtrack', () => {
  assert.ok(fits('.*order [0-9]+.*', `${'x'.repeat(100_000)}order 1`))
  assert.ok(!fits('.*order [0-9]+.*', 'order '.repeat(20_000)))
  assert.ok(fits('.*end', `${'x'.repeat(500_000)}END`))
})

test('a pattern that could backtrack for hours is run by that engine too', () => {
  assert.ok(fits('(a+)+', 'a'.repeat(100)))
  assert.ok(!fits('(a+)+', `${'a'.repeat(100_000)}b`))
})

test('what neither engine can run is refused, and a body beyond both bounds does not match', () => {
  const lines = problemLines({ body: { type: 'REGEX', regex: '((a+)\\2)+' } })
  assert.match(lines.join(), /body.regex: refused: it repeats/)
  assert.ok(!fits('.*a.*b.*', `${'x'.repeat(300_000)}ab`))
})

test('a pattern of more than 64 KiB is given to no engine', () => {
  const problem = 'a regular expression of more than 65536 characters'
  assert.deepEqual(compileBodyPattern('(a|b)'.repeat(20_000)), { problem })
})
