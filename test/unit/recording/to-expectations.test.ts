/** Recordings are replayed by the expectations they become: these tests ask the store with other requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ExpectationFile } from '../../../src/config/expectation-file-schema.ts'
import { compileExpectation } from '../../../src/decide/matching/expectation.ts'
import { createExpectationStore } from '../../../src/decide/matching/store.ts'
import type { Pair } from '../../../src/recording/pair.ts'
import { recordingText, toExpectations } from '../../../src/recording/to-expectations.ts'
import { head } from '../decide/build.ts'
import { JSON_TYPE, pair, type Sample } from './samples.ts'

/** Asks a store that was made of the file: the body of the answer, or how it was left open. */
const replay = (...pairs: readonly Pair[]) => {
  const specs = ExpectationFile.parse(JSON.parse(recordingText(pairs, 'understudy test')))
  const store = createExpectationStore(
    specs.map((spec, at) => compileExpectation(spec, `${at}`)),
    0,
  )
  return (line: string, { headers = [], body = '' }: Sample = {}): string => {
    const asked = { head: head(line, 'Host', 'orders.test', ...headers), body: Buffer.from(body), nowMs: 0 }
    const result = store.match(asked)
    if (result.kind !== 'matched') return result.kind
    return result.action.kind === 'respond' ? String(result.action.response.body) : result.action.kind
  }
}

test('a request is answered as it was, and another is not', () => {
  const ask = replay(pair('GET /orders/7', { answer: 'seven' }), pair('GET /orders/8', { answer: 'eight' }))
  assert.deepEqual(
    [ask('GET /orders/7'), ask('GET /orders/8'), ask('GET /orders/9'), ask('POST /orders/7')],
    ['seven', 'eight', 'none', 'none'],
  )
})

test('it is asked for at its own host only', () => {
  const ask = replay(pair('GET /x', { answer: 'theirs' }))
  assert.equal(ask('GET /x', { headers: [] }), 'theirs')
  const [expectation] = toExpectations([pair('GET /x')])
  assert.deepEqual(expectation?.['httpRequest'], { method: 'GET', path: '/x', headers: { host: ['orders.test'] } })
})

test('the same exchange many times is one expectation', () => {
  assert.equal(toExpectations([pair('GET /x'), pair('GET /x'), pair('GET /x')]).length, 1)
})

test('what reads like a pattern matches itself only', () => {
  const path = '/a(b)+[c]/{id}/$x'
  const ask = replay(pair(`GET ${path}?q=%21x*&n%5B%5D=1`, { answer: 'literal' }))
  assert.equal(ask(`GET ${path}?q=%21x*&n%5B%5D=1`), 'literal')
  assert.equal(ask(`GET /abb/{id}/$x?q=%21x*&n%5B%5D=1`), 'none')
  assert.equal(ask(`GET ${path}?q=other&n%5B%5D=1`), 'none')
})

test('answers that change are given in turn, the last for good', () => {
  const answers = ['pending', 'pending', 'done']
  const ask = replay(...answers.map((answer) => pair('GET /job', { answer })))
  assert.deepEqual(
    [1, 2, 3, 4].map(() => ask('GET /job')),
    ['pending', 'done', 'done', 'done'],
  )
})

test('a moment or a number used once in a request is not asked for again', () => {
  const at = (ms: number, nonce: string) => pair(`GET /x?page=1&ts=${ms}&nonce=${nonce}`, { answer: 'page one' })
  const ask = replay(
    at(1795828753, '8f14e45fceea167a5a36dedd4bea2543'),
    at(1795828999, 'c9f0f895fb98ab9159f51fd0297e236d'),
  )
  assert.equal(ask('GET /x?page=1&ts=1795839999&nonce=45c48cce2e2d7fbdea1afc51c7c6ad26'), 'page one')
  assert.equal(ask('GET /x?page=2&ts=1795839999&nonce=45c48cce2e2d7fbdea1afc51c7c6ad26'), 'none')
})

test('a parameter that answers depend on is asked for, however it looks', () => {
  const ids = ['3f2504e0-4f89-11d3-9a0c-0305e82c3301', '3f2504e0-4f89-11d3-9a0c-0305e82c3302']
  const ask = replay(...ids.map((id) => pair(`GET /x?id=${id}`, { answer: id })))
  assert.deepEqual(
    ids.map((id) => ask(`GET /x?id=${id}`)),
    ids,
  )
  assert.equal(ask('GET /x?id=3f2504e0-4f89-11d3-9a0c-0305e82c3303'), 'none')
})

test('two words with the same answer are two words; three are of no consequence', () => {
  const q = (word: string) => pair(`GET /search?q=${word}`, { answer: '[]' })
  assert.equal(replay(q('a'), q('b'))('GET /search?q=c'), 'none')
  assert.equal(replay(q('a'), q('b'), q('d'))('GET /search?q=c'), '[]')
})

