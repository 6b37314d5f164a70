import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesRequest, type Subject } from '../../../../src/decide/matching/request.ts'
import { compileRequest } from '../../../../src/decide/matching/request-spec.ts'
import { problemLines, verdict } from '../../../support/asked.ts'
import { head } from '../build.ts'

test('names are patterns too', () => {
  const asked = { headers: { 'x-.*': ['1'] } }
  assert.equal(verdict(asked, head('GET /', 'X-Any', '1')), 'yes')
  assert.equal(verdict(asked, head('GET /', 'y-any', '1')), 'no')
})

test('text may be spelt out, and its prefixes are then part of it', () => {
  const spelt = {
    method: { value: 'GET', not: true },
    headers: [{ name: { value: 'a', optional: true }, values: ['1'] }],
  }
  assert.equal(verdict(spelt, head('POST /')), 'yes')
  assert.equal(verdict(spelt, head('GET /')), 'no')
  assert.equal(verdict(spelt, head('POST /', 'a', '2')), 'no')
  assert.equal(verdict({ path: { value: '!a' } }, head('GET !a')), 'yes')
})

test('with the style of matching keys every value of a name must be listed', () => {
  const asked = { queryStringParameters: { keyMatchStyle: 'MATCHING_KEY', a: ['1', '2.*'], '?b': ['3'] } }
  assert.equal(verdict(asked, head('GET /?a=1&a=25&a=1')), 'yes')
  assert.equal(verdict(asked, head('GET /?a=1&a=3')), 'no')
  assert.equal(verdict(asked, head('GET /?b=3')), 'no')
  assert.equal(verdict(asked, head('GET /?a=1&b=4')), 'no')
})

test('cookies are matched as a subset, quotes taken off', () => {
  const one = { cookies: { session: '[0-9]+' } }
  assert.equal(verdict(one, head('GET /', 'Cookie', 'a=b; session="42"')), 'yes')
  assert.equal(verdict(one, head('GET /', 'cookie', 'session=x')), 'no')
  assert.equal(verdict({ cookies: [{ name: '!session', value: '' }] }, head('GET /', 'cookie', 'a=b')), 'yes')
  assert.equal(verdict({ cookies: [{ name: 'a', value: 'b=c' }] }, head('GET /', 'cookie', '; =x; a=b=c')), 'yes')
})

test('path parameters are the segments in braces', () => {
  const asked = { path: '/orders/{id}/items/{item}', pathParameters: { id: ['[0-9]+'], item: 'a' } }
  assert.equal(verdict(asked, head('GET /orders/17/items/a')), 'yes')
  assert.equal(verdict(asked, head('GET /orders/x/items/a')), 'no')
  assert.equal(verdict(asked, head('GET /orders/17/items/a/b')), 'no')
  assert.equal(verdict({ path: '/a/{id}', pathParameters: { '!other': [] } }, head('GET /a/b')), 'yes')
})

test('a style beside a name is that of its entries; elsewhere it means nothing', () => {
  const beside = (name: unknown, values: unknown): unknown => ({ queryStringParameters: [{ name, values }] })
  const piped = { value: 'a', parameterStyle: 'PIPE_DELIMITED' }
  assert.equal(verdict(beside(piped, ['1', '2']), head('GET /?a=2|1')), 'yes')
  assert.equal(verdict(beside(piped, ['1', '2']), head('GET /?a=1')), 'no')
  const inValue = { queryStringParameters: { a: [{ value: '1', parameterStyle: 'PIPE_DELIMITED' }] } }
  assert.equal(verdict(inValue, head('GET /?a=1|2')), 'no')
  assert.equal(verdict(inValue, head('GET /?a=1')), 'yes')
  const inPath = { path: { value: '/p/{id}', parameterStyle: 'LABEL' }, pathParameters: { id: '1' } }
  assert.equal(verdict(inPath, head('GET /p/1')), 'yes')
})

