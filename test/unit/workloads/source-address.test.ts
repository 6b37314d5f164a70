import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routes4, routes6, sourceAddress } from '../../../src/workloads/source-address.ts'

const ROUTE = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
].join('\n')

const ROUTE6 = [
  '20010db8007700000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    wire0',
  'fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    wire0',
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003    wire0',
  'ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001    wire0',
  '00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo',
].join('\n')

test('attached networks are read from the routing tables, without the default route', () => {
  assert.deepEqual(routes4(ROUTE), ['10.0.0.0'])
  assert.deepEqual(routes6(ROUTE6), ['2001:0db8:0077:0000:0000:0000:0000:0000'])
})

const ports = (towards: Readonly<Record<string, string>>) => ({
  sourceTowards: (address: string) => towards[address] ?? '',
  readProcNet: (name: 'route' | 'ipv6_route') => (name === 'route' ? ROUTE : ROUTE6),
})

test('the source of the default route is preferred', () => {
  assert.equal(sourceAddress(4, ports({ '192.0.2.1': '10.0.0.2', '10.0.0.0': '10.0.0.3' })), '10.0.0.2')
})

test('without a default route the first attached network gives the source', () => {
  assert.equal(sourceAddress(4, ports({ '10.0.0.0': '10.0.0.3' })), '10.0.0.3')
  assert.equal(
    sourceAddress(6, ports({ '2001:0db8:0077:0000:0000:0000:0000:0000': '2001:db8:77::1' })),
    '2001:db8:77::1',
  )
})

test('loopback and link-local addresses are no source', () => {
  assert.equal(sourceAddress(4, ports({ '192.0.2.1': '127.0.0.1' })), '')
  assert.equal(sourceAddress(6, ports({ '2001:db8::1': 'fe80::1' })), '')
  assert.equal(sourceAddress(4, ports({})), '')
})
