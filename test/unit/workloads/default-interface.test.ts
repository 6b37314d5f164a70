import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defaultInterface, defaultInterface4, defaultInterface6 } from '../../../src/workloads/default-interface.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
const VIA_ETH1 = 'eth1\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0'
const NET_ETH0 = 'eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0'
const HALF = 'tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0'
const ZERO = '0'.repeat(32)
const route6 = (flags: string, name: string): string =>
  `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 ${flags}     ${name}`

test('the interface of the IPv4 default route is found, not that of a half of all addresses', () => {
  assert.equal(defaultInterface4([HEAD, NET_ETH0, HALF, VIA_ETH1].join('\n')), 'eth1')
  assert.equal(defaultInterface4([HEAD, NET_ETH0].join('\n')), undefined)
})

test('the IPv6 default route that only refuses is none', () => {
  assert.equal(defaultInterface6([route6('00200200', 'lo'), route6('00000003', 'eth2')].join('\n')), 'eth2')
  assert.equal(defaultInterface6([route6('00200200', 'lo'), route6('00000200', 'eth2')].join('\n')), undefined)
})

test('without an IPv4 default route the IPv6 one tells', () => {
  const files = { route: HEAD, ipv6_route: route6('00000003', 'eth2') }
  assert.equal(
    defaultInterface((name) => files[name]),
    'eth2',
  )
  assert.equal(
    defaultInterface(() => ''),
    undefined,
  )
})

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      defaultInterface(() => text)
    }),
  )
})
