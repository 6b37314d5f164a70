import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../../src/proxy-protocol/crc32c.ts'
import { parseHeader } from '../../../src/proxy-protocol/parse.ts'
import { binaryHeader, INET_BLOCK, SIGNATURE, tlv } from '../../support/proxy-header.ts'

const parsed = (text: string | Buffer) => parseHeader(Buffer.from(text as string, 'latin1'))
const kindOf = (text: string | Buffer): string => parsed(text).kind

const SIX = '2001:db8::1'
const FULL = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'

test('a line of version 1 gives both ends and where the data begins', () => {
  const line = 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'
  assert.deepEqual(parsed(`${line}GET / HTTP/1.1\r\n`), {
    kind: 'header',
    version: 1,
    command: 'proxy',
    family: 'inet',
    source: { address: '192.168.0.1', port: 56324 },
    destination: { address: '192.168.0.11', port: 443 },
    length: line.length,
  })
})

test('IPv6 is given as everything else writes it, v4-mapped as IPv4', () => {
  const line = 'PROXY TCP6 2001:DB8:0:0::1 ::FFFF:c000:0201 0 65535\r\n'
  assert.deepEqual(parsed(line), {
    kind: 'header',
    version: 1,
    command: 'proxy',
    family: 'inet6',
    source: { address: '2001:db8::1', port: 0 },
    destination: { address: '192.0.2.1', port: 65535 },
    length: line.length,
  })
})

test('the longest line there can be is taken', () => {
  const line = `PROXY UNKNOWN ${FULL} ${FULL} 65535 65535\r\n`
  assert.equal(line.length, 107)
  assert.deepEqual(parsed(line), { kind: 'header', version: 1, command: 'proxy', family: 'unspec', length: 107 })
  assert.equal(kindOf(`PROXY TCP6 ${FULL} ${FULL} 65535 65535\r\n`), 'header')
})

test('what follows UNKNOWN is ignored', () => {
  assert.equal(kindOf('PROXY UNKNOWN\r\n'), 'header')
  assert.equal(kindOf('PROXY UNKNOWN what ever \x00\xff\r\n'), 'header')
})

