import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { createInflate } from '../../src/content/inflate.ts'

const LIMIT = 2000
const CODINGS = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const
const inflate = createInflate(LIMIT, () => {})
const bytes = fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array))

test('what was compressed comes back, unless it is more than the limit', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CODINGS), bytes, ([name, compress], body) => {
      const found = inflate(compress(body), name)
      if (body.length > LIMIT) assert.equal(found, 'unavailable')
      else assert.ok(found !== 'unavailable' && found.equals(body))
    }),
  )
})

test('damaged and made-up bodies never throw, and never come to more than the limit or what was sent', () => {
  const damaged = fc
    .tuple(fc.constantFrom(...CODINGS), bytes, fc.nat(3000), fc.nat(255))
    .map(([[name, compress], body, at, value]) => {
      const sent = compress(body)
      sent[at % sent.length] = value
      return { name, sent }
    })
  const madeUp = fc.record({ name: fc.constantFrom('gzip', 'deflate', 'br', 'zstd', 'br, gzip', ''), sent: bytes })
  fc.assert(
    fc.property(fc.oneof(damaged, madeUp), ({ name, sent }) => {
      const found = inflate(sent, name)
      if (found !== 'unavailable') assert.ok(found === sent || found.length <= LIMIT)
    }),
    { numRuns: 500 },
  )
})
