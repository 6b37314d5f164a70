import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { bypasses, networkText } from '../../../src/capture/bypass.ts'
import type { Scope } from '../../../src/capture/capture.ts'

const NOTHING: Scope = { interceptLoopback: false, interceptLinkLocal: false, excludePorts: [], excludeCidrs: [] }
const PORTS = { port4: 15001, port6: 15002 }

test('by default loopback, link-local and what is not unicast are left alone', () => {
  const networks = bypasses(NOTHING, PORTS).flatMap((bypass) => bypass.networks ?? [])
  assert.deepEqual(networks, [
    ...['127.0.0.0/8', '::1/128', '169.254.0.0/16', 'fe80::/10'],
    ...['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'],
  ])
})

test('where loopback is intercepted only our own listeners are left alone there', () => {
  const [four, six] = bypasses({ ...NOTHING, interceptLoopback: true }, PORTS)
  const ports = [
    { from: 15001, to: 15001 },
    { from: 15002, to: 15002 },
  ]
  assert.deepEqual(four, { family: 4, networks: ['127.0.0.0/8'], ports })
  assert.deepEqual(six, { family: 6, networks: ['::1/128'], ports })
})

test('where link-local is intercepted that of IPv6 is not: its packets cannot reach a listener', () => {
  const networks = bypasses({ ...NOTHING, interceptLinkLocal: true }, PORTS).flatMap((bypass) => bypass.networks ?? [])
  assert.deepEqual([networks.includes('169.254.0.0/16'), networks.includes('fe80::/10')], [false, true])
})

test('a port of one number is excluded once, and one that nobody listens on is none of ours', () => {
  const [four, six] = bypasses({ ...NOTHING, interceptLoopback: true }, { port4: 15001, port6: 0 })
  assert.deepEqual([four?.ports, six?.ports], Array(2).fill([{ from: 15001, to: 15001 }]))
})

test('excluded networks go to the rules of their own family', () => {
  const excludeCidrs = [
    { address: '10.1.2.3', prefix: 8 },
    { address: '2001:db8::7', prefix: 32 },
  ]
  const found = bypasses({ ...NOTHING, excludeCidrs }, PORTS).filter(({ networks }) =>
    /^(10|2001)/.test(networks?.[0] ?? ''),
  )
  assert.deepEqual(found, [
    { family: 4, networks: ['10.0.0.0/8'] },
    { family: 6, networks: ['2001:db8:0:0:0:0:0:0/32'] },
  ])
})

const SPELLINGS = [
  ['0.0.0.0', 0, '0.0.0.0/0'],
  ['255.255.255.255', 1, '128.0.0.0/1'],
  ['192.0.2.129', 25, '192.0.2.128/25'],
  ['::', 0, '0:0:0:0:0:0:0:0/0'],
  ['ffff::1', 12, 'fff0:0:0:0:0:0:0:0/12'],
  ['1::8', 128, '1:0:0:0:0:0:0:8/128'],
  ['64:ff9b::192.0.2.33', 96, '64:ff9b:0:0:0:0:0:0/96'],
  ['64:ff9b::192.0.2.33', 112, '64:ff9b:0:0:0:0:c000:0/112'],
  ['1:2:3:4:5:6:7:8', 113, '1:2:3:4:5:6:7:0/113'],
] as const

for (const [address, prefix, text] of SPELLINGS) {
  test(`${address}/${prefix} is given to the tools as ${text}`, () => {
    assert.equal(networkText({ address, prefix }), text)
  })
}

/** Whether an address is in a network, by the runtime's own reading of both. */
const holds = (address: string, prefix: number, tried: string, family: 'ipv4' | 'ipv6'): boolean => {
  const list = new BlockList()
  list.addSubnet(address, prefix, family)
  return list.check(tried, family)
}

test('a network with the bits behind its prefix cleared holds the same addresses', () => {
  const cases = [
    { family: 'ipv4', address: fc.ipV4(), bits: 32 },
    { family: 'ipv6', address: fc.ipV6(), bits: 128 },
  ] as const
  for (const { family, address, bits } of cases) {
    fc.assert(
      fc.property(address, address, fc.integer({ min: 1, max: bits }), (network, tried, prefix) => {
        const [cleared = '', kept] = networkText({ address: network, prefix }).split('/')
        assert.equal(Number(kept), prefix)
        assert.ok(holds(cleared, prefix, network, family))
        assert.equal(holds(cleared, prefix, tried, family), holds(network, prefix, tried, family))
        // Cleared once is cleared for good.
        assert.equal(networkText({ address: cleared, prefix }), `${cleared}/${prefix}`)
      }),
    )
  }
})
