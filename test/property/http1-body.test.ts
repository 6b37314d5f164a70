import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBodyDecoder } from '../../src/http1/body.ts'
import type { Framing } from '../../src/http1/framing.ts'
import { DEFAULT_LIMITS } from '../../src/http1/limits.ts'
import { encodeChunk, encodeLastChunk } from '../../src/http1/response.ts'

const LIMITS = { ...DEFAULT_LIMITS, maxChunkExtensionBytes: 12, maxTrailerBytes: 40, maxHeaders: 3 }

const framing: fc.Arbitrary<Framing> = fc.oneof(
  fc.constant<Framing>({ kind: 'none' }),
  fc.nat(40).map((bytes): Framing => ({ kind: 'length', bytes })),
  fc.constant<Framing>({ kind: 'until_close' }),
  fc.constant<Framing>({ kind: 'chunked' }),
)
const steps = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 })

/** Decodes `bytes` in pieces of the given sizes, each piece in a buffer of its own behind `offset` foreign bytes. */
function decode(kind: Framing, bytes: Buffer, sizes: readonly number[], offset: number): object {
  const chunks: Buffer[] = []
  const decoder = createBodyDecoder(kind, (chunk) => chunks.push(Buffer.from(chunk)), LIMITS)
  let progress = decoder.feed(Buffer.alloc(0), 0)
  let at = 0
  for (let i = 0; progress.state === 'more' && at < bytes.length; i++) {
    const part = bytes.subarray(at, at + (sizes[i % sizes.length] ?? 1))
    progress = decoder.feed(Buffer.concat([Buffer.alloc(offset, '0'), part]), offset)
    at += progress.consumed
  }
  const { trailers, payloadBytes } = decoder
  return { payload: Buffer.concat(chunks), trailers, payloadBytes, state: progress.state, why: progress.why, at }
}

const piece = fc.constantFrom(
  '0',
  '5',
  'a\r\n',
  '\r\n',
  '\r',
  '\n',
  'hello',
  ';',
  ';a=b',
  '0\r\n',
  '0\r\n\r\n',
  'A: b\r\n',
  '1\r\nx\r\n',
)
const soup = fc.oneof(
  fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.from(pieces.join(''))),
  fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
)

test('a body decodes the same however it was split, and arbitrary bytes throw nothing', () => {
  fc.assert(
    fc.property(framing, soup, steps, fc.nat(3), (kind, bytes, sizes, offset) => {
      assert.deepEqual(decode(kind, bytes, sizes, offset), decode(kind, bytes, [Math.max(1, bytes.length)], 0))
    }),
    { numRuns: 1000 },
  )
})

test('a chunked body comes back as it was encoded, with its trailers and not a byte of what follows', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 })
  const trailers = fc.array(fc.constantFrom('9', 'a b', ''), { maxLength: 2 })
  fc.assert(
    fc.property(payloads, trailers, steps, (arrays, values, sizes) => {
      const fields = values.flatMap((text, i) => [`X-${i}`, text])
      const encoded = Buffer.concat([
        ...arrays.map((array) => encodeChunk(Buffer.from(array))),
        Buffer.from(encodeLastChunk(fields)),
      ])
      const payload = Buffer.concat(arrays)
      const expected = {
        payload,
        trailers: fields,
        payloadBytes: payload.length,
        state: 'done',
        why: undefined,
        at: encoded.length,
      }
      assert.deepEqual(
        decode({ kind: 'chunked' }, Buffer.concat([encoded, Buffer.from('GET / HTTP/1.1')]), sizes, 0),
        expected,
      )
    }),
  )
})
