import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeSockaddr } from '../../../src/kernel/sockaddr.ts'

const V4 = Buffer.from('020001bb0a4d00010000000000000000', 'hex')
const V6 = Buffer.from(`0a00005000000000${'20010db8000000000000000000000001'}03000000`, 'hex')

test('addresses of both families are read, without a scope', () => {
  assert.deepEqual(decodeSockaddr(V4), { address: '10.77.0.1', port: 443 })
  assert.deepEqual(decodeSockaddr(V6), { address: '2001:db8::1', port: 80 })
})

test('what is cut off, or of another family, is not read', () => {
  for (let length = 0; length < 16; length++) assert.equal(decodeSockaddr(V4.subarray(0, length)), undefined)
  for (let length = 0; length < 28; length++) assert.equal(decodeSockaddr(V6.subarray(0, length)), undefined)
  assert.equal(decodeSockaddr(Buffer.alloc(28, 1)), undefined)
})
