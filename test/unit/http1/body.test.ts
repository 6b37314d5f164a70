import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BodyProgress } from '../../../src/http1/body.ts'
import { createBodyDecoder } from '../../../src/http1/body.ts'
import type { Framing } from '../../../src/http1/framing.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'

interface Decoded extends BodyProgress {
  readonly payload: string
  readonly trailers: readonly string[]
}

function decode(framing: Framing, ...pieces: string[]): Decoded {
  const chunks: Buffer[] = []
  const decoder = createBodyDecoder(framing, (chunk) => chunks.push(chunk), DEFAULT_LIMITS)
  let progress: BodyProgress = { consumed: 0, state: 'more' }
  for (const piece of pieces) progress = decoder.feed(Buffer.from(piece, 'latin1'), 0)
  const payload = Buffer.concat(chunks)
  assert.equal(decoder.payloadBytes, payload.length)
  return { ...progress, payload: payload.toString('latin1'), trailers: decoder.trailers }
}

const chunked = (...pieces: string[]): Decoded => decode({ kind: 'chunked' }, ...pieces)
const reason = (...pieces: string[]): string => {
  const { state, why } = chunked(...pieces)
  assert.equal(state, 'bad')
  return why ?? ''
}

test('no body is done at once and takes nothing', () => {
  assert.deepEqual(decode({ kind: 'none' }, 'GET'), { consumed: 0, state: 'done', payload: '', trailers: [] })
})

test('a body of known length leaves what follows it', () => {
  const { consumed, state, payload } = decode({ kind: 'length', bytes: 5 }, 'hel', 'loGET')
  assert.deepEqual([consumed, state, payload], [2, 'done', 'hello'])
})

test('a body of length 0 is done by an empty feed', () => {
  assert.equal(decode({ kind: 'length', bytes: 0 }, '').state, 'done')
})

test('a body of unknown length is read until the client closes', () => {
  const { state, payload } = decode({ kind: 'until_close' }, 'a', 'b')
  assert.deepEqual([state, payload], ['more', 'ab'])
})

test('a chunked body is decoded and leaves what follows it', () => {
  const { consumed, state, payload } = chunked('5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\nGET')
  assert.deepEqual([consumed, state, payload], [25, 'done', 'hello!'])
})

test('payload is handed on as views of the buffer, from its start offset', () => {
  const buffer = Buffer.from('skipped5\r\nhello\r\n0\r\n\r\n')
  const chunks: Buffer[] = []
  createBodyDecoder({ kind: 'chunked' }, (chunk) => chunks.push(chunk), DEFAULT_LIMITS).feed(buffer, 7)
  assert.equal(chunks.length, 1)
  assert.equal(chunks[0]?.buffer, buffer.buffer)
  assert.equal(chunks[0]?.byteOffset, buffer.byteOffset + 10)
})

test('a decoder that is done takes no more', () => {
  const decoder = createBodyDecoder({ kind: 'chunked' }, () => assert.fail(), DEFAULT_LIMITS)
  assert.equal(decoder.feed(Buffer.from('0\r\n\r\n'), 0).state, 'done')
  assert.deepEqual(decoder.feed(Buffer.from('1\r\na\r\n'), 0), { consumed: 0, state: 'done' })
})

test('trailers are kept, less those that would reframe the message', () => {
  const { trailers } = chunked('0\r\nX-Sum: 9\r\nContent-Length: 3\r\nHost: b\r\nx-b:\r\n\r\n')
  assert.deepEqual(trailers, ['X-Sum', '9', 'x-b', ''])
})

const BAD: readonly (readonly [situation: string, bytes: string, why: RegExp])[] = [
  ['no size', '\r\n', /without a size/],
  ['a size that is no number', 'x\r\n', /without a size/],
  ['a size of 2^53', '20000000000000\r\n', /too large/],
  ['seventeen digits', '0'.repeat(17), /too large/],
  ['a blank after the size', '5 \r\n', /in a chunk size/],
  ['a bare LF after the size', '5\n', /in a chunk size/],
  ['a bare CR after the size', '5\rh', /does not end in CRLF/],
  ['a bare LF in an extension', '5;a\n', /in a chunk extension/],
  ['a bare CR in an extension', '5;a\rb', /does not end in CRLF/],
  ['NUL in an extension', '5;\0', /in a chunk extension/],
  ['extensions beyond the limit, chunk by chunk', '1;aaaaaaaa\r\nx\r\n'.repeat(2100), /extensions too long/],
  ['a chunk longer than its size', '1\r\nab', /longer than its size/],
  ['a chunk without its CRLF', '1\r\na\rb', /does not end in CRLF/],
  ['a bare LF in the trailers', '0\r\nA: b\n', /trailer line does not end in CRLF/],
  ['a bare LF that ends the trailers', '0\r\n\n', /trailer line does not end in CRLF/],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n', /folded/],
  ['a bare CR in a trailer', '0\r\nA: b\rc\r\n\r\n', /control character/],
  ['trailers beyond the limit', `0\r\nA: ${'a'.repeat(17_000)}`, /trailers too long/],
  ['too many trailers', `0\r\n${'A: b\r\n'.repeat(201)}\r\n`, /more than 200/],
]
for (const [situation, bytes, why] of BAD) {
  test(`a chunked body with ${situation} is malformed`, () => assert.match(reason(bytes), why))
}

test('the largest chunk size is taken', () => {
  assert.equal(chunked('001fffffffffffff\r\na').payload, 'a')
})
