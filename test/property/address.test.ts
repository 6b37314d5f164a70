import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseAddress } from '../../src/kernel/address.ts'
import { decodeOriginalDst, encodePolicy, POLICY } from '../../src/kernel/layout.ts'

const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
/** Many zero groups, which is where the shortening is. */
const sparse = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => Buffer.from(groups.flatMap((group) => [group >> 8, group & 255])))
const mapped = fc.ipV4().map((text) => parseAddress(text))

test('every 16 bytes are written as a text that reads back as the same bytes', () => {
  fc.assert(
    fc.property(fc.oneof(sixteen, sparse, mapped), (bytes) => {
      assert.deepEqual(parseAddress(formatAddress(bytes, 0)), bytes)
    }),
  )
})

test('an IPv6 address is written as a URL writes it (RFC 5952, but for v4-mapped ones)', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV6(),
        sparse.map((bytes) => formatAddress(bytes, 0)),
      ),
      (text) => {
        const ours = formatAddress(parseAddress(text), 0)
        fc.pre(ours.includes(':'))
        assert.equal(`[${ours}]`, new URL(`http://[${text}]/`).hostname)
      },
    ),
  )
})

test('an IPv4 address is written as it was', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      assert.equal(formatAddress(parseAddress(text), 0), text)
      assert.deepEqual(parseAddress(`::ffff:${text}`), parseAddress(text))
    }),
  )
})

test('a text is an address or a RangeError, never anything else', () => {
  const alike = fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%f '), maxLength: 45 })
  fc.assert(
    fc.property(fc.oneof(alike, fc.string()), (text) => {
      try {
        assert.equal(parseAddress(text).length, 16)
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    }),
  )
})

test('every 64 bytes are a record with an address, a port and a short name', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
      const saved = decodeOriginalDst(Buffer.from(bytes), 0, 'map')
      assert.equal(parseAddress(saved.destination.address).length, 16)
      assert.ok(saved.destination.port >= 0 && saved.destination.port <= 65_535)
      assert.ok(saved.process.name.length <= 16 && !saved.process.name.includes('\0'))
    }),
  )
})

test('every policy fits its struct', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const record = fc.record({
    id: fc.integer({ min: 1, max: 0xffff_ffff }),
    flags: fc.integer({ min: 0, max: 15 }),
    listenPort4: port,
    listenPort6: port,
    dnsPort4: port,
    dnsPort6: port,
    source4: fc.oneof(fc.constant(''), fc.ipV4()),
    source6: fc.oneof(fc.constant(''), fc.ipV6()),
    excludedPorts: fc.array(fc.record({ first: port, last: port }), { maxLength: 40 }),
  })
  fc.assert(
    fc.property(record, (policy) => {
      assert.equal(encodePolicy(policy).length, POLICY.size)
    }),
  )
})
