import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, type Packet } from 'dns-packet'
import { composeAnswer, type OwnAnswer, type ReadAnswer, readAnswer } from '../../../src/dns/answer.ts'
import { type Question, readQuestion } from '../../../src/dns/question.ts'
import {
  type Asking,
  answerTo,
  NXDOMAIN,
  outlineOf,
  queryFor,
  record,
  SERVFAIL,
  soa,
} from '../../support/dns-messages.ts'

const asked = (name: string, asking?: Asking): { query: Buffer; question: Question } => {
  const query = queryFor(name, asking)
  const question = readQuestion(query)
  assert.ok(question)
  return { query, question }
}

const learnt = (name: string, packet: Packet, rcode = 0): ReadAnswer | undefined => {
  const { query, question } = asked(name)
  return readAnswer(answerTo(query, packet, rcode), question)
}

test('addresses and the names of a chain are read', () => {
  const answers = [
    record('CNAME', 'shop.test', 'CDN.test', 300),
    record('CNAME', 'cdn.test', 'edge.test', 30),
    record('A', 'edge.test', '10.1.2.3', 60),
    record('A', 'edge.test', '10.1.2.4', 60),
  ]
  const read = learnt('Shop.test', { answers })
  assert.deepEqual(read?.addresses, ['10.1.2.3', '10.1.2.4'])
  assert.deepEqual(read?.aliases, ['cdn.test', 'edge.test'])
  assert.equal(read?.ttlS, 30)
  assert.equal(read?.keepS, 30)
  assert.equal(read?.ttlsAt.length, 4)
})

test('IPv6 addresses are spelled as the kernel records spell them', () => {
  const answers = ['2001:0:0:1:0:0:0:1', '::ffff:10.1.2.3', 'fd00:0:0:0:0:0:0:0'].map((data) =>
    record('AAAA', 'a.test', data),
  )
  assert.deepEqual(learnt('a.test', { answers })?.addresses, ['2001:0:0:1::1', '10.1.2.3', 'fd00::'])
})

test('an address record of the wrong length teaches nothing', () => {
  const { query, question } = asked('a.test')
  const answer = answerTo(query, { answers: [record('A', 'a.test', '10.1.2.3'), record('A', 'a.test', '10.1.2.4')] })
  const lengthAt = answer.length - 6
  assert.equal(answer.readUInt16BE(lengthAt), 4)
  answer.writeUInt16BE(3, lengthAt)
  assert.deepEqual(readAnswer(answer.subarray(0, -1), question)?.addresses, [])
})

test('an answer with fewer records than it counts teaches nothing at all', () => {
  const { query, question } = asked('a.test')
  const answer = answerTo(query, { answers: [record('A', 'a.test', '10.1.2.3')] })
  for (const countAt of [6, 8, 10]) {
    const broken = Buffer.from(answer)
    broken.writeUInt16BE(0xffff, countAt)
    assert.equal(readAnswer(broken, question), undefined)
  }
})

test('an owner that points to itself teaches no address', () => {
  const { query, question } = asked('a.test')
  const answer = Buffer.concat([
    answerTo(query),
    Buffer.from([0xc0, question.end, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]),
  ])
  answer.writeUInt16BE(1, 6)
  assert.deepEqual(readAnswer(answer, question)?.addresses, [])
})

test('more addresses than are remembered are no reason to fail', () => {
  const answers = Array.from({ length: 65 }, (_, i) => record('A', 'a.test', `10.1.2.${i}`))
  assert.deepEqual(learnt('a.test', { answers })?.addresses, [])
  assert.equal(learnt('a.test', { answers: answers.slice(1) })?.addresses.length, 64)
})

