import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainAddress } from '../../../src/resolve/plain-address.ts'

const CASES: readonly (readonly [string, string, string])[] = [
  ['IPv4 stays', '192.0.2.1', '192.0.2.1'],
  ['IPv6 stays', '2001:db8::1', '2001:db8::1'],
  ['a name stays', 'ffff.example', 'ffff.example'],
  ['nothing stays nothing', '', ''],
  ['a v4-mapped address in dots', '::ffff:192.0.2.1', '192.0.2.1'],
  ['a v4-mapped address in capitals', '::FFFF:192.0.2.1', '192.0.2.1'],
  ['a v4-mapped address in hexadecimal', '::ffff:c000:201', '192.0.2.1'],
  ['a v4-mapped loopback in hexadecimal', '::ffff:7f00:1', '127.0.0.1'],
  ['a v4-mapped address in full', '0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['an address that only looks mapped', '2001:db8::ffff:c000:201', '2001:db8::ffff:c000:201'],
  ['a prefix without the mark', '::c000:201', '::c000:201'],
]

for (const [situation, address, plain] of CASES)
  test(`${situation}: ${address}`, () => assert.equal(plainAddress(address), plain))
