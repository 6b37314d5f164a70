import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeHeader } from '../../../src/proxy-protocol/write.ts'
import { binaryHeader, INET_BLOCK } from '../../support/proxy-header.ts'

const source = { address: '192.0.2.1', port: 1025 }
const destination = { address: '198.51.100.2', port: 443 }
const six = { address: '2001:db8::1', port: 1 }
const text = (...ends: Parameters<typeof writeHeader>): string => writeHeader(...ends).toString('latin1')

test('two IPv4 addresses are TCP4', () => {
  assert.equal(text(1, source, destination), 'PROXY TCP4 192.0.2.1 198.51.100.2 1025 443\r\n')
  assert.deepEqual(writeHeader(2, source, destination), binaryHeader(0x21, 0x11, [INET_BLOCK]))
})

test('IPv4 beside IPv6 is written v4-mapped', () => {
  assert.equal(text(1, six, source), 'PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 1025\r\n')
  const block = Buffer.from(`20010db8000000000000000000000001${'0'.repeat(20)}ffffc000020100010401`, 'hex')
  assert.deepEqual(writeHeader(2, six, source), binaryHeader(0x21, 0x21, [block]))
})

test('a zone is left out: it means nothing to another machine', () => {
  assert.equal(text(1, { address: 'fe80::1%eth0', port: 1 }, six), 'PROXY TCP6 fe80::1 2001:db8::1 1 1\r\n')
})

for (const [situation, end] of [
  ['a name', { address: 'svc.example', port: 80 }],
  ['no address at all', { address: '', port: 80 }],
  ['a port that is none', { address: '192.0.2.1', port: 65536 }],
] as const)
  test(`${situation} at one end leaves both untold`, () => {
    assert.equal(text(1, end, source), 'PROXY UNKNOWN\r\n')
    assert.equal(text(1, source, end), 'PROXY UNKNOWN\r\n')
    assert.deepEqual(writeHeader(2, source, end), binaryHeader(0x20, 0x00, []))
  })
