import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from 'dns-packet'
import { createAnswerCache } from '../../../src/dns/cache.ts'
import { createIntents } from '../../../src/dns/intents.ts'
import type { Ask, Asked } from '../../../src/dns/pending.ts'
import type { Question } from '../../../src/dns/question.ts'
import { createReserved } from '../../../src/dns/reserved.ts'
import { type Client, createResolver, type ResolverOptions } from '../../../src/dns/resolver.ts'
import { answerTo, NXDOMAIN, outlineOf, queryFor, REFUSED, record, SERVFAIL } from '../../support/dns-messages.ts'

const SHOP = { id: 1, name: 'shop' }
const FAILED: Asked = { kind: 'failed', why: 'timeout' }

type Upstream = (question: Question, query: Buffer) => Asked

/** A resolver whose upstream is a function; `ask` tells what came of one query. */
const setUp = (upstream: Upstream | undefined, options: Partial<ResolverOptions> = {}) => {
  const counts: string[] = []
  const asked: string[] = []
  const limits = { inFlight: 0 }
  const intents = createIntents({ now: () => 0 })
  const reserved = createReserved({
    range4: { address: '240.241.0.0', prefix: 16 },
    range6: { address: '2001:2:0:1::', prefix: 64 },
  })
  const handle = createResolver({
    isExpected: (name) => name === 'mock.test',
    isExpectedFirst: () => false,
    timeoutMs: 2000,
    maxInFlight: 8,
    intents,
    reserved,
    cache: createAnswerCache({ entries: 8, now: () => 0 }),
    count: (answer) => counts.push(answer),
    onInFlightLimit: () => limits.inFlight++,
    ...options,
  })
  const askUpstream: Ask | undefined =
    upstream &&
    ((query, question, timeoutMs, done) => {
      asked.push(`${question?.name} ${question?.type} ${timeoutMs}`)
      done(upstream(question ?? { name: '', type: 0, class: 1, end: 12 }, query))
    })
  const ask = (query: Buffer, client: Partial<Client> = {}) => {
    const replies: Buffer[] = []
    let done = 0
    handle(query, {
      workload: SHOP,
      hasIpv6: true,
      transport: 'udp',
      scope: '1',
      ask: askUpstream,
      reply: (message) => replies.push(message),
      done: () => done++,
      ...client,
    })
    return { replies, done, outlines: replies.map(outlineOf) }
  }
  return { ask, counts, asked, limits, intents, handle }
}

const answering =
  (packet: Packet, rcode = 0): Upstream =>
  (_, query) => ({ kind: 'answered', message: answerTo(query, packet, rcode), isLast: true })
const A_RECORD = answering({ answers: [record('A', 'orders.test', '10.1.2.3')] })

test('an answer goes back as it came, and is remembered', () => {
  const { ask, counts, intents } = setUp(A_RECORD)
  const query = queryFor('Orders.test', { ednsBytes: 4096, isDnssecOk: true })
  const { replies, done } = ask(query)
  assert.deepEqual(replies, [answerTo(query, { answers: [record('A', 'orders.test', '10.1.2.3')] })])
  assert.equal(done, 1)
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'orders.test')
  assert.deepEqual(counts, ['forwarded'])
})

test('the second time it comes from the cache, and is the name told last again', () => {
  const { ask, counts, asked, intents } = setUp(A_RECORD)
  ask(queryFor('orders.test'))
  intents.remember(SHOP, 'other.test', ['10.1.2.3'], 60)
  const { outlines } = ask(queryFor('orders.test', { id: 9 }))
  assert.deepEqual(outlines[0]?.data, ['10.1.2.3'])
  assert.equal(outlines[0]?.id, 9)
  assert.deepEqual(asked, ['orders.test 1 5000'])
  assert.equal(intents.nameOf(SHOP, '10.1.2.3'), 'orders.test')
  assert.deepEqual(counts, ['forwarded', 'cached'])
})

