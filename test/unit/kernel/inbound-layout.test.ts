import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeInboundPort, encodeOwnDial, encodePort, OWN_DIAL } from '../../../src/kernel/inbound-layout.ts'

test('a port is two bytes of this machine, as a __u16 is', () => {
  assert.deepEqual([...encodePort(8080)], [0x90, 0x1f])
  assert.deepEqual([...encodePort(65_535)], [255, 255])
})

test('an inbound port is the proxy port, then the slot', () => {
  assert.deepEqual([...encodeInboundPort(15_100, 3)], [0xfc, 0x3a, 3, 0])
})

test('a dial of IPv4 is kept v4-mapped, like every address', () => {
  const key = encodeOwnDial({ address: '10.0.0.7', port: 40_000, appPort: 8080 })
  assert.equal(key.length, OWN_DIAL.size)
  assert.equal(key.toString('hex'), '00000000000000000000ffff0a000007409c901f')
})

test('a dial of IPv6 is kept as it is', () => {
  const key = encodeOwnDial({ address: '2001:db8::1', port: 1, appPort: 2 })
  assert.equal(key.toString('hex'), '20010db800000000000000000000000101000200')
})

test('a dial from what is no address is refused', () => {
  assert.throws(() => encodeOwnDial({ address: 'localhost', port: 1, appPort: 2 }), RangeError)
})
