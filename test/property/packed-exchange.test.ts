/** An exchange that is packed is read as it was, whatever it consists of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createEventLog } from '../../src/control/event-log.ts'
import { KeptBytes } from '../../src/control/kept-bytes.ts'
import type { About, LoggedExchange, LoggedResponse } from '../../src/control/logged-exchange.ts'
import type { Flow } from '../../src/flow.ts'

/** What a head can have in it: one byte a character, and no line end. */
const latin1 = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes.filter((code) => code !== 10)))
const headers = fc.array(fc.tuple(latin1, latin1), { maxLength: 5 }).map((pairs) => pairs.flat())
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const endpoint = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 0, max: 65_535 }) })
const bodyOf = (held: Buffer, more: number): KeptBytes => KeptBytes.ended(held, held.length + more, more > 0)
const body = fc.tuple(bytes, fc.nat(2 ** 40)).map(([held, more]) => bodyOf(held, more))

const head = fc.record(
  {
    method: latin1,
    target: latin1,
    path: latin1,
    query: latin1,
    httpVersion: fc.constantFrom('1.0' as const, '1.1' as const),
    headers,
    host: latin1,
    isSecure: fc.constant(true as const),
  },
  { requiredKeys: ['method', 'target', 'path', 'query', 'httpVersion', 'headers'] },
)
const FLOW: Flow = {
  cookie: 0n,
  workload: { id: 1, name: 'w', namespace: 'shop' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 1 },
  local: { address: '127.0.0.1', port: 2 },
  fd: -1,
}

/** Most targets are what their parts say. */
const plain = head.map((one) => ({ ...one, target: one.query === '' ? one.path : `${one.path}?${one.query}` }))

const about: fc.Arbitrary<About> = fc.record({
  head: fc.oneof(head, plain),
  body,
  client: endpoint,
  local: endpoint,
  receivedAtMs: fc.double({ min: 0, max: 1e13, noNaN: true }),
  decision: fc.constantFrom('mock' as const, 'forward' as const, 'refuse' as const, 'relay' as const),
  expectationId: fc.option(fc.oneof(fc.uuid(), fc.string({ unit: 'binary' })), { nil: undefined }),
  flow: fc.option(
    fc.record({ cookie: fc.bigInt() }).map((one) => ({ ...FLOW, ...one })),
    { nil: undefined },
  ),
  destination: fc.option(fc.oneof(endpoint, fc.record({ address: fc.domain(), port: fc.nat(65_535) })), {
    nil: undefined,
  }),
  closest: fc.option(
    fc.record({
      expectationId: fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }), fc.constant('GET a.test/x #2')),
      reason: fc.constantFrom('path' as const, 'scope' as const, 'queryStringParameters' as const),
    }),
    { nil: undefined },
  ),
})

const response: fc.Arbitrary<LoggedResponse | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.tuple(bytes, fc.boolean()).map(([all, isCut]) => ({ kind: 'whole' as const, bytes: all, isCut })),
  // Longer than what is copied.
  bytes.map((start) => ({ kind: 'whole' as const, bytes: Buffer.concat([start, Buffer.alloc(5000)]), isCut: false })),
  fc.record({
    kind: fc.constant('streamed' as const),
    statusCode: fc.integer({ min: 100, max: 999 }),
    reason: fc.option(latin1, { nil: undefined }),
    headers,
    body,
  }),
)

const plainBody = ({ bytes: held, total, isCut }: KeptBytes) => ({ held: held.toString('hex'), total, isCut })

const plainOf = (entry: LoggedExchange) => ({
  head: { ...entry.head, headers: [...entry.head.headers] },
  client: { ...entry.client },
  local: { ...entry.local },
  ...{ receivedAtMs: entry.receivedAtMs, answeredAtMs: entry.answeredAtMs, decision: entry.decision },
  ...{ expectationId: entry.expectationId, body: plainBody(entry.body), correlationId: entry.correlationId },
  flow: entry.flow,
  destination: entry.destination && { ...entry.destination },
  closest: entry.closest && { ...entry.closest },
  response:
    entry.response?.kind === 'streamed'
      ? { ...entry.response, body: plainBody(entry.response.body) }
      : entry.response && { ...entry.response, bytes: entry.response.bytes.toString('hex') },
})

test('exchanges are read as they were before they were packed', () => {
  const exchange = fc.tuple(about, response, fc.double({ min: 0, max: 1e13, noNaN: true }))
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 8 }), (exchanges) => {
      const log = createEventLog({ limitBytes: 10_000_000, bodyBytes: 100_000, onEvicted: () => {} })
      const before = exchanges.map(([given, answer, answeredAtMs]) => {
        const entry = log.begin(given)
        if (answer) log.answered(entry, answer)
        log.ended(entry, answeredAtMs, false)
        const seen = plainOf(entry)
        log.received(entry)
        return seen
      })
      const read = () => log.exchanges.map(plainOf)
      assert.deepEqual(read(), before)
      log.remove(({ decision }) => decision === 'relay')
      assert.deepEqual(
        read(),
        before.filter(({ decision }) => decision !== 'relay'),
      )
      log.remove(() => true)
      assert.equal(log.bytes, 0)
    }),
  )
})
