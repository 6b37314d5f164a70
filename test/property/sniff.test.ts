import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sniff } from '../../src/intercept/sniff.ts'

const STARTS = [
  'GET / HTTP/1.1\r\n',
  'PURGE /x HTTP/1.1\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01',
  '\r\n\r\nPUT ',
]

/** Arbitrary bytes, and beginnings of the protocols known with a byte changed here and there. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
  fc
    .tuple(
      fc.constantFrom(...STARTS),
      fc.string({ unit: 'binary-ascii', maxLength: 8 }),
      fc.nat(30),
      fc.nat(255),
      fc.boolean(),
    )
    .map(([start, tail, at, byte, change]) => {
      const buffer = Buffer.from(start + tail, 'latin1')
      if (change && at < buffer.length) buffer[at] = byte
      return buffer
    }),
)

test('what was decided from the first bytes stays true of more of them', () => {
  fc.assert(
    fc.property(bytes, (buffer) => {
      const whole = sniff(buffer).protocol
      for (let length = 0; length < buffer.length; length++) {
        const { protocol } = sniff(buffer.subarray(0, length))
        if (protocol !== 'more') assert.equal(protocol, whole)
      }
    }),
  )
})
