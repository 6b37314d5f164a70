import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createInflate } from '../../../src/content/inflate.ts'
import type { Inflate } from '../../../src/decide/matching/body.ts'
import { verdict } from '../../support/asked.ts'
import { head } from '../decide/build.ts'

const ORDER = Buffer.from('{"order":17}')
const CODED: readonly (readonly [string, Buffer])[] = [
  ['gzip', gzipSync(ORDER)],
  ['X-GZIP', gzipSync(ORDER)],
  ['deflate', deflateSync(ORDER)],
  ['deflate', deflateRawSync(ORDER)],
  ['br', brotliCompressSync(ORDER)],
  ['zstd', zstdCompressSync(ORDER)],
  ['identity', ORDER],
  ['gzip, br', brotliCompressSync(gzipSync(ORDER))],
]

function counting(limitBytes = 1024): { readonly inflate: Inflate; readonly hits: () => number } {
  let hits = 0
  const inflate = createInflate(limitBytes, () => hits++)
  return { inflate, hits: () => hits }
}

/** Whether a POST of these bytes, with that content encoding, fits the matcher of bodies. */
function fits(body: unknown, bytes: Buffer, coding: string, inflate = counting().inflate): boolean {
  const request = head('POST /', 'Content-Encoding', coding, 'content-type', 'application/json')
  return verdict({ body }, request, bytes, inflate) === 'yes'
}

test('a compressed body is matched as what was compressed, whatever the coding', () => {
  for (const [coding, bytes] of CODED) {
    assert.ok(fits({ order: 17 }, bytes, coding), coding)
    assert.ok(fits(ORDER.toString(), bytes, coding), coding)
    assert.ok(fits({ type: 'JSON_PATH', jsonPath: '$.order' }, bytes, coding), coding)
    assert.ok(fits({ type: 'REGEX', regex: '.*17.*' }, bytes, coding), coding)
    assert.ok(!fits({ order: 18 }, bytes, coding), coding)
  }
})

test('bytes match a body as it was sent and as what was compressed', () => {
  const bytes = gzipSync(ORDER)
  assert.ok(fits({ type: 'BINARY', base64Bytes: bytes.toString('base64') }, bytes, 'gzip'))
  assert.ok(fits({ type: 'BINARY', base64Bytes: ORDER.toString('base64') }, bytes, 'gzip'))
  assert.ok(!fits({ type: 'BINARY', base64Bytes: 'AAAA' }, bytes, 'gzip'))
})

test('a body that is not what its header says, or in an unknown coding, is matched as it was sent', () => {
  for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'aws-chunked', 'gzip, gzip, gzip, gzip', 'constructor']) {
    assert.ok(fits(ORDER.toString(), ORDER, coding), coding)
  }
  assert.ok(
    fits(
      { type: 'BINARY', base64Bytes: gzipSync(ORDER).subarray(0, 12).toString('base64') },
      gzipSync(ORDER).subarray(0, 12),
      'gzip',
    ),
  )
})

test('a body that unfolds beyond the budget matches no matcher of bodies, not even a negated one, and is counted', () => {
  const bomb = Buffer.alloc(64 * 1024 * 1024)
  const bombs: readonly (readonly [string, Buffer])[] = [
    ['gzip', gzipSync(bomb)],
    ['gzip, gzip', gzipSync(gzipSync(bomb))],
    ['br', brotliCompressSync(bomb)],
    ['zstd', zstdCompressSync(bomb)],
    ['deflate', deflateRawSync(bomb)],
  ]
  for (const [coding, bytes] of bombs) {
    const { inflate, hits } = counting(100_000)
    assert.ok(!fits('x', bytes, coding, inflate), coding)
    assert.ok(!fits({ type: 'STRING', string: 'x', not: true }, bytes, coding, inflate), coding)
    assert.equal(hits(), 2, coding)
  }
})

test('a body of just the budget is matched', () => {
  const { inflate, hits } = counting(ORDER.length)
  assert.ok(fits({ order: 17 }, gzipSync(ORDER), 'gzip', inflate))
  assert.ok(!fits({ order: 17 }, gzipSync(`${ORDER} `), 'gzip', inflate))
  assert.equal(hits(), 1)
})

test('nothing is decompressed for a request that no matcher of bodies is asked about, and nothing twice', () => {
  let asked = 0
  const inflate: Inflate = (bytes) => {
    asked++
    return bytes
  }
  const request = head('POST /a', 'content-encoding', 'gzip')
  assert.equal(verdict({ path: '/a' }, request, ORDER, inflate), 'yes')
  assert.equal(verdict({ path: '/b', body: 'x' }, request, ORDER, inflate), 'no')
  assert.equal(asked, 0)
  assert.equal(verdict({ path: '/a', body: 'x' }, request, ORDER, inflate), 'no')
  assert.equal(asked, 1)
  assert.equal(verdict({ path: '/a', body: '' }, head('POST /a'), ORDER, inflate), 'yes')
  assert.equal(asked, 1)
})