for (const line of [
  `PROXY TCP4 ${SIX} ${SIX} 1 2\r\n`,
  'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n',
  'PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n',
  `PROXY TCP6 ${SIX}%eth0 ${SIX} 1 2\r\n`,
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n',
  'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY TCP4\r\n',
  'PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n',
  'PROXY UNKNOWNX\r\n',
  'PROXY \r\n',
  'PROXY UNKNOWN\n',
  'PROXY UNKNOWN\r\r\n',
  'PROXY UNKNOWN a\rb\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n',
  `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
])
  test(`${JSON.stringify(line)} is malformed`, () => assert.equal(kindOf(line), 'malformed'))

test('a line that cannot become one is malformed before its end', () => {
  assert.equal(kindOf('PROXY X'), 'malformed')
  assert.equal(kindOf('PROXY TCP4 a.'), 'more')
  assert.equal(kindOf('PROXY TCP4 host'), 'malformed')
  assert.equal(kindOf(`PROXY UNKNOWN ${'x'.repeat(93)}`), 'malformed')
})

for (const bytes of ['G', 'PO', 'PROXX', 'PROXYFIND / HTTP/1.1', '\n', '\r\r', '\r\n\r\nGET ', '\x16\x03\x01', '\0'])
  test(`${JSON.stringify(bytes)} begins no header`, () => {
    assert.equal(kindOf(bytes), 'none')
    assert.notEqual(kindOf(bytes.slice(0, -1)), 'malformed')
  })

test('no bytes, or the beginning of a signature, may become a header; a whole one must', () => {
  for (const bytes of ['', 'P', 'PROXY', '\r', '\r\n\r\n\0\r\nQUIT'])
    assert.deepEqual(parsed(bytes), { kind: 'more', isHeader: false })
  for (const bytes of ['PROXY ', 'PROXY UNKNOWN\r', '\r\n\r\n\0\r\nQUIT\n'])
    assert.deepEqual(parsed(bytes), { kind: 'more', isHeader: true })
})

test('a header of version 2 gives both ends and where the data begins', () => {
  const header = binaryHeader(0x21, 0x11, [INET_BLOCK])
  assert.deepEqual(parsed(Buffer.concat([header, Buffer.from('data')])), {
    kind: 'header',
    version: 2,
    command: 'proxy',
    family: 'inet',
    source: { address: '192.0.2.1', port: 1025 },
    destination: { address: '198.51.100.2', port: 443 },
    length: 28,
  })
})

test('IPv6 of version 2 is read, v4-mapped as IPv4', () => {
  const block = Buffer.from(`20010db8000000000000000000000001${'0'.repeat(20)}ffffc0000201000100ff`, 'hex')
  const header = parsed(binaryHeader(0x21, 0x21, [block]))
  assert.equal(header.kind, 'header')
  if (header.kind !== 'header') return
  assert.deepEqual(header.source, { address: '2001:db8::1', port: 1 })
  assert.deepEqual(header.destination, { address: '192.0.2.1', port: 255 })
})

for (const [situation, header] of [
  ['LOCAL', binaryHeader(0x20, 0x00, [])],
  ['LOCAL with a block that is to be skipped', binaryHeader(0x20, 0xff, [Buffer.alloc(9, 0xff)])],
  ['AF_UNSPEC', binaryHeader(0x21, 0x00, [Buffer.alloc(5)])],
  ['AF_INET without a transport', binaryHeader(0x21, 0x10, [INET_BLOCK])],
  ['a transport without a family', binaryHeader(0x21, 0x01, [])],
  ['UDP', binaryHeader(0x21, 0x12, [INET_BLOCK])],
  ['a Unix socket', binaryHeader(0x21, 0x31, [Buffer.alloc(216)])],
] as const)
  test(`${situation} is consumed and names nobody`, () => {
    const found = parsed(Buffer.concat([header, Buffer.from('x')]))
    assert.equal(found.kind, 'header')
    if (found.kind !== 'header') return
    assert.equal(found.length, header.length)
    assert.equal(found.source ?? found.destination, undefined)
  })

test('unknown TLVs are skipped, also those that fill the most there may be', () => {
  const big = tlv(0xee, Buffer.alloc(4096 - 12 - 3 - 3))
  const header = binaryHeader(0x21, 0x11, [INET_BLOCK, tlv(4, Buffer.alloc(0)), big])
  assert.equal(header.length, 16 + 4096)
  assert.equal(kindOf(header), 'header')
})

const withChecksum = (change = 0): Buffer => {
  const header = binaryHeader(0x21, 0x11, [INET_BLOCK, tlv(2, Buffer.from('name')), tlv(3, Buffer.alloc(4))])
  header.writeUInt32BE((crc32c(header) ^ change) >>> 0, header.length - 4)
  return header
}

test('a checksum that is right is taken, a wrong one is malformed', () => {
  assert.equal(kindOf(Buffer.concat([withChecksum(), Buffer.from('data')])), 'header')
  assert.equal(kindOf(withChecksum(1)), 'malformed')
})

for (const [situation, header] of [
  ['another version', Buffer.concat([SIGNATURE, Buffer.from([0x31])])],
  ['another command', Buffer.concat([SIGNATURE, Buffer.from([0x22])])],
  ['another family', Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x41])])],
  ['another transport', Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x13])])],
  ['more bytes than anybody sends', binaryHeader(0x21, 0x11, [], 4097)],
  ['too few bytes for its addresses', binaryHeader(0x21, 0x11, [], 11)],
  ['too few bytes for IPv6', binaryHeader(0x21, 0x21, [], 35)],
  ['too few bytes for Unix sockets', binaryHeader(0x21, 0x31, [], 215)],
  ['a TLV cut short', binaryHeader(0x21, 0x11, [INET_BLOCK, Buffer.from([4, 0])])],
  ['a TLV longer than the header', binaryHeader(0x21, 0x11, [INET_BLOCK, Buffer.from([4, 0, 2, 0])])],
  ['a checksum of two bytes', binaryHeader(0x21, 0x11, [INET_BLOCK, tlv(3, Buffer.alloc(2))])],
] as const)
  test(`version 2 with ${situation} is malformed`, () => assert.equal(kindOf(header), 'malformed'))