test('a member of a body that is made anew each time is not asked for', () => {
  const order = (at: string, item: string) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ item, at, requestId: at === '2026-11-28T01:00:00Z' ? 1 : 2 }),
    answer: `ordered ${item}`,
  })
  const first = order('2026-11-28T01:00:00Z', 'tea')
  const ask = replay(pair('POST /orders', first), pair('POST /orders', order('2026-11-28T01:00:05Z', 'cake')))
  assert.equal(ask('POST /orders', first), 'ordered tea')
  assert.equal(ask('POST /orders', { headers: JSON_TYPE, body: '{"item":"pie"}' }), 'none')
  const again = replay(...['00', '05', '10'].map((s) => pair('POST /orders', order(`2026-11-28T01:00:${s}Z`, 'tea'))))
  const later = { headers: JSON_TYPE, body: '{"item":"tea","at":"2027-01-01T00:00:00Z","requestId":2}' }
  assert.equal(again('POST /orders', later), 'ordered tea')
})

test('numbers are compared as they were written', () => {
  const ask = replay(pair('POST /pay', { headers: JSON_TYPE, body: '{"amount": 10.0}', answer: 'paid' }))
  assert.equal(ask('POST /pay', { headers: JSON_TYPE, body: '{"amount":10.0}' }), 'paid')
  assert.equal(ask('POST /pay', { headers: JSON_TYPE, body: '{"amount":10.5}' }), 'none')
})

test('secrets are in no file, and still tell one client from another', () => {
  const as = (token: string) => ({ headers: ['Authorization', `Bearer ${token}`], answer: `hello ${token.length}` })
  const body = { user: 'u', password: 'correct horse' }
  const login = {
    headers: JSON_TYPE,
    body: JSON.stringify(body),
    answer: '{"access_token":"canary-token-1"}',
    answerHeaders: JSON_TYPE,
  }
  const form = ['content-type', 'application/x-www-form-urlencoded']
  const pairs = [
    pair('POST /login', login),
    pair('GET /me?api_key=canary-key', as('canary-token-1')),
    pair('GET /me?api_key=canary-key', as('canary-token-22')),
    pair('POST /form', {
      headers: form,
      body: 'a=1&client_secret=canary-secret',
      answerHeaders: ['Set-Cookie', 'sid=canary-cookie; Path=/'],
    }),
  ]
  const text = recordingText(pairs, 'understudy test')
  assert.doesNotMatch(text, /canary|correct horse/)
  assert.match(text, /sid=redacted-[0-9a-f-]+; Path=\//)
  const ask = replay(...pairs)
  assert.equal(ask('GET /me?api_key=canary-key', as('canary-token-1')), 'hello 14')
  assert.equal(ask('GET /me?api_key=canary-key', as('canary-token-22')), 'hello 15')
  assert.equal(ask('GET /me?api_key=canary-key', as('another')), 'none')
  assert.equal(ask('GET /me?api_key=another', as('canary-token-1')), 'none')
  assert.equal(ask('POST /form', { headers: form, body: 'a=1&client_secret=canary-secret' }), 'ok')
  assert.equal(ask('POST /form', { headers: form, body: 'a=1&client_secret=other' }), 'none')
  const issued = JSON.parse(ask('POST /login', login)) as { access_token: string }
  assert.match(issued.access_token, /^redacted-/)
  // What the replay gave out in place of the token is as good as the token.
  assert.equal(ask('GET /me?api_key=canary-key', as(issued.access_token)), 'hello 14')
  assert.equal(ask('POST /login', { ...login, body: '{"user":"u","password":"wrong"}' }), 'none')
})

test('a header is asked for only where the answer depends on it', () => {
  const asked = (accept: string, answer: string) => pair('GET /x', { headers: ['Accept', accept], answer })
  assert.equal(replay(asked('text/a', 'a'), asked('text/b', 'a'))('GET /x'), 'a')
  const ask = replay(asked('text/a', 'a'), asked('text/b', 'b'))
  assert.deepEqual([ask('GET /x', { headers: ['Accept', 'text/b'] }), ask('GET /x')], ['b', 'none'])
})

test('a compressed answer is kept as what it says', () => {
  const headers = [...JSON_TYPE, 'content-encoding', 'gzip']
  const [expectation] = toExpectations([pair('GET /x', { answer: gzipSync('{"a": 1}'), answerHeaders: headers })])
  assert.deepEqual(expectation?.['httpResponse'], {
    statusCode: 200,
    body: { type: 'JSON', json: '{"a": 1}', contentType: 'application/json' },
  })
})

test('bytes are kept as bytes', () => {
  const bytes = Buffer.from([0, 255, 1])
  const ask = replay(pair('PUT /x', { headers: ['content-type', 'image/png'], body: bytes, answer: 'kept' }))
  assert.deepEqual([ask('PUT /x', { body: bytes }), ask('PUT /x', { body: Buffer.from([0]) })], ['kept', 'none'])
})
