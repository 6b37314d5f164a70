import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonMergePatch, jsonPatch, type PatchOperation, pointerTokens } from '../../../src/content/json-patch.ts'

type Written = Omit<PatchOperation, 'path' | 'from'> & { readonly path: string; readonly from?: string }

const patched = (body: string, ...written: readonly Written[]): string | undefined => {
  const operations = written.map(
    ({ path, from, ...rest }): PatchOperation => ({
      ...rest,
      path: pointerTokens(path) ?? [],
      from: from === undefined ? undefined : pointerTokens(from),
    }),
  )
  return jsonPatch(operations)(Buffer.from(body))?.toString()
}

/** Body, operations and result; undefined where the patch does not fit. The first are those of RFC 6902, appendix A. */
const CASES: readonly (readonly [string, readonly Written[], string | undefined])[] = [
  ['{"foo":"bar"}', [{ op: 'add', path: '/baz', value: 'qux' }], '{"foo":"bar","baz":"qux"}'],
  ['{"foo":["bar","baz"]}', [{ op: 'add', path: '/foo/1', value: 'qux' }], '{"foo":["bar","qux","baz"]}'],
  ['{"baz":"qux","foo":"bar"}', [{ op: 'remove', path: '/baz' }], '{"foo":"bar"}'],
  ['{"foo":["bar","qux","baz"]}', [{ op: 'remove', path: '/foo/1' }], '{"foo":["bar","baz"]}'],
  ['{"baz":"qux"}', [{ op: 'replace', path: '/baz', value: 'boo' }], '{"baz":"boo"}'],
  [
    '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
  ],
  [
    '{"foo":["all","grass","cows","eat"]}',
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    '{"foo":["all","cows","eat","grass"]}',
  ],
  [
    '{"baz":"qux","foo":["a",2,"c"]}',
    [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    '{"baz":"qux","foo":["a",2,"c"]}',
  ],
  ['{"baz":"qux"}', [{ op: 'test', path: '/baz', value: 'bar' }], undefined],
  ['{"foo":"bar"}', [{ op: 'add', path: '/baz/bat', value: 'qux' }], undefined],
  ['{"/":9,"~1":10}', [{ op: 'test', path: '/~01', value: 10 }], '{"/":9,"~1":10}'],
  ['{"foo":["bar"]}', [{ op: 'add', path: '/foo/-', value: ['abc'] }], '{"foo":["bar",["abc"]]}'],
  ['[1]', [{ op: 'add', path: '/2', value: 1 }], undefined],
  ['[1]', [{ op: 'remove', path: '/01' }], undefined],
  ['{"a":1}', [{ op: 'replace', path: '', value: [2] }], '[2]'],
  [
    '{"a":{"b":1}}',
    [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'add', path: '/c/d', value: 2 },
    ],
    '{"a":{"b":1},"c":{"b":1,"d":2}}',
  ],
  ['{"a":{"b":1}}', [{ op: 'move', from: '/a', path: '/a/b' }], undefined],
  [
    '{"a":1}',
    [
      { op: 'replace', path: '/a', value: 2 },
      { op: 'remove', path: '/b' },
    ],
    undefined,
  ],
  [
    '{"a":1.0,"b":12345678901234567890,"c":1}',
    [
      { op: 'remove', path: '/c' },
      { op: 'test', path: '/a', value: 1 },
    ],
    '{"a":1.0,"b":12345678901234567890}',
  ],
  ['{}', [{ op: 'add', path: '/__proto__', value: { x: 1 } }], '{"__proto__":{"x":1}}'],
  ['{}', [{ op: 'remove', path: '/toString' }], undefined],
  ['not JSON', [{ op: 'add', path: '', value: 1 }], undefined],
]
for (const [body, operations, expected] of CASES) {
  test(`${body} after ${operations.map(({ op, path }) => `${op} ${path}`).join(', ')} is ${expected ?? 'left alone'}`, () =>
    assert.equal(patched(body, ...operations), expected))
}

test('copies of copies come to an end', () => {
  const copies = Array.from({ length: 60 }, (_, i): Written => ({ op: 'copy', from: '', path: `/${i}` }))
  assert.equal(patched('{"a":"some text"}', ...copies), undefined)
})

test('a value that was added is not shared between bodies', () => {
  const patch = jsonPatch([
    { op: 'add', path: ['a'], value: { n: [] } },
    { op: 'add', path: ['a', 'n', '-'], value: 1 },
  ])
  for (let i = 0; i < 2; i++) assert.equal(patch(Buffer.from('{}'))?.toString(), '{"a":{"n":[1]}}')
})

test('a pointer begins with a slash, and a tilde in it stands for something', () => {
  assert.deepEqual(pointerTokens('/a~1b/~0/'), ['a/b', '~', ''])
  for (const pointer of ['a', '/~', '/~2']) assert.equal(pointerTokens(pointer), undefined)
})

/** Body, patch, result: of RFC 7386, appendix A, among others. */
const MERGES: readonly (readonly [string, unknown, string | undefined])[] = [
  ['{"a":"b"}', { a: 'c' }, '{"a":"c"}'],
  ['{"a":"b","b":"c"}', { a: null }, '{"b":"c"}'],
  ['{"a":["b"]}', { a: 'c' }, '{"a":"c"}'],
  ['{"a":{"b":"c"}}', { a: { b: 'd', c: null } }, '{"a":{"b":"d"}}'],
  ['[1,2]', { a: 'b', c: null }, '{"a":"b"}'],
  ['{}', { a: { bb: { ccc: null } } }, '{"a":{"bb":{}}}'],
  ['{"e":1.50}', { a: 1 }, '{"e":1.50,"a":1}'],
  ['<html>', { a: 1 }, undefined],
]
for (const [body, patch, expected] of MERGES) {
  test(`${body} with ${JSON.stringify(patch)} merged in is ${expected ?? 'left alone'}`, () =>
    assert.equal(jsonMergePatch(patch)(Buffer.from(body))?.toString(), expected))
}

test('a body nested deeper than the stack is left alone', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const patch = jsonPatch([{ op: 'copy', from: [], path: ['-'] }])
  assert.equal(patch(Buffer.from(deep)), undefined)
})