test('a deep object is spread over several parameters', () => {
  const schema = {
    type: 'object',
    required: ['from'],
    properties: { from: { type: 'integer' }, by: { type: 'array' } },
  }
  const asked = { queryStringParameters: { page: { parameterStyle: 'DEEP_OBJECT', values: [{ schema }] } } }
  assert.equal(verdict(asked, head('GET /?page[from]=1&page%5Bto%5D=b')), 'yes')
  assert.equal(verdict(asked, head('GET /?page[from]=1&page[by]=a&page[by]=b')), 'yes')
  assert.equal(verdict(asked, head('GET /?page[from]=x')), 'no')
  assert.equal(verdict(asked, head('GET /?page[to]=1')), 'no')
  assert.equal(verdict(asked, head('GET /?other[from]=1')), 'no')
  assert.equal(verdict(asked, head('GET /?page[__proto__]=1&page[from]=2')), 'yes')
  const plain = { queryStringParameters: { page: { parameterStyle: 'DEEP_OBJECT', values: ['1'] } } }
  assert.equal(verdict(plain, head('GET /?page=1')), 'yes')
})

test('what a recorded request says of its connection is taken, and not compared', () => {
  const recorded = {
    path: '/a',
    localAddress: '127.0.0.1:1080',
    remoteAddress: '10.0.0.1',
    socketAddress: { host: 'a.example', port: 80, scheme: 'HTTP' },
    clientCertificateChain: [{ serialNumber: '1', subjectDistinguishedName: 'CN=a' }],
    secure: false,
    protocol: 'HTTP_1_1',
  }
  assert.equal(verdict(recorded, head('GET /a')), 'yes')
  assert.deepEqual(
    problemLines({ clientCertificateChain: [{ serial: '1' }], socketAddress: { scheme: 'FTP' } }).length,
    2,
  )
})

test('one path parameter may hold several values', () => {
  const styled = (parameterStyle: string): unknown => ({
    path: '/{a}',
    pathParameters: { a: { parameterStyle, values: ['1', '2'] } },
  })
  assert.equal(verdict(styled('SIMPLE'), head('GET /1,2')), 'yes')
  assert.equal(verdict(styled('SIMPLE'), head('GET /1')), 'no')
  assert.equal(verdict(styled('LABEL_EXPLODED'), head('GET /.2.1')), 'yes')
  assert.equal(verdict(styled('MATRIX_EXPLODED'), head('GET /;a=1;a=2')), 'yes')
  const query = { queryStringParameters: { a: { parameterStyle: 'PIPE_DELIMITED', values: ['1', '2'] } } }
  assert.equal(verdict(query, head('GET /?a=1|2|3')), 'yes')
})

test('commas part the values of a path parameter, and the mark of a style in front is no part of them', () => {
  const asked = (id: unknown): unknown => ({ path: '/a/{id}', pathParameters: { id } })
  assert.equal(verdict(asked(['1', '2']), head('GET /a/1,2')), 'yes')
  assert.equal(verdict(asked('2'), head('GET /a/1,2')), 'yes')
  assert.equal(verdict(asked('1,2'), head('GET /a/1,2')), 'no')
  assert.equal(verdict(asked('x'), head('GET /a/.x')), 'yes')
  assert.equal(verdict(asked('x'), head('GET /a/;id=x')), 'yes')
  assert.equal(verdict(asked('x'), head('GET /a/;other=x')), 'no')
  assert.equal(verdict(asked({ parameterStyle: 'MATRIX_EXPLODED', values: ['1', '2'] }), head('GET /a/1,2')), 'yes')
})

test('of two cookies of one name the first counts', () => {
  assert.equal(verdict({ cookies: { a: '1' } }, head('GET /', 'cookie', 'a=1; a=2')), 'yes')
  assert.equal(verdict({ cookies: { a: '2' } }, head('GET /', 'cookie', 'a=1; a=2')), 'no')
  assert.equal(verdict({ cookies: { A: '2' } }, head('GET /', 'cookie', 'a=1; A=2')), 'yes')
})

test('path parameters without a place in the path are a problem, and so is a name in braces without them', () => {
  assert.deepEqual(problemLines({ path: '/a', pathParameters: { a: '1' } }), [
    'pathParameters: the path has no {name} segment to take them from',
  ])
  assert.match(problemLines({ path: '/{a}' }).join(), /pathParameters/)
})

