import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeChunk,
  encodeChunkHead,
  encodeLastChunk,
  encodeResponseHead,
  headerValue,
  headerValues,
  invalidField,
  withoutHopByHop,
} from '../../../src/http1/response.ts'

test('a response head is written with its headers in order', () => {
  assert.equal(encodeResponseHead(200, undefined, ['A', '1', 'a', '']), 'HTTP/1.1 200 OK\r\nA: 1\r\na: \r\n\r\n')
})

test('a reason replaces the registered one, and an unknown status has none', () => {
  assert.equal(encodeResponseHead(404, 'Gone fishing', []), 'HTTP/1.1 404 Gone fishing\r\n\r\n')
  assert.equal(encodeResponseHead(599, undefined, []), 'HTTP/1.1 599 \r\n\r\n')
})

const SPLITS = ['a\r\nb', 'a\nb', 'a\rb', 'a\0b', 'a\x7f', '\u010d\u010a', '\u{1f600}']
for (const value of SPLITS) {
  test(`the value ${JSON.stringify(value)} cannot split a response`, () => {
    assert.match(invalidField(['X', value]) ?? '', /value of X/)
    assert.throws(() => encodeResponseHead(200, undefined, ['X', value]), TypeError)
    assert.throws(() => encodeResponseHead(200, value, []), TypeError)
    assert.throws(() => encodeLastChunk(['X', value]), TypeError)
  })
}

for (const name of ['', 'a b', 'a:', 'a\r\n', '\u00e9']) {
  test(`the name ${JSON.stringify(name)} is refused`, () => {
    assert.throws(() => encodeResponseHead(200, undefined, [name, '1']), TypeError)
  })
}

test('a header without a value is refused', () => assert.throws(() => encodeResponseHead(200, 'OK', ['A']), TypeError))

for (const status of [99, 1000, 200.5, Number.NaN]) {
  test(`status ${status} is refused`, () => assert.throws(() => encodeResponseHead(status, 'X', []), TypeError))
}

test('a chunk carries its size in hexadecimal', () => {
  assert.equal(encodeChunkHead(255), 'ff\r\n')
  assert.equal(encodeChunk(Buffer.alloc(16, 'a')).toString(), `10\r\n${'a'.repeat(16)}\r\n`)
})

test('an empty chunk is nothing, so that it cannot end the body', () => {
  assert.equal(encodeChunk(Buffer.alloc(0)).length, 0)
})

test('a body ends with or without trailers', () => {
  assert.equal(encodeLastChunk([]), '0\r\n\r\n')
  assert.equal(encodeLastChunk(['X-Sum', '9']), '0\r\nX-Sum: 9\r\n\r\n')
})

test('headers of this hop are dropped, and those that Connection lists', () => {
  const headers = [
    ['Connection', 'Keep-Alive, X-Mine'],
    ['connection', 'x-too'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Connection', 'x'],
    ['TE', 'trailers'],
    ['Trailer', 'X-Sum'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'h2c'],
    ['x-mine', '1'],
    ['X-Too', '2'],
    ['X-Kept', '3'],
  ].flat()
  assert.deepEqual(withoutHopByHop(headers, 'request'), ['X-Kept', '3'])
  assert.deepEqual(withoutHopByHop(headers, 'response'), ['X-Kept', '3'])
})

test('proxy credentials go from requests and proxy challenges from responses', () => {
  const headers = ['Proxy-Authorization', 'Basic eA==', 'Proxy-Authenticate', 'Basic']
  assert.deepEqual(withoutHopByHop(headers, 'request'), ['Proxy-Authenticate', 'Basic'])
  assert.deepEqual(withoutHopByHop(headers, 'response'), ['Proxy-Authorization', 'Basic eA=='])
})

test('Connection cannot take away what routes and frames a message', () => {
  const headers = ['Connection', 'host, content-length', 'Host', 'a', 'Content-Length', '5']
  assert.deepEqual(withoutHopByHop(headers, 'request'), ['Host', 'a', 'Content-Length', '5'])
})

test('a header is found whatever its case', () => {
  const headers = ['Set-Cookie', 'a', 'X', 'set-cookie', 'SET-COOKIE', 'b']
  assert.equal(headerValue(headers, 'set-cookie'), 'a')
  assert.deepEqual(headerValues(headers, 'set-cookie'), ['a', 'b'])
  assert.equal(headerValue(headers, 'a'), undefined)
})