test('a truncated answer goes back truncated, and is asked for anew each time', () => {
  const { ask, asked } = setUp(answering({ flags: 0x0200 }))
  assert.equal(ask(queryFor('orders.test')).outlines[0]?.isTruncated, true)
  ask(queryFor('orders.test'))
  assert.equal(asked.length, 2)
})

test('a record of a type nobody knows goes through byte for byte', () => {
  const raw = Buffer.from('0001000000000100', 'hex')
  const answer = { answers: [{ type: 'UNKNOWN_65', name: 'orders.test', ttl: 60, data: raw }] } as unknown as Packet
  const { ask } = setUp(answering(answer))
  const query = queryFor('orders.test', { type: 'UNKNOWN_65' })
  assert.deepEqual(ask(query).replies, [answerTo(query, answer)])
})

for (const [situation, upstream] of [
  ['a resolver that says nothing', () => FAILED],
  ['no resolver', undefined],
] as const) {
  test(`with ${situation} a name that is not expected fails`, () => {
    const { ask, counts } = setUp(upstream)
    const { outlines, done } = ask(queryFor('orders.test'))
    assert.deepEqual([outlines[0]?.rcode, outlines[0]?.question, done], [SERVFAIL, 'orders.test A', 1])
    assert.deepEqual(counts, ['failed'])
  })
}

test('a name that does not exist and is not expected stays that way', () => {
  const { ask } = setUp(answering({}, NXDOMAIN))
  assert.equal(ask(queryFor('orders.test')).outlines[0]?.rcode, NXDOMAIN)
})

const missing: Readonly<Record<string, Upstream | undefined>> = {
  'does not exist': answering({}, NXDOMAIN),
  'has no record': answering({}),
  'is refused': answering({}, REFUSED),
  'makes the resolver fail': answering({}, SERVFAIL),
  'gets no answer in time': () => FAILED,
  'nobody can be asked for': undefined,
}
for (const [situation, upstream] of Object.entries(missing)) {
  test(`an expected name that ${situation} has reserved addresses`, () => {
    const { ask, counts } = setUp(upstream)
    const outlines = ['A', 'AAAA', 'TXT', 'UNKNOWN_65'].map((type) => ask(queryFor('Mock.test', { type })).outlines[0])
    assert.deepEqual(
      outlines.map((outline) => [outline?.rcode, outline?.data]),
      [
        [0, ['240.241.0.1']],
        [0, ['2001:2:0:1::1']],
        [0, []],
        [0, []],
      ],
    )
    assert.equal(outlines[0]?.question, 'Mock.test A')
    // A TXT or HTTPS query that succeeds with nothing in it needs no answer of ours.
    assert.deepEqual(counts.slice(0, 2), ['synthetic', 'synthetic'])
  })
}

test('without IPv6 an expected name has no IPv6 address, but exists', () => {
  const { ask } = setUp(answering({}, NXDOMAIN))
  const [outline] = ask(queryFor('mock.test', { type: 'AAAA' }), { hasIpv6: false }).outlines
  assert.deepEqual([outline?.rcode, outline?.data], [0, []])
})

test('an expected name that upstream knows is what upstream says', () => {
  const { ask, asked, counts, intents } = setUp(answering({ answers: [record('A', 'mock.test', '10.9.9.9')] }))
  assert.deepEqual(ask(queryFor('mock.test')).outlines[0]?.data, ['10.9.9.9'])
  assert.deepEqual(asked, ['mock.test 1 2000'])
  assert.deepEqual(counts, ['forwarded'])
  assert.equal(intents.nameOf(SHOP, '10.9.9.9'), 'mock.test')
})

test('an expected name with an IPv4 address only gets no IPv6 address from us', () => {
  const upstream: Upstream = ({ type }, query) =>
    answering(type === 1 ? { answers: [record('A', 'mock.test', '10.9.9.9')] } : {})({ type } as Question, query)
  const { ask, asked } = setUp(upstream)
  const [outline] = ask(queryFor('mock.test', { type: 'AAAA' })).outlines
  assert.deepEqual([outline?.rcode, outline?.data], [0, []])
  assert.deepEqual(asked, ['mock.test 28 2000', 'mock.test 1 2000'])
})

