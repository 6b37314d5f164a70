import assert from 'node:assert/strict'
import { SocketAddress } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHeader } from '../../src/proxy-protocol/parse.ts'
import { writeHeader } from '../../src/proxy-protocol/write.ts'
import { plainAddress } from '../../src/resolve/plain-address.ts'
import { binaryHeader, tlv } from '../support/proxy-header.ts'

const canonical = (address: string): string => plainAddress(new SocketAddress({ address, family: 'ipv6' }).address)
const endpoint = fc.record(
  {
    address: fc.oneof(fc.ipV4(), fc.ipV6().map(canonical), fc.constantFrom('::1', '::', '::1.2.3.4', '1::8')),
    port: fc.nat(65535),
  },
  { noNullPrototype: true },
)
const version = fc.constantFrom(1 as const, 2 as const)
const data = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array))
const tlvs = fc.array(
  fc.tuple(fc.integer({ min: 4, max: 255 }), data).map(([type, value]) => tlv(type, value)),
  { maxLength: 4 },
)

/** Headers as others may send them. */
const header = fc.oneof(
  fc.tuple(version, endpoint, endpoint).map(([of, source, destination]) => writeHeader(of, source, destination)),
  fc
    .tuple(fc.constantFrom(0x11, 0x12, 0x21, 0x22, 0x31, 0x32), fc.uint8Array({ minLength: 216, maxLength: 216 }), tlvs)
    .map(([family, block, more]) => {
      const bytes = [0, 12, 36, 216][family >> 4]
      return binaryHeader(0x21, family, [Buffer.from(block).subarray(0, bytes), ...more])
    }),
  fc.tuple(fc.nat(255), data).map(([family, block]) => binaryHeader(0x20, family, [block])),
  fc
    .string({ unit: fc.constantFrom('a', '1', ' ', ':', '\0', 'ÿ'), maxLength: 90 })
    .map((rest) => Buffer.from(`PROXY UNKNOWN ${rest}\r\n`, 'latin1')),
)

/** Arbitrary bytes, and headers with a byte changed. */
const anything = fc.oneof(
  data,
  fc
    .tuple(fc.constantFrom('PROXY ', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c'), data)
    .map(([start, rest]) => Buffer.concat([Buffer.from(start, 'latin1'), rest])),
  fc.tuple(header, data, fc.nat(), fc.nat(255)).map(([bytes, rest, at, byte]) => {
    const changed = Buffer.concat([bytes, rest])
    changed[at % bytes.length] = byte
    return changed
  }),
)

test('what was written is read', () => {
  fc.assert(
    fc.property(version, endpoint, endpoint, (of, source, destination) => {
      const bytes = writeHeader(of, source, destination)
      const isInet = !source.address.includes(':') && !destination.address.includes(':')
      assert.deepEqual(parseHeader(bytes), {
        kind: 'header',
        version: of,
        command: 'proxy',
        family: isInet ? 'inet' : 'inet6',
        source,
        destination,
        length: bytes.length,
      })
    }),
  )
})

test('every beginning of a header asks for more, and what follows it changes nothing', () => {
  fc.assert(
    fc.property(header, data, (bytes, rest) => {
      for (let length = 0; length < bytes.length; length++)
        assert.equal(parseHeader(bytes.subarray(0, length)).kind, 'more', `${length} of ${bytes.length} bytes`)
      const whole = parseHeader(bytes)
      assert.equal(whole.kind === 'header' && whole.length, bytes.length)
      assert.deepEqual(parseHeader(Buffer.concat([bytes, rest])), whole)
    }),
  )
})

test('what was decided from the first bytes stays true of more of them', () => {
  fc.assert(
    fc.property(anything, (bytes) => {
      const { kind } = parseHeader(bytes)
      for (let length = 0; length < bytes.length; length++) {
        const early = parseHeader(bytes.subarray(0, length))
        if (early.kind !== 'more') assert.equal(early.kind, kind)
      }
    }),
    { numRuns: 1000 },
  )
})

test('arbitrary bytes never make it throw or read on for ever', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', 'PROXY ', '\r\n\r\n\0\r\nQUIT\n'),
      (array, start) => {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), Buffer.from(array), Buffer.alloc(4112)])
        assert.notEqual(parseHeader(bytes).kind, 'more')
      },
    ),
    { numRuns: 1000 },
  )
})
