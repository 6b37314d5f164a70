import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocument } from '../../../src/control/read-json.ts'

const read = (text: string): unknown => {
  const found = readDocument(Buffer.from(text))
  return 'value' in found ? found.value : found.problem
}

test('a document may be written as people write by hand', () => {
  const wanted = { httpRequest: { path: '/a' }, priority: 7 }
  for (const text of [
    '{"httpRequest":{"path":"/a"},"priority":7}',
    "// which\n{httpRequest: {path: '/a'}, priority: 7}",
    '/* which: "{" */ {"httpRequest": {"path": "/a",}, # the path\n "priority": 007,}',
    '{\u00a0\'httpRequest\':{path:"/a"},\vpriority:7}',
  ]) {
    assert.deepEqual(read(text), wanted, text)
  }
  assert.deepEqual(read('[1, -02, 0, 0.5, true, null, ]'), [1, -2, 0, 0.5, true, null])
  assert.deepEqual(
    read('{true: true, 1: 2, a-b: 3, __proto__: 4}'),
    JSON.parse('{"true":true,"1":2,"a-b":3,"__proto__":4}'),
  )
})

test('a string may hold line ends, quotes of the other kind and needless backslashes', () => {
  assert.deepEqual(read(`["a\nb\tc", 'say "x"', 'it\\'s', "\\q\\/\\u0041", '']`), [
    'a\nb\tc',
    'say "x"',
    "it's",
    'q/A',
    '',
  ])
  assert.deepEqual(read(`{a: "http://x#y /* z */"} // "`), { a: 'http://x#y /* z */' })
})

test('what is wrong beyond that is said, with its line', () => {
  assert.match(String(read('{\n// a\n"a": 1 b\n}')), /^not valid JSON: Expected ',' or '}' .*\(line 3 column/)
  assert.match(
    String(read('{"a": 1 "b": 2}')),
    /^not valid JSON: Expected ',' or '}' after property value in JSON \(line 1/,
  )
  for (const text of [
    '{',
    '{a: 1',
    "'",
    '/*',
    '[,]',
    '[1,,2]',
    '{,}',
    'a b',
    '{"a":+1}',
    '{"a":NaN}',
    '{"a":0x7}',
    '{} x',
    '{a}',
    '"\\',
  ]) {
    assert.match(String(read(text)), /^not valid JSON: /, text)
  }
})

test('depth is bounded however it is written, and brackets in comments and strings are none', () => {
  const deep = (depth: number, inner: string): string => `${'[ # {\n'.repeat(depth)}${inner}${']'.repeat(depth)}`
  assert.equal(read(deep(201, '1')), 'nested more than 200 deep')
  assert.equal(read(`${'['.repeat(100_000)}`), 'nested more than 200 deep')
  assert.ok(Array.isArray(read(deep(200, "'{{{{'"))))
})

test('a document that is very long must be strict', () => {
  const padding = ' '.repeat(3 * 1024 * 1024)
  assert.deepEqual(read(`{"a":1}${padding}`), { a: 1 })
  assert.match(String(read(`{a:1}${padding}`)), /^not valid JSON: /)
})

test('no document is none, and so are an empty string and null', () => {
  for (const text of ['', ' \n', '""', 'null', "''", '\ufeff']) assert.equal(read(text), undefined, text)
})