for (const [situation, packet, rcode, keepS] of [
  ['an address', { answers: [record('A', 'a.test', '10.1.2.3', 7)] }, 0, 7],
  [
    'an address whose time to live has its first bit set',
    { answers: [record('A', 'a.test', '10.1.2.3', 2 ** 31)] },
    0,
    0,
  ],
  ['a name that does not exist, with an SOA', { authorities: [soa(20)] }, NXDOMAIN, 20],
  ['a name that does not exist, with a short-lived SOA', { authorities: [soa(20, 5)] }, NXDOMAIN, 5],
  ['a name that does not exist, without an SOA', {}, NXDOMAIN, 0],
  ['a type that does not exist, with an SOA', { authorities: [soa(9)] }, 0, 9],
  ['a failure', { authorities: [soa(9)] }, SERVFAIL, 0],
  ['a truncated answer', { flags: 0x0200, answers: [record('A', 'a.test', '10.1.2.3', 7)] }, 0, 0],
] as const) {
  test(`${situation} is kept for ${keepS} seconds`, () => {
    assert.equal(learnt('a.test', packet as Packet, rcode)?.keepS, keepS)
  })
}

const composed = (name: string, own: Partial<OwnAnswer>, asking?: Asking): Buffer => {
  const { query, question } = asked(name, asking)
  return composeAnswer(query, question, { rcode: 0, transport: 'udp', ...own })
}

test('our own answer echoes id and question with the case it was asked in', () => {
  const answer = composed('OrDeRs.tEsT', { address: '240.241.0.1', ttlS: 5 }, { id: 0xbeef })
  const { id, questions, answers, flags } = decode(answer)
  assert.equal(id, 0xbeef)
  assert.deepEqual(questions, [{ name: 'OrDeRs.tEsT', type: 'A', class: 'IN' }])
  assert.deepEqual(answers, [
    { name: 'OrDeRs.tEsT', type: 'A', ttl: 5, class: 'IN', flush: false, data: '240.241.0.1' },
  ])
  assert.equal(flags, 0x0180, 'recursion desired and available')
})

test('a query without EDNS gets an answer without; one with gets its DO bit back', () => {
  assert.deepEqual(decode(composed('a.test', {})).additionals, [])
  const [opt] = decode(composed('a.test', {}, { ednsBytes: 4096, isDnssecOk: true })).additionals ?? []
  assert.ok(opt?.type === 'OPT')
  assert.equal(opt.flag_do, true)
  assert.equal(opt.udpPayloadSize, 1232)
})

test('a name that is not plain text gets no address, rather than another name one', () => {
  const query = queryFor('a-b.test')
  query[14] = 0x2e
  const question = readQuestion(query)
  assert.equal(question?.name, 'a\\046b.test')
  const answer = composeAnswer(query, question, { rcode: 0, transport: 'udp', address: '240.241.0.1' })
  assert.equal(answer.readUInt16BE(6), 0)
})

const LONG = [63, 63, 63, 61].map((length) => 'a'.repeat(length)).join('.')

test('an answer longer than 512 bytes is cut over UDP, and says so', () => {
  const { isTruncated, data, question } = outlineOf(composed(LONG, { address: '240.241.0.1' }))
  assert.deepEqual([isTruncated, data, question], [true, [], `${LONG} A`])
})

test('the same answer is whole over TCP, and for a client that takes more', () => {
  for (const answer of [
    composed(LONG, { address: '240.241.0.1', transport: 'tcp' }),
    composed(LONG, { address: '240.241.0.1' }, { ednsBytes: 1232 }),
  ]) {
    const { isTruncated, data } = outlineOf(answer)
    assert.deepEqual([isTruncated, data], [false, ['240.241.0.1']])
  }
})

test('a message whose question cannot be read is answered with its id alone', () => {
  const query = Buffer.from([0xbe, 0xef, 0x21, 0, 0, 3, 0, 0, 0, 0, 0, 7, 1, 2, 3])
  const answer = composeAnswer(query, undefined, { rcode: 2, transport: 'udp' })
  assert.equal(answer.toString('hex'), `beef${(0x8000 | 0x2000 | 0x0100 | 0x0080 | 2).toString(16)}0000000000000000`)
})
