import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLenientJson } from '../../../../src/content/templates/lenient-json.ts'

const value = (text: string): unknown => {
  const parsed = parseLenientJson(text)
  return 'value' in parsed ? parsed.value : assert.fail(parsed.problem)
}

test('names and texts in single quotes, or names in none', () => {
  assert.deepEqual(value(`{ 'a': 'b "c" \\' d', e_1: "f'g" }`), { a: `b "c" ' d`, e_1: "f'g" })
})

test('comments, a comma before the end, line ends in texts', () => {
  assert.deepEqual(value("{ /* x */ 'a': [1, 2,], // y\n 'b': 'c\nd\te', }"), { a: [1, 2], b: 'c\nd\te' })
})

test('backslashes before any character', () => {
  assert.equal(value(`'\\u00e9\\n\\q\\/\\\\'`), 'é\nq/\\')
})

test('numbers and words as in JSON', () => {
  assert.deepEqual(value("{ 'a': [-1.5e2, 0, true, false, null] }"), { a: [-150, 0, true, false, null] })
})

test('a name of the prototype is a name like any other', () => {
  const parsed = value("{ '__proto__': { 'x': 1 } }") as object
  assert.deepEqual(Object.keys(parsed), ['__proto__'])
  assert.equal('x' in parsed, false)
})

test('what is no JSON is told with its line', () => {
  for (const text of ["{'a' 1}", '{', '[1', "'a", '{a}', '01', 'nul', '{} x', '/* x', '', '[,]', "{'a':}"]) {
    const parsed = parseLenientJson(text)
    assert.match('problem' in parsed ? parsed.problem : 'none', /^line 1: expected /, text)
  }
  assert.deepEqual(parseLenientJson("{\n'a': ?}"), { problem: 'line 2: expected a value, got "?}"' })
  assert.match(JSON.stringify(parseLenientJson("['".repeat(5) + '['.repeat(9999))), /expected/)
  assert.match(JSON.stringify(parseLenientJson(`'x'${'['.repeat(9999)}`)), /the end/)
  assert.match(JSON.stringify(parseLenientJson('[,'.repeat(1) + '['.repeat(9999))), /levels|value/)
})
