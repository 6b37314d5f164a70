import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BadStatus, ParsedRequest, RequestParse } from '../../../src/http1/head.ts'
import { parseRequestHead } from '../../../src/http1/head.ts'
import type { Limits } from '../../../src/http1/limits.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'

const parse = (text: string, limits: Limits = DEFAULT_LIMITS): RequestParse =>
  parseRequestHead(Buffer.from(text, 'latin1'), 0, limits)

function accept(text: string): ParsedRequest {
  const parsed = parse(text)
  assert.equal(parsed.kind, 'head', JSON.stringify(parsed))
  return parsed.kind === 'head' ? parsed.request : assert.fail()
}

function refused(text: string, limits?: Limits): BadStatus {
  const parsed = parse(text, limits)
  return parsed.kind === 'bad' ? parsed.status : assert.fail(JSON.stringify(parsed))
}

const withField = (field: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`
const withTarget = (method: string, target: string): string => `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

test('a request head becomes its parts', () => {
  const bytes = 'GET /a%20b?c=d?e HTTP/1.1\r\nHost: svc:8080\r\nX-One:  1 \r\nx-one: 2\r\n\r\nrest'
  const request = accept(bytes)
  assert.deepEqual(request, {
    head: {
      method: 'GET',
      target: '/a%20b?c=d?e',
      path: '/a%20b',
      query: 'c=d?e',
      httpVersion: '1.1',
      headers: ['Host', 'svc:8080', 'X-One', '1', 'x-one', '2'],
      host: 'svc:8080',
    },
    framing: { kind: 'none' },
    keepAlive: true,
    expectContinue: false,
    length: bytes.length - 'rest'.length,
  })
})

test('a head that begins inside the buffer is parsed from there', () => {
  const first = withField('A: 1')
  const buffer = Buffer.from(first + withField('B: 2'))
  const parsed = parseRequestHead(buffer, first.length, DEFAULT_LIMITS)
  assert.ok(parsed.kind === 'head')
  assert.deepEqual(parsed.request.head.headers, ['Host', 'a', 'B', '2'])
  assert.equal(first.length + parsed.request.length, buffer.length)
})

test('empty lines before the request are skipped and counted', () => {
  assert.equal(accept(`\r\n\r\n${withField('A: 1')}`).length, withField('A: 1').length + 4)
})

test('lines may end in a bare LF, also mixed with CRLF', () => {
  assert.deepEqual(accept('GET / HTTP/1.1\nHost: a\r\nB: 2\n\r\n').head.headers, ['Host', 'a', 'B', '2'])
  assert.deepEqual(accept('GET / HTTP/1.1\r\nHost: a\nB: 2\r\n\n').head.headers, ['Host', 'a', 'B', '2'])
})

test('a bare LF ends the head even where CRLF CRLF follows in the body', () => {
  const head = 'POST / HTTP/1.1\nHost: a\nContent-Length: 20\n\n'
  const request = accept(`${head}GET / HTTP/1.1\r\n\r\n\r\n`)
  assert.equal(request.length, head.length)
  assert.deepEqual(request.framing, { kind: 'length', bytes: 20 })
})

test('an incomplete head asks for more and says how far it looked', () => {
  assert.deepEqual(parse('GET / HTTP/1.1\r\nHost: a\r\n'), { kind: 'more', scanned: 25 })
  assert.deepEqual(parse(''), { kind: 'more', scanned: 0 })
})

test('a bad request line is refused before the head is complete', () => {
  assert.equal(refused('GET /\r\n'), 400)
  assert.equal(refused('GET / HTTP/1.1\rX\n'), 400)
})

const KEPT: readonly (readonly [version: string, connection: string | undefined, kept: boolean])[] = [
  ['1.1', undefined, true],
  ['1.1', 'close', false],
  ['1.1', 'Keep-Alive, CLOSE', false],
  ['1.1', 'closed', true],
  ['1.0', undefined, false],
  ['1.0', 'Keep-Alive', true],
  ['1.0', 'x, keep-alive', true],
  ['1.0', 'keep-alive, close', false],
]
for (const [version, connection, kept] of KEPT) {
  test(`HTTP/${version} with Connection ${connection ?? 'absent'} is ${kept ? 'kept' : 'closed'}`, () => {
    const field = connection === undefined ? '' : `Connection: ${connection}\r\n`
    assert.equal(accept(`GET / HTTP/${version}\r\nHost: a\r\n${field}\r\n`).keepAlive, kept)
  })
}

test('Connection lines add up', () => {
  assert.equal(accept(withField('Connection: x\r\nConnection: close')).keepAlive, false)
})

test('an upgrade counts when Connection lists it, on HTTP/1.1', () => {
  assert.equal(accept(withField('Connection: keep-alive, Upgrade\r\nUpgrade: websocket')).upgrade, 'websocket')
  assert.equal(accept(withField('Upgrade: websocket')).upgrade, undefined)
  const old = 'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
  assert.equal(accept(old).upgrade, undefined)
})

test('100-continue is noticed on HTTP/1.1 with a body, and nowhere else', () => {
  assert.equal(accept(withField('Expect: 100-Continue\r\nContent-Length: 1')).expectContinue, true)
  assert.equal(accept(withField('Expect: 100-continue\r\nTransfer-Encoding: chunked')).expectContinue, true)
  assert.equal(accept(withField('Expect: 100-continue')).expectContinue, false)
  assert.equal(accept(withField('Expect: 100-continue\r\nContent-Length: 0')).expectContinue, false)
  const old = accept('POST / HTTP/1.0\r\nExpect: a-pony\r\nContent-Length: 1\r\n\r\n')
  assert.equal(old.expectContinue, false)
})

test('any other expectation cannot be met', () => assert.equal(refused(withField('Expect: a-pony')), 417))

const FRAMINGS: readonly (readonly [fields: string, framing: object | number])[] = [
  ['Content-Length: 0', { kind: 'length', bytes: 0 }],
  ['content-LENGTH: 9007199254740991', { kind: 'length', bytes: Number.MAX_SAFE_INTEGER }],
  ['Content-Length: 9007199254740992', 400],
  ['Content-Length: 5\r\nContent-Length: 5', { kind: 'length', bytes: 5 }],
  ['Content-Length: 5, 5', { kind: 'length', bytes: 5 }],
  ['Content-Length: 5, 6', 400],
  ['Content-Length: 5,', 400],
  ['Content-Length: 5\r\nContent-Length: 6', 400],
  ['Content-Length: 5 5', 400],
  ['Content-Length: 1e3', 400],
  ['Content-Length:', 400],
  ['Transfer-Encoding: Chunked', { kind: 'chunked' }],
  ['Transfer-Encoding: chunked\r\nContent-Length: 5', 400],
  ['Transfer-Encoding: gzip, chunked', 501],
  ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', 501],
  ['Transfer-Encoding: chunked, gzip', 400],
  ['Transfer-Encoding: chunked, chunked', 400],
  ['Transfer-Encoding: gzip', 400],
  ['Transfer-Encoding: chunked;q=1', 400],
  ['Transfer-Encoding: \x0bchunked', 400],
  ['Transfer-Encoding:', 400],
]
for (const [fields, framing] of FRAMINGS) {
  test(`${JSON.stringify(fields)} is framed as ${JSON.stringify(framing)}`, () => {
    if (typeof framing === 'number') assert.equal(refused(withField(fields)), framing)
    else assert.deepEqual(accept(withField(fields)).framing, framing)
  })
}

test('a transfer coding on HTTP/1.0 is refused', () => {
  assert.equal(refused('POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'), 400)
})

test('CONNECT has no body', () => {
  const connect = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n'
  assert.equal(refused(`${connect}Content-Length: 1\r\n\r\n`), 400)
  assert.equal(refused(`${connect}Transfer-Encoding: chunked\r\n\r\n`), 400)
  assert.deepEqual(accept(`${connect}Content-Length: 0\r\n\r\n`).framing, { kind: 'none' })
})

const TARGETS: readonly (readonly [method: string, target: string, parts: readonly string[] | undefined])[] = [
  ['GET', '/', ['/', '', 'a']],
  ['GET', '/x?', ['/x', '', 'a']],
  ['GET', '//b/c', ['//b/c', '', 'a']],
  ['GET', 'http://b', ['/', '', 'b']],
  ['GET', 'http://b?q', ['/', 'q', 'b']],
  ['GET', 'HTTP://b:81/x?q', ['/x', 'q', 'b:81']],
  ['GET', 'http://[::1]:81/x', ['/x', '', '[::1]:81']],
  ['GET', 'http://[::1/x', undefined],
  ['GET', 'http:///x', undefined],
  ['GET', 'http://u@b/', undefined],
  ['GET', 'http://b:x/', undefined],
  ['GET', 'http://b:65536/', undefined],
  ['GET', '1http://b/', undefined],
  ['GET', 'b:80', undefined],
  ['GET', '*', undefined],
  ['OPTIONS', '*', ['/', '', 'a']],
  ['CONNECT', 'b:443', ['/', '', 'b:443']],
  ['CONNECT', '[::1]:443', ['/', '', '[::1]:443']],
  ['CONNECT', 'b', undefined],
  ['CONNECT', 'b:', undefined],
  ['CONNECT', ':443', undefined],
  ['CONNECT', '[::1]', undefined],
  ['CONNECT', '/b', undefined],
  ['CONNECT', 'http://b:443', undefined],
]
for (const [method, target, parts] of TARGETS) {
  test(`${method} ${target} is ${parts === undefined ? 'refused' : 'taken apart'}`, () => {
    if (parts === undefined) return assert.equal(refused(withTarget(method, target)), 400)
    const { head } = accept(withTarget(method, target))
    assert.deepEqual([head.path, head.query, head.host, head.target], [...parts, target])
  })
}

test('a long target is taken below the limit and refused with 414 above', () => {
  const limits = { ...DEFAULT_LIMITS, maxTargetBytes: 10 }
  assert.equal(parse(withTarget('GET', `/${'a'.repeat(9)}`), limits).kind, 'head')
  assert.equal(refused(withTarget('GET', `/${'a'.repeat(10)}`), limits), 414)
})

test('a method of 33 characters is not implemented', () => {
  assert.equal(accept(withTarget('M'.repeat(32), '/')).head.method.length, 32)
  assert.equal(refused(withTarget('M'.repeat(33), '/')), 501)
})

for (const version of ['HTTP/0.9', 'HTTP/2.0', 'HTTP/3.0']) {
  test(`${version} is not supported`, () => assert.equal(refused(`GET / ${version}\r\nHost: a\r\n\r\n`), 505))
}

test('a minor version beyond 1 is read as 1.1', () => {
  assert.equal(accept('GET / HTTP/1.7\r\nHost: a\r\n\r\n').head.httpVersion, '1.1')
})

test('Host is required once on HTTP/1.1, and may be missing on HTTP/1.0', () => {
  assert.equal(refused('GET / HTTP/1.1\r\n\r\n'), 400)
  assert.equal(refused('GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'), 400)
  assert.equal(refused('GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n'), 400)
  assert.equal(refused('GET http://b/ HTTP/1.1\r\n\r\n'), 400)
  assert.equal('host' in accept('GET / HTTP/1.0\r\n\r\n').head, false)
  assert.equal('host' in accept('GET / HTTP/1.1\r\nHost: \r\n\r\n').head, false)
})

for (const host of ['a b', 'a, b', 'a/b', 'u@a', 'a:b', 'a:70000', '::1', '[::1', '[]', 'h\xe9']) {
  test(`Host ${host} is invalid`, () => assert.equal(refused(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`), 400))
}

for (const host of ['a', 'my_service:80', 'a.b-c.example.', '10.0.0.1:8080', '[fe80::1%25eth0]:80', 'a:']) {
  test(`Host ${host} is valid`, () => {
    assert.equal(accept(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head.host, host)
  })
}

const BAD_LINES: readonly (readonly [situation: string, field: string])[] = [
  ['a folded line', 'A: b\r\n c'],
  ['a folded line after a tab', 'A: b\r\n\tc'],
  ['whitespace before the colon', 'A : b'],
  ['a line without a colon', 'A'],
  ['a line without a name', ': b'],
  ['a quote in a name', '"A": b'],
  ['NUL in a value', 'A: \0'],
  ['BEL in a value', 'A: \x07'],
  ['DEL in a value', 'A: \x7f'],
  ['a bare CR in a value', 'A: b\rC: d'],
  ['two CRs at the end of a line', 'A: b\r'],
]
for (const [situation, field] of BAD_LINES) {
  test(`${situation} is refused`, () => assert.equal(refused(withField(field)), 400))
}

test('an indented first header line is refused', () => {
  assert.equal(refused('GET / HTTP/1.1\r\n Host: a\r\n\r\n'), 400)
})

test('headers beyond the limit are refused with 431', () => {
  const limits = { ...DEFAULT_LIMITS, maxHeaders: 3 }
  assert.equal(parse(withField('A: 1\r\nB: 2'), limits).kind, 'head')
  assert.equal(refused(withField('A: 1\r\nB: 2\r\nC: 3'), limits), 431)
})

test('a head of exactly the limit is taken, a byte more is refused, complete or not', () => {
  const text = withField('A: 1')
  const limits = { ...DEFAULT_LIMITS, maxHeadBytes: text.length }
  assert.equal(parse(text, limits).kind, 'head')
  assert.equal(refused(withField('A: 12'), limits), 431)
  assert.equal(refused(withField('A: 12').slice(0, -1), limits), 431)
})

test('a request line that never ends is refused with 414', () => {
  assert.equal(refused(`GET /${'a'.repeat(70_000)}`), 414)
})

test('a scan that resumes finds an end that straddles both reads', () => {
  const bytes = Buffer.from(withField('A: 1'))
  for (let scanned = bytes.length - 5; scanned < bytes.length; scanned++) {
    assert.equal(parseRequestHead(bytes, 0, DEFAULT_LIMITS, scanned).kind, 'head')
  }
})
