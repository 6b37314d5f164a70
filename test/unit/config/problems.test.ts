import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { checkValue } from '../../../src/config/problems.ts'

test('of the first hundred unknown keys it is said what was meant, and all are named', () => {
  const given = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`colou${at}`, at]))
  const result = checkValue(z.strictObject({ colour: z.number().optional() }), given)
  const messages = 'problems' in result ? result.problems.map(({ message }) => message) : []
  assert.equal(messages.length, 200)
  assert.equal(messages[0], 'unknown key; did you mean "colour"?')
  assert.equal(messages[100], 'unknown key')
})
