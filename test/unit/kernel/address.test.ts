import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, parseAddress } from '../../../src/kernel/address.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

const SAME: readonly [string, string][] = [
  ['10.1.2.255', '0000 0000 0000 0000 0000 ffff 0a01 02ff'],
  ['0.0.0.0', '0000 0000 0000 0000 0000 ffff 0000 0000'],
  ['::', '0000 0000 0000 0000 0000 0000 0000 0000'],
  ['::1', '0000 0000 0000 0000 0000 0000 0000 0001'],
  ['1::', '0001 0000 0000 0000 0000 0000 0000 0000'],
  ['2001:db8::1:0:0:1', '2001 0db8 0000 0000 0001 0000 0000 0001'],
  ['2001:db8:0:1:1:1:1:1', '2001 0db8 0000 0001 0001 0001 0001 0001'],
  ['2001:0:0:1::1', '2001 0000 0000 0001 0000 0000 0000 0001'],
  ['fe80::1', 'fe80 0000 0000 0000 0000 0000 0000 0001'],
  ['::1:2', '0000 0000 0000 0000 0000 0000 0001 0002'],
]
for (const [text, hex] of SAME) {
  test(`${text} is written and read as RFC 5952 has it`, () => {
    assert.deepEqual(parseAddress(text), bytesOf(hex))
    assert.equal(formatAddress(bytesOf(hex), 0), text)
  })
}

test('a v4-mapped address is the IPv4 address', () => {
  assert.deepEqual(parseAddress('::ffff:10.1.2.255'), parseAddress('10.1.2.255'))
  assert.deepEqual(parseAddress('::ffff:a01:2ff'), parseAddress('10.1.2.255'))
  assert.equal(formatAddress(parseAddress('::ffff:10.1.2.255'), 0), '10.1.2.255')
})

test('an address that only resembles a v4-mapped one stays IPv6', () => {
  for (const text of ['::fffe:a01:2ff', '::ffff:0:a01:2ff', '1::ffff:a01:2ff', '::a01:2ff']) {
    assert.equal(formatAddress(parseAddress(text), 0), text)
  }
})

test('the dotted tail of an IPv6 address is two groups', () => {
  assert.equal(formatAddress(parseAddress('64:ff9b::192.0.2.33'), 0), '64:ff9b::c000:221')
})

test('the address is read where it lies', () => {
  const bytes = Buffer.concat([Buffer.alloc(5, 0xff), parseAddress('2001:db8::7'), Buffer.alloc(5, 0xff)])
  assert.equal(formatAddress(bytes, 5), '2001:db8::7')
})

for (const text of [
  '',
  'localhost',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '1::2::3',
  'fe80::1%eth0',
  '[::1]',
  ' ::1',
  '1.2.3.4:80',
]) {
  test(`'${text}' is not an address`, () => {
    assert.throws(() => parseAddress(text), RangeError)
  })
}
