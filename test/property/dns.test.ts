/** The DNS server reads what anybody sends it: whatever the bytes, nothing throws, hangs or grows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from 'dns-packet'
import fc from 'fast-check'
import { addressNumber, addressText4, addressText6, canonicalAddress } from '../../src/dns/address.ts'
import { composeAnswer, readAnswer } from '../../src/dns/answer.ts'
import { createUnframer, framed } from '../../src/dns/framing.ts'
import { createIntents } from '../../src/dns/intents.ts'
import { readQuestion } from '../../src/dns/question.ts'
import { walkRecords } from '../../src/dns/records.ts'
import { createReserved } from '../../src/dns/reserved.ts'
import { parseResolvConf } from '../../src/dns/resolv-conf.ts'
import { formatAddress } from '../../src/kernel/address.ts'
import { answerTo, queryFor, record } from '../support/dns-messages.ts'

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const hostName = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((array) => array.join('.'))
/** Sixteen bytes with many zeros, where spellings differ. */
const sixteen = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0x12, 0xff), { minLength: 16, maxLength: 16 })
  .map((array) => Buffer.from(array))
const groupsOf = (address: Buffer): string =>
  Array.from({ length: 8 }, (_, i) => address.readUInt16BE(i * 2).toString(16)).join(':')

/** Whole messages, changed in places: further in than noise ever gets. */
const mutated = fc
  .record({
    name: hostName,
    records: fc.array(fc.record({ name: hostName, data: address4, isAlias: fc.boolean() }), { maxLength: 6 }),
    ednsBytes: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }),
    cut: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ name, records, ednsBytes, changes, cut }) => {
    const query = queryFor(name, ednsBytes === undefined ? {} : { ednsBytes })
    const answers = records.map((one) =>
      one.isAlias ? record('CNAME', name, one.name) : record('A', one.name, one.data),
    )
    const message = answerTo(query, { answers })
    for (const [at, value] of changes) message[at % message.length] = value
    return cut === undefined ? message : message.subarray(0, cut % message.length)
  })
const hostile = fc.oneof(bytes(600), mutated)

test('any question that dns-packet writes is read back the same', () => {
  fc.assert(
    fc.property(hostName, fc.constantFrom('A', 'AAAA', 'TXT', 'UNKNOWN_65'), (name, type) => {
      const question = readQuestion(queryFor(name, { type }))
      assert.equal(question?.name, name.toLowerCase())
      assert.equal(question?.end, queryFor(name).length)
    }),
  )
})

test('whatever the bytes, a question or an answer is read or it is not', () => {
  fc.assert(
    fc.property(hostile, hostile, (message, other) => {
      const question = readQuestion(message)
      if (!question) return
      assert.ok(question.end <= message.length)
      for (const answer of [message, other]) {
        const read = readAnswer(answer, question)
        for (const at of read?.ttlsAt ?? []) assert.ok(at + 4 <= answer.length)
        for (const address of read?.addresses ?? []) assert.equal(canonicalAddress(address), address)
        assert.ok((read?.keepS ?? 0) >= 0)
      }
    }),
    { numRuns: 2000 },
  )
})

test('whatever the bytes, records lie within the message and after one another', () => {
  fc.assert(
    fc.property(hostile, fc.nat(40), (message, start) => {
      let last = start
      for (const { ttlAt, dataAt, dataLength } of walkRecords(message, start) ?? []) {
        assert.ok(last < ttlAt && ttlAt < dataAt && dataAt + dataLength <= message.length)
        last = dataAt + dataLength - 1
      }
    }),
    { numRuns: 2000 },
  )
})

test('whatever the query, our answer can be read, echoes the question and keeps to 512 bytes', () => {
  const twelve = hostile.filter((message) => message.length >= 12)
  fc.assert(
    fc.property(twelve, fc.constantFrom(undefined, '240.241.0.1', '2001:2:0:1::1'), (query, address) => {
      const question = readQuestion(query)
      const own = { rcode: 0, transport: 'udp', ...(address ? { address } : {}) } as const
      const answer = composeAnswer(query, question, own)
      assert.deepEqual(answer.subarray(12, question?.end ?? 12), query.subarray(12, question?.end ?? 12))
      const { flag_qr: isAnswer, additionals } = decode(answer)
      assert.ok(isAnswer)
      if (additionals?.length === 0) assert.ok(answer.length <= 512)
    }),
    { numRuns: 2000 },
  )
})