test('a path that is wrong beside path parameters is a problem like any other', () => {
  assert.match(
    problemLines({ path: '/x{a}', pathParameters: { a: '1' } }).join(),
    /^path: not a valid regular expression/,
  )
  assert.match(problemLines({ path: 7, pathParameters: { a: '1' } }).join(), /^path: /)
})

test('values compare as numbers behind an operator; names and paths do not', () => {
  const asked = { headers: { 'x-n': '>= 10.5' } }
  for (const [value, fits] of [
    ['10.5', 'yes'],
    ['11', 'yes'],
    ['1e3', 'yes'],
    ['10', 'no'],
    ['x', 'no'],
    ['', 'no'],
  ] as const) {
    assert.equal(verdict(asked, head('GET /', 'x-n', value)), fits, value)
  }
  assert.equal(verdict({ headers: { 'x-n': '!== 5' } }, head('GET /', 'x-n', '6')), 'yes')
  assert.equal(verdict({ headers: { 'x-n': '!== 5' } }, head('GET /', 'x-n', '5.0')), 'no')
  assert.equal(verdict({ path: '> 5' }, head('GET 6')), 'no')
})

test('a value may be described by a JSON schema', () => {
  const asked = { queryStringParameters: { n: [{ schema: { type: 'integer', minimum: 3 } }] } }
  assert.equal(verdict(asked, head('GET /?n=3')), 'yes')
  assert.equal(verdict(asked, head('GET /?n=2')), 'no')
  assert.equal(verdict(asked, head('GET /?n=abc')), 'no')
  assert.equal(verdict({ path: { schema: { type: 'string', pattern: '^/a/[0-9]+$' } } }, head('GET /a/1')), 'yes')
  assert.match(
    problemLines({ headers: { a: { schema: { type: 'x' } } } }).join(),
    /headers.a.schema: not a valid JSON schema/,
  )
})

test('keepAlive, secure and protocol are compared where given', () => {
  assert.equal(verdict({ keepAlive: true }, head('GET /')), 'yes')
  assert.equal(verdict({ keepAlive: true }, head('GET /', 'Connection', 'Close')), 'no')
  assert.equal(verdict({ keepAlive: false }, { ...head('GET /'), httpVersion: '1.0' }), 'yes')
  assert.equal(verdict({ secure: false }, head('GET /')), 'yes')
  assert.equal(verdict({ secure: true }, head('GET /')), 'no')
  assert.equal(verdict({ secure: true }, { ...head('GET /'), isSecure: true }), 'yes')
  assert.equal(verdict({ protocol: 'HTTP_1_1' }, head('GET /')), 'yes')
  assert.equal(verdict({ protocol: 'HTTP_2' }, head('GET /')), 'no')
})

test('not turns the whole request round, and reads the body only where the head leaves it open', () => {
  const asked = { not: true, method: 'POST', body: 'x' }
  assert.equal(verdict(asked, head('GET /')), 'yes')
  assert.equal(verdict(asked, head('POST /')), 'needs_body')
  assert.equal(verdict(asked, head('POST /'), Buffer.from('x')), 'no')
  assert.equal(verdict(asked, head('POST /'), Buffer.from('y')), 'yes')
  assert.equal(verdict(asked, head('POST /'), 'unavailable'), 'no')
  assert.equal(verdict({ not: true }, head('GET /')), 'no')
})

test('the first part that differs is named', () => {
  const matcher = compileRequest({ method: 'GET', path: '/a', cookies: [{ name: 'a', values: ['1'] }] })
  const mismatch = (line: string, ...headers: string[]): string | undefined => {
    const subject: Subject = { head: head(line, ...headers), body: undefined, query: undefined, read: undefined }
    matchesRequest(matcher, subject)
    return subject.failed
  }
  assert.equal(mismatch('POST /a'), 'method')
  assert.equal(mismatch('GET /b'), 'path')
  assert.equal(mismatch('GET /a'), 'cookies')
  assert.equal(mismatch('GET /a', 'cookie', 'a=1'), undefined)
})

test('ten thousand entries that match nothing are not compared', () => {
  const query = Array.from({ length: 20_000 }, (_, at) => `a=${at}`).join('&')
  assert.equal(verdict({ queryStringParameters: { a: ['0', '1'] } }, head(`GET /?${query}`)), 'no')
})
