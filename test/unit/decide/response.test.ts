import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlDocuments } from '../../../src/config/control-schema.ts'
import { matchesResponse, type SentResponse } from '../../../src/decide/matching/response.ts'

const SENT: SentResponse = {
  statusCode: 200,
  reason: 'OK',
  headers: ['Content-Type', 'application/json', 'Set-Cookie', 'a=1; Path=/', 'set-cookie', 'b=2'],
  body: Buffer.from('{"x":[1,2]}'),
}

const verdict = (httpResponse: object, sent: Partial<SentResponse> = {}): string => {
  const read = controlDocuments.verification({ httpResponse })
  assert.ok('value' in read, JSON.stringify(read))
  const { response } = read.value.what
  return response ? matchesResponse(response.matcher, { ...SENT, ...sent }) : 'none'
}

test('nothing asked for matches any response', () => {
  assert.equal(verdict({}), 'yes')
})

test('the status is compared as a number, the reason as text', () => {
  assert.deepEqual([verdict({ statusCode: 200 }), verdict({ statusCode: 201 })], ['yes', 'no'])
  assert.deepEqual([verdict({ reasonPhrase: 'ok' }), verdict({ reasonPhrase: '!ok' })], ['yes', 'no'])
  assert.equal(verdict({ reasonPhrase: 'OK' }, { reason: undefined }), 'no')
})

test('headers and cookies are compared as those of requests', () => {
  assert.equal(verdict({ headers: { 'content-type': ['application/.*'] } }), 'yes')
  assert.equal(verdict({ headers: { '!content-type': ['.*'] } }), 'no')
  assert.equal(verdict({ cookies: { a: '1', b: '2' } }), 'yes')
  assert.equal(verdict({ cookies: { a: '2' } }), 'no')
})

test('the body is compared, and where it is not known nobody can tell', () => {
  assert.equal(verdict({ body: { x: [1, 2] } }), 'yes')
  assert.equal(verdict({ body: { x: [3] } }), 'no')
  assert.equal(verdict({ body: { x: [1] } }, { body: undefined }), 'needs_body')
  assert.equal(verdict({ statusCode: 500, body: 'x' }, { body: undefined }), 'no')
})

test('what an answer is given with is accepted and not compared; what nobody knows is refused', () => {
  assert.equal(verdict({ delay: { timeUnit: 'SECONDS', value: 1 }, connectionOptions: { closeSocket: true } }), 'yes')
  for (const wrong of [{ statusCode: '2..' }, { status: 200 }, { body: { type: 'REGEX', regex: '(' } }]) {
    assert.ok('problems' in controlDocuments.verification({ httpResponse: wrong }), JSON.stringify(wrong))
  }
})
