import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../../src/proxy-protocol/crc32c.ts'

// RFC 3720 appendix B.4.
for (const [situation, bytes, sum] of [
  ['zeroes', Buffer.alloc(32), 0x8a9136aa],
  ['ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['bytes that count up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['the digits', Buffer.from('123456789'), 0xe3069283],
] as const)
  test(`the checksum of ${situation} is the published one`, () => assert.equal(crc32c(bytes), sum))

test('the field that holds the checksum counts as zero', () => {
  assert.equal(crc32c(Buffer.from('ab\xff\xff\xff\xffcd', 'latin1'), 2), crc32c(Buffer.from('ab\0\0\0\0cd')))
})