test('a truncated answer for an expected name goes back, as the address may be in the whole one', () => {
  const { ask } = setUp(answering({ flags: 0x0200 }))
  assert.equal(ask(queryFor('mock.test')).outlines[0]?.isTruncated, true)
})

test('when nothing may leave, an expected name is answered without asking', () => {
  const { ask, asked } = setUp(A_RECORD, { isExpectedFirst: () => true })
  assert.deepEqual(ask(queryFor('mock.test')).outlines[0]?.data, ['240.241.0.1'])
  assert.deepEqual(asked, [])
})

test('an expected name in another class than IN is passed on', () => {
  const { ask, counts } = setUp(answering({}, REFUSED))
  const query = queryFor('mock.test')
  query.writeUInt16BE(3, query.length - 2)
  assert.equal(ask(query).replies[0]?.readUInt8(3), 0x80 | REFUSED)
  assert.deepEqual(counts, ['forwarded'])
})

test('a search domain makes another name', () => {
  const { ask, counts } = setUp(answering({}, NXDOMAIN))
  ask(queryFor('mock.test.svc.cluster.local'))
  assert.deepEqual(counts, ['forwarded'])
})

for (const [situation, message] of [
  ['an answer', answerTo(queryFor('orders.test'))],
  ['eleven bytes', Buffer.alloc(11)],
  ['nothing', Buffer.alloc(0)],
] as const) {
  test(`${situation} instead of a query is dropped`, () => {
    const { ask, counts } = setUp(A_RECORD)
    const { replies, done } = ask(message)
    assert.deepEqual([replies, done], [[], 1])
    assert.deepEqual(counts, ['dropped'])
  })
}

test('what has no readable question is passed on all the same', () => {
  const { ask, counts } = setUp((_, query) => ({ kind: 'answered', message: Buffer.from(query), isLast: true }))
  const update = Buffer.from('1234280000010000000000000000060001', 'hex')
  assert.deepEqual(ask(update).replies, [update])
  assert.deepEqual(counts, ['forwarded'])
})

test('the messages of a zone transfer all go back', () => {
  const parts: Asked[] = []
  const { handle, counts } = setUp(undefined)
  const replies: Buffer[] = []
  let done = 0
  const query = queryFor('test', { type: 'AXFR' })
  for (const id of [1, 2, 3]) parts.push({ kind: 'answered', message: queryFor('test', { id }), isLast: false })
  handle(query, {
    workload: SHOP,
    hasIpv6: true,
    transport: 'tcp',
    scope: '1',
    ask: (_query, _question, _timeoutMs, tell) => [...parts, { kind: 'ended' } as const].forEach(tell),
    reply: (message) => replies.push(message),
    done: () => done++,
  })
  assert.deepEqual(
    replies.map((reply) => reply.readUInt16BE(0)),
    [1, 2, 3],
  )
  assert.deepEqual([done, counts], [1, ['forwarded']])
})

test('beyond the bound of waiting queries one more is dropped, and counted', () => {
  const waiting: ((asked: Asked) => void)[] = []
  const never: Ask = (_query, _question, _timeoutMs, done) => void waiting.push(done)
  const { ask, counts, limits } = setUp(undefined, { maxInFlight: 2 })
  ask(queryFor('a.test'), { ask: never })
  ask(Buffer.alloc(12), { ask: never })
  for (const query of [queryFor('c.test'), Buffer.alloc(12)]) ask(query, { ask: never })
  assert.deepEqual([counts, limits.inFlight], [['dropped', 'dropped'], 2])
  for (const done of waiting.splice(0)) done(FAILED)
  ask(queryFor('d.test'), { ask: never })
  assert.deepEqual(counts, ['dropped', 'dropped', 'failed', 'failed'])
  assert.equal(waiting.length, 1)
})
