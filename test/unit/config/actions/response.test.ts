import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MockResponse } from '../../../../src/action.ts'
import { PlainResponse } from '../../../../src/config/actions/response.ts'
import { checkValue } from '../../../../src/config/problems.ts'

const read = (given: unknown): MockResponse => {
  const checked = checkValue(PlainResponse, given)
  assert.ok('value' in checked, JSON.stringify(checked))
  return checked.value
}
const problems = (given: unknown): string[] => {
  const checked = checkValue(PlainResponse, given)
  assert.ok('problems' in checked)
  return checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}
const bodyOf = (body: unknown, headers = {}): [string, readonly string[]] => {
  const response = read({ body, headers })
  return [response.body.toString('latin1'), response.headers]
}

test('XML is served as it stands, with a content type of its own', () => {
  assert.deepEqual(bodyOf({ type: 'XML', xml: '<a/' }), ['<a/', ['content-type', 'application/xml; charset=utf-8']])
  assert.deepEqual(bodyOf({ type: 'XML', xml: '<a/>', contentType: 'text/xml' }), [
    '<a/>',
    ['content-type', 'text/xml'],
  ])
})

test('parameters are served as a form', () => {
  const parameters = { a: ['1', 'x y'], b: '2&' }
  assert.deepEqual(bodyOf({ type: 'PARAMETERS', parameters }), [
    'a=1&a=x+y&b=2%26',
    ['content-type', 'application/x-www-form-urlencoded'],
  ])
})

test('text is served in the charset of its content type', () => {
  const [bytes] = bodyOf({ type: 'STRING', string: 'é', contentType: 'text/plain; charset=iso-8859-1' })
  assert.equal(bytes, '\xe9')
})

test('a response without options has no transfer, so that it takes the fast way', () => {
  assert.equal(read({ cookies: { a: '1' }, body: 'x' }).transfer, undefined)
  assert.equal(read({ trailers: {} }).transfer, undefined)
})

test('connection options come to a transfer', () => {
  const closeSocketDelay = { timeUnit: 'SECONDS', value: 1 }
  const connectionOptions = { closeSocket: true, closeSocketDelay, suppressConnectionHeader: true, chunkSize: 7 }
  assert.deepEqual(read({ connectionOptions }).transfer, {
    trailers: [],
    connection: 'none',
    chunkBytes: 7,
    chunkDelayMs: 0,
    stays: false,
    closeDelayMs: 1000,
  })
})

test('what cannot be sent is refused', () => {
  assert.deepEqual(problems({ cookies: { 'a b': '1' } }), [
    'cookies.a b: bad key: a cookie name is letters, digits and hyphens',
  ])
  assert.deepEqual(problems({ cookies: { a: '1\r\nx: y' } }), ['cookies.a: a header value is one line of latin1 text'])
  assert.deepEqual(problems({ trailers: { 'content-length': '1' } }), [
    'trailers.content-length: bad key: is worked out from the body; remove it',
  ])
  assert.deepEqual(problems({ body: 'x'.repeat(65_537), connectionOptions: { chunkSize: 1 } }), [
    'connectionOptions.chunkSize: makes more than 65536 chunks of this body',
  ])
  assert.deepEqual(problems({ statusCodeRange: '2XX' }), ['statusCodeRange: not supported yet'])
  assert.deepEqual(problems({ body: { type: 'FILE', filePath: '/etc/passwd' } }), [
    'body.type: body type FILE is not supported yet',
  ])
})
