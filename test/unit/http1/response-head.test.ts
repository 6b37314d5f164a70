import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ParsedResponse, ResponseParse } from '../../../src/http1/head.ts'
import { parseResponseHead } from '../../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'

const parse = (text: string, method = 'GET'): ResponseParse =>
  parseResponseHead(Buffer.from(text, 'latin1'), 0, DEFAULT_LIMITS, method)

function accept(text: string, method?: string): ParsedResponse {
  const parsed = parse(text, method)
  return parsed.kind === 'head' ? parsed.response : assert.fail(JSON.stringify(parsed))
}

test('a response head becomes its parts', () => {
  const bytes = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00'
  assert.deepEqual(accept(bytes), {
    statusCode: 101,
    reason: 'Switching Protocols',
    httpVersion: '1.1',
    headers: ['Upgrade', 'websocket', 'Connection', 'Upgrade'],
    framing: { kind: 'none' },
    keepAlive: true,
    length: bytes.length - 2,
  })
})

test('the reason may be empty or missing', () => {
  assert.equal(accept('HTTP/1.1 200 \r\n\r\n').reason, '')
  assert.equal(accept('HTTP/1.1 200\r\n\r\n').reason, '')
  assert.equal(accept('HTTP/1.1 200 Caf\xe9 au lait\n\n').reason, 'Caf\xe9 au lait')
})

const FRAMINGS: readonly (readonly [method: string, status: number, fields: string, kind: string])[] = [
  ['GET', 200, 'Content-Length: 5', 'length'],
  ['GET', 200, 'Transfer-Encoding: chunked', 'chunked'],
  ['GET', 200, 'Transfer-Encoding: gzip, chunked', 'chunked'],
  ['GET', 200, 'Transfer-Encoding: gzip', 'until_close'],
  ['GET', 200, 'X: y', 'until_close'],
  ['HEAD', 200, 'Content-Length: 5', 'none'],
  ['GET', 204, 'Content-Length: 5', 'none'],
  ['GET', 304, 'Transfer-Encoding: chunked', 'none'],
  ['GET', 100, 'X: y', 'none'],
  ['CONNECT', 200, 'Content-Length: 5', 'none'],
  ['CONNECT', 502, 'Content-Length: 5', 'length'],
]
for (const [method, status, fields, kind] of FRAMINGS) {
  test(`a ${status} to ${method} with ${fields} has framing ${kind}`, () => {
    assert.equal(accept(`HTTP/1.1 ${status} X\r\n${fields}\r\n\r\n`, method).framing.kind, kind)
  })
}

test('a connection is kept only where the end of the body is certain', () => {
  assert.equal(accept('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n').keepAlive, true)
  assert.equal(accept('HTTP/1.1 200 OK\r\n\r\n').keepAlive, false)
  assert.equal(accept('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n').keepAlive, false)
  const old = 'Connection: keep-alive\r\n\r\n'
  assert.equal(accept(`HTTP/1.0 200 OK\r\nContent-Length: 0\r\n${old}`).keepAlive, true)
  assert.equal(accept(`HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n${old}`).keepAlive, false)
})

for (const bytes of [
  'HTTP/1.1 20 OK\r\n\r\n',
  'HTTP/1.1 2000 OK\r\n\r\n',
  'HTTP/1.1 099 OK\r\n\r\n',
  'HTTP/1.1 2x0 OK\r\n\r\n',
  'HTTP/1.1  200 OK\r\n\r\n',
  'HTTP/2.0 200 OK\r\n\r\n',
  'ICY 200 OK\r\n\r\n',
  'HTTP/1.1 200 O\x01K\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n',
  'SSH-2.0-OpenSSH_9.6\r\n',
  `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(70_000)}`,
]) {
  test(`${JSON.stringify(bytes.slice(0, 70))} is no response`, () => assert.equal(parse(bytes).kind, 'bad'))
}

test('an incomplete response head asks for more', () => {
  assert.deepEqual(parse('HTTP/1.1 200 OK\r\nA: b\r\n'), { kind: 'more', scanned: 23 })
})
