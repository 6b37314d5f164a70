import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseMultipart } from '../../../../src/decide/matching/multipart.ts'

const TYPE = 'multipart/form-data; boundary="b b"'
const part = (head: string, value: string): string => `--b b\r\n${head}\r\n\r\n${value}\r\n`
const named = (name: string, value = ''): string => part(`Content-Disposition: form-data; name="${name}"`, value)

test('a preamble, quotes in names and a form without parts are read', () => {
  assert.deepEqual(parseMultipart(Buffer.from(`hello\r\n${named('a\\"b', '1')}--b b--`), TYPE)?.fields, ['a"b', '1'])
  assert.deepEqual(parseMultipart(Buffer.from(`${named('a%22b')}--b b--`), TYPE)?.fields, ['a"b', ''])
  assert.deepEqual(parseMultipart(Buffer.from('--b b--'), TYPE)?.fields, [])
})

test('a part without a name, a boundary too long, and more than a thousand parts are not read', () => {
  assert.equal(parseMultipart(Buffer.from(`${part('Content-Type: a/b', 'x')}--b b--`), TYPE), undefined)
  assert.equal(parseMultipart(Buffer.from('--x--'), `multipart/form-data; boundary=${'x'.repeat(71)}`), undefined)
  assert.equal(parseMultipart(Buffer.from(`${named('a').repeat(1000)}--b b--`), TYPE)?.fields.length, 2000)
  assert.equal(parseMultipart(Buffer.from(`${named('a').repeat(1001)}--b b--`), TYPE), undefined)
})

test('no bytes make reading throw', () => {
  const pieces = fc.constantFrom(
    '--b b',
    '\r\n',
    '--',
    'Content-Disposition:',
    'form-data;',
    'name=',
    '"',
    'a',
    ';',
    '\\',
  )
  const bodies = fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')))
  fc.assert(fc.property(bodies, (bytes) => void parseMultipart(bytes, TYPE)))
})
