import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, parseAddress } from '../../src/kernel/address.ts'
import { replyTuple, type Tuple } from '../../src/kernel/conntrack-entry.ts'
import { searchConntrackFile } from '../../src/kernel/conntrack-file.ts'
import { parseConntrackLine, spellTuple } from '../../src/kernel/conntrack-line.ts'
import { decodeConntrackAnswer, encodeConntrackGet, encodeTuple } from '../../src/kernel/conntrack-message.ts'
import { decodeAttributes, decodeMessage, encodeMessage } from '../../src/kernel/netlink.ts'
import { decodeSockaddr } from '../../src/kernel/sockaddr.ts'
import { RECORDED } from '../support/conntrack-recorded.ts'

const canonical = (text: string): string => formatAddress(parseAddress(text), 0)
const PLAIN = { noNullPrototype: true } as const
const port = fc.nat(65_535)
const tupleOf = (address: fc.Arbitrary<string>): fc.Arbitrary<Tuple> => {
  const endpoint = fc.record({ address, port }, PLAIN)
  return fc.record({ source: endpoint, destination: endpoint }, PLAIN)
}
const v6 = fc
  .ipV6()
  .map(canonical)
  .filter((text) => text.includes(':'))
const tuple = fc.oneof(tupleOf(fc.ipV4()), tupleOf(v6))
const entry = fc.oneof(
  fc.record({ original: tupleOf(fc.ipV4()), reply: tupleOf(fc.ipV4()) }, PLAIN),
  fc.record({ original: tupleOf(v6), reply: tupleOf(v6) }, PLAIN),
)
const sequence = fc.nat(0xffff_ffff)

/** An answer as the kernel writes it, around any two tuples. */
const answerTo = (original: Tuple, reply: Tuple, number: number): Buffer =>
  encodeMessage({
    type: 0x100,
    flags: 0,
    sequence: number,
    payload: Buffer.concat([Buffer.from([2, 0, 0, 0]), encodeTuple(1, original), encodeTuple(2, reply)]),
  })

test('every entry is read from its message as it was written', () => {
  fc.assert(
    fc.property(entry, sequence, ({ original, reply }, number) => {
      const answer = decodeConntrackAnswer(answerTo(original, reply, number), number)
      assert.deepEqual(answer, { kind: 'entry', entry: { original, reply } })
    }),
  )
})

test('every question is one whole message with its number', () => {
  fc.assert(
    fc.property(tuple, sequence, (reply, number) => {
      const bytes = encodeConntrackGet(reply, number)
      assert.equal(bytes.readUInt32LE(0), bytes.length)
      assert.equal(bytes.length % 4, 0)
      const message = decodeMessage(bytes)
      assert.equal(message?.sequence, number)
      assert.equal(message && decodeAttributes(message.payload.subarray(4))?.size, 1)
    }),
  )
})

const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 })

test('a damaged answer is an entry, an error or broken, and nothing is thrown', () => {
  const real = fc.constantFrom(RECORDED.v4.answer, RECORDED.v6.answer)
  fc.assert(
    fc.property(real, changes, fc.nat(), (bytes, list, cut) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of list) copy[at % copy.length] = value
      const answer = decodeConntrackAnswer(cut % 4 === 0 ? copy.subarray(0, cut % copy.length) : copy, 42)
      assert.ok(['entry', 'error', 'broken'].includes(answer.kind))
    }),
    { numRuns: 2000 },
  )
})

test('hostile attributes are read to their end, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const attributes = decodeAttributes(Buffer.from(bytes))
      let total = 0
      for (const payload of attributes?.values() ?? []) total += payload.length + 4
      assert.ok(total <= bytes.length)
      const payload = Buffer.concat([Buffer.alloc(4), bytes])
      const answer = decodeConntrackAnswer(encodeMessage({ type: 0x100, flags: 0, sequence: 1, payload }), 1)
      assert.notEqual(answer.kind, 'error')
    }),
  )
})

test('every entry is read from its line as it was written', () => {
  fc.assert(
    fc.property(entry, ({ original, reply }) => {
      const line = `ipv4     2 tcp      6 42 CLOSE ${spellTuple(original)}${spellTuple(reply)}mark=0 zone=0 use=2`
      assert.deepEqual(parseConntrackLine(line), { original, reply })
    }),
  )
})

test('a text is the line of an entry or of none, and nothing is thrown', () => {
  const word = fc.constantFrom(
    'tcp',
    '6',
    'src=',
    'dst=',
    'sport=',
    'dport=',
    '::',
    '10.0.0.1',
    '%eth0',
    '99999',
    '[X]',
  )
  const alike = fc.array(fc.oneof(word, fc.ipV4(), fc.ipV6(), port.map(String)), { maxLength: 40 })
  const line = fc.oneof(
    fc.string(),
    fc.tuple(alike, fc.constantFrom('', ' ')).map(([words, by]) => `ipv4 2 tcp 6 9 ${words.join(by)}`),
  )
  fc.assert(
    fc.property(line, (text) => {
      const parsed = parseConntrackLine(text)
      for (const end of parsed ? [parsed.original.source, parsed.reply.destination] : []) {
        assert.ok(end.port >= 0 && end.port <= 65_535)
        assert.equal(canonical(end.address), end.address)
      }
    }),
  )
})

test('a file of anything is searched to an end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 300 }), tuple, (bytes, size, reply) => {
      let at = 0
      const read = (buffer: Buffer): number => {
        const part = bytes.subarray(at, at + size)
        buffer.set(part)
        at += part.length
        return part.length
      }
      assert.deepEqual(searchConntrackFile(reply, { read, now: () => 0 }), { kind: 'nothing' })
    }),
  )
})

test('any two ends have a tuple of plain addresses of one family, or none', () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((text) => `::ffff:${text}`),
    fc.string(),
  )
  const end = fc.record({ address, port: fc.oneof(port, fc.integer()) })
  fc.assert(
    fc.property(end, end, (client, local) => {
      const reply = replyTuple({ client, local })
      if (!reply) return
      assert.equal(canonical(reply.source.address), reply.source.address)
      assert.equal(reply.source.address.includes(':'), reply.destination.address.includes(':'))
    }),
  )
})

test('any bytes are a socket address or none', () => {
  fc.assert(
    fc.property(fc.constantFrom(2, 10, 7), fc.uint8Array({ maxLength: 40 }), (family, bytes) => {
      const decoded = decodeSockaddr(Buffer.from([family, 0, ...bytes]))
      assert.ok(!decoded || parseAddress(decoded.address).length === 16)
    }),
  )
})
