import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ipv4At, ipv6At, ipv6Bytes, literalOf } from '../../../src/proxy-protocol/address.ts'

for (const [text, hex] of [
  ['::', '0'.repeat(32)],
  ['::1', `${'0'.repeat(31)}1`],
  ['1::', `0001${'0'.repeat(28)}`],
  ['2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['::192.0.2.1', `${'0'.repeat(24)}c0000201`],
  ['192.0.2.1', `${'0'.repeat(20)}ffffc0000201`],
] as const)
  test(`${text} is read and written`, () => {
    assert.equal(ipv6Bytes(text).toString('hex'), hex)
    assert.equal(ipv6At(Buffer.from(`ff${hex}`, 'hex'), 1), text)
  })

test('IPv4 is read where it stands', () => assert.equal(ipv4At(Buffer.from([9, 192, 0, 2, 1]), 1), '192.0.2.1'))

test('a literal is plain, a name is none', () => {
  assert.equal(literalOf('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(literalOf('FE80::1%eth0'), 'fe80::1')
  assert.equal(literalOf('localhost'), undefined)
})
