import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inNetworks } from '../../../src/config/networks.ts'

const isIn = inNetworks([
  { address: '10.0.0.0', prefix: 8 },
  { address: '192.0.2.1', prefix: 32 },
  { address: 'fe80::', prefix: 64 },
  { address: '2001:db8::1', prefix: 128 },
])

for (const address of ['10.0.0.0', '10.255.255.255', '192.0.2.1', 'fe80::9%eth0', '2001:db8::1', '2001:DB8:0::1'])
  test(`${address} is in the networks`, () => assert.equal(isIn(address), true))

for (const address of ['11.0.0.0', '192.0.2.2', 'fe81::1', '2001:db8::2', '::1', '127.0.0.1', ''])
  test(`${JSON.stringify(address)} is not in the networks`, () => assert.equal(isIn(address), false))

test('without networks nobody is in the networks', () => assert.equal(inNetworks([])('127.0.0.1'), false))
