import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyJson, multiMap } from '../../../src/control/message-json.ts'

/** As MockServer 5.15 writes it, key by key. */
const WITH_BYTES = '{"contentType":"application/json","type":"JSON","json":{"a":1},"rawBytes":"eyJhIjoxfQ=="}'
const text = Buffer.from('{"a":1}')

test('JSON is given as a value, with its type where the media type is bare', () => {
  assert.deepEqual(bodyJson(text, 'application/json', 'full'), {
    type: 'JSON',
    json: { a: 1 },
    contentType: 'application/json',
  })
  assert.equal(JSON.stringify(bodyJson(text, 'application/json', 'with_bytes')), WITH_BYTES)
  assert.deepEqual(bodyJson(text, 'application/json; charset=utf-8', 'full'), { a: 1 })
  assert.deepEqual(bodyJson(text, 'application/json', 'compact'), { a: 1 })
})

test('what only calls itself JSON is text', () => {
  const bad = Buffer.from('{bad')
  const contentType = 'application/json'
  assert.deepEqual(bodyJson(bad, contentType, 'full'), {
    type: 'STRING',
    string: '{bad',
    rawBytes: bad.toString('base64'),
    contentType,
  })
  assert.equal(bodyJson(bad, contentType, 'compact'), '{bad')
  const deep = Buffer.from('['.repeat(100_000))
  assert.equal(bodyJson(deep, contentType, 'compact'), deep.toString())
})

test('text without a media type is a plain string, and bytes that are no text are base64', () => {
  assert.equal(bodyJson(text, undefined, 'full'), '{"a":1}')
  const bytes = Buffer.from([0xff, 0xfe])
  assert.deepEqual(bodyJson(bytes, undefined, 'full'), { type: 'BINARY', base64Bytes: '//4=' })
})

test('forms, XML and other types say what they are', () => {
  const typeOf = (contentType: string): unknown => (bodyJson(text, contentType, 'full') as { type?: unknown }).type
  assert.equal(typeOf('application/x-www-form-urlencoded'), 'STRING')
  assert.equal(typeOf('text/plain'), 'STRING')
  assert.equal(typeOf('application/soap+xml'), 'XML')
  assert.equal(typeOf('application/octet-stream'), 'BINARY')
})

test('names are gathered whatever their case, and no name is special', () => {
  assert.deepEqual(multiMap(['A', '1', 'b', '2', 'a', '3']), { A: ['1', '3'], b: ['2'] })
  assert.deepEqual(Object.keys(multiMap(['__proto__', 'x'])), ['__proto__'])
})