test('a long chain of pointers in every record costs milliseconds', () => {
  const question = readQuestion(queryFor('a.test'))
  assert.ok(question)
  // Every pointer of the chain leads to the one before it, the first to the question's name; the records point at the last.
  const chain = Buffer.alloc(60_000)
  const first = question.end + 12
  for (let i = 0; i < chain.length / 2; i++) {
    const to = i === 0 ? 12 : first + 2 * (i - 1)
    if (to > 0x3fff) break
    chain.writeUInt16BE(0xc000 | to, 2 * i)
  }
  const holder = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, 0, 0])
  holder.writeUInt16BE(chain.length, 10)
  const last = 0xc000 | (0x3ffe - ((0x3ffe - first) % 2))
  const tail = Buffer.from([last >> 8, last & 0xff, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 1, 2, 3])
  const message = Buffer.concat([
    answerTo(queryFor('a.test')),
    holder,
    chain,
    ...Array.from({ length: 63 }, () => tail),
  ])
  message.writeUInt16BE(64, 6)
  const started = process.cpuUsage()
  for (let i = 0; i < 10; i++) readAnswer(message, question)
  const { user, system } = process.cpuUsage(started)
  assert.ok(user + system < 5_000_000, 'ten of them take less than five seconds of CPU on any machine')
})

test('a stream gives the same messages however it is cut', () => {
  fc.assert(
    fc.property(fc.array(bytes(40), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 })), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(framed))
      const unframe = createUnframer()
      const got: Buffer[] = []
      let at = 0
      for (const cut of [...cuts, stream.length]) {
        got.push(...unframe(stream.subarray(at, at + cut)))
        at += cut
      }
      assert.deepEqual(got, messages)
    }),
  )
})

test('whatever the text, resolv.conf has one to three nameservers that are addresses', () => {
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(
        fc.constantFrom('nameserver ', 'search ', 'domain\t', 'options ', '# ', ' '),
        fc.oneof(fc.string(), address4, fc.constantFrom('ndots:3', 'fe80::1%eth0', '::1', 'timeout:99999999999')),
      )
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const { nameservers, options } = parseResolvConf(lines.join('\n'))
      assert.ok(nameservers.length >= 1 && nameservers.length <= 3)
      for (const { address } of nameservers) assert.equal(canonicalAddress(address), address)
      assert.ok(options.ndots <= 15 && options.timeoutS <= 30 && options.attempts <= 5)
    }),
  )
})

test('addresses are spelled as the kernel records spell them', () => {
  fc.assert(
    fc.property(sixteen, (address) => {
      assert.equal(canonicalAddress(groupsOf(address)), formatAddress(address, 0))
    }),
  )
})

test('addresses survive the way to a number and back', () => {
  fc.assert(
    fc.property(address4, sixteen, (v4, v6) => {
      assert.equal(addressText4(addressNumber(v4)), v4)
      assert.equal(addressNumber(addressText6(addressNumber(groupsOf(v6)))), BigInt(`0x${v6.toString('hex')}`))
    }),
  )
})

test('however much is told, intents keep to their bounds and what was told last is known', () => {
  const tellings = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), hostName, fc.array(address4, { maxLength: 5 })), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(tellings, (told) => {
      const intents = createIntents({ now: () => 0, addressesPerWorkload: 6, addressesInAll: 10 })
      for (const [id, name, addresses] of told) {
        const workload = { id, name: 'w' }
        intents.remember(workload, name, addresses, 60)
        assert.ok(intents.size() <= 10)
        for (const address of addresses) assert.equal(intents.nameOf(workload, address), name)
      }
      for (let id = 1; id <= 4; id++) intents.forget({ id, name: 'w' })
      assert.equal(intents.size(), 0)
    }),
  )
})

test('however many names are asked for, no two share an address', () => {
  fc.assert(
    fc.property(fc.array(hostName, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (names, limit) => {
      const reserved = createReserved({
        range4: { address: '240.241.0.0', prefix: 16 },
        range6: { address: '2001:2:0:1::', prefix: 64 },
        limit,
      })
      for (const name of names) {
        const { v4, v6 } = reserved.reserve(name)
        assert.ok(reserved.isReserved(v4) && reserved.isReserved(v6))
        assert.deepEqual([reserved.nameOf(v4), reserved.nameOf(v6)], [name, name])
        assert.ok(reserved.size() <= limit)
      }
    }),
  )
})
