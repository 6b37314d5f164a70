import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createByteRing } from '../../../src/control/byte-ring.ts'
import { createEventLog, type EventLog } from '../../../src/control/event-log.ts'
import type { LoggedExchange, OpenExchange } from '../../../src/control/logged-exchange.ts'
import { head } from '../decide/build.ts'

const HERE = { address: '127.0.0.1', port: 1080 }

const logOf = (limitBytes: number, bodyBytes = 1000) => {
  const seen = { evicted: 0 }
  const log = createEventLog({ limitBytes, bodyBytes, onEvicted: () => seen.evicted++ })
  return { log, seen }
}

const come = (log: EventLog, path: string, body = ''): OpenExchange => {
  const kept = log.keep()
  kept.take(Buffer.from(body))
  const about = { client: HERE, local: HERE, receivedAtMs: 0, decision: 'mock', expectationId: 'e' } as const
  return log.begin({ ...about, head: head(`GET ${path}`), body: kept })
}

const paths = ({ exchanges }: EventLog): string[] => exchanges.map(({ head: { path } }) => path)

const whole = (size: number) => ({
  kind: 'whole' as const,
  bytes: Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), Buffer.alloc(size)]),
  isCut: false,
})

test('the oldest goes when the bytes are used up, and is counted', () => {
  const { log, seen } = logOf(10_000)
  for (let n = 0; n < 100; n++) come(log, `/${n}`, 'x'.repeat(1000))
  assert.ok(log.bytes <= 10_000)
  assert.equal(paths(log).at(-1), '/99')
  assert.equal(paths(log).length + log.evicted, 100)
  assert.equal(seen.evicted, log.evicted)
})

test('a body that grows drives others out, and at last its own request', () => {
  const { log } = logOf(5000)
  come(log, '/old')
  const entry = come(log, '/new')
  log.grown(entry, 4000)
  assert.deepEqual(paths(log), ['/new'])
  log.grown(entry, 3000)
  assert.deepEqual([paths(log), log.bytes], [[], 0])
  log.grown(entry, 3000)
  assert.equal(log.bytes, 0)
})

test('one answer for many requests is counted once, until nobody has it', () => {
  const { log } = logOf(1_000_000)
  const answer = whole(50_000)
  const entries = ['/1', '/2', '/3'].map((path) => come(log, path))
  const before = log.bytes
  for (const entry of entries) log.answered(entry, answer)
  assert.equal(log.bytes - before, answer.bytes.length)
  log.remove((entry) => entry !== entries[0])
  assert.ok(log.bytes > answer.bytes.length)
  log.remove(() => true)
  assert.equal(log.bytes, 0)
})

test('an answer that would drive out much of the rest is kept in part', () => {
  const { log } = logOf(80_000, 100)
  const entry = come(log, '/')
  log.answered(entry, whole(20_000))
  assert.ok(entry.response?.kind === 'whole' && entry.response.isCut)
  assert.equal(entry.response.bytes.length, 'HTTP/1.1 200 OK\r\n\r\n'.length + 100)
})

test('what is cleared is freed, and what is answered afterwards is not kept', () => {
  const { log } = logOf(3000)
  for (let n = 0; n < 5; n++) come(log, `/${n}`)
  const entry = come(log, '/late')
  log.clear()
  log.answered(entry, whole(10))
  log.grown(entry, 10)
  assert.deepEqual([paths(log), log.bytes, log.evicted], [[], 0, 0])
})

test('removing exchanges keeps notes and the order', () => {
  const { log } = logOf(100_000)
  come(log, '/a')
  log.note('CLEARED', 0, 'x')
  come(log, '/b')
  come(log, '/a')
  log.remove((entry) => entry.head.path === '/a')
  assert.deepEqual([paths(log), log.notes.map(({ type }) => type)], [['/b'], ['CLEARED']])
})

test('what the API is told drives out no request', () => {
  const { log } = logOf(64_000)
  come(log, '/a')
  for (let n = 0; n < 1000; n++) log.note('VERIFICATION', 0, 'verifying:{}', { n, text: 'x'.repeat(100) })
  assert.deepEqual([paths(log), log.evicted], [['/a'], 0])
  assert.ok(log.notes.length > 0 && log.bytes < 64_000 * 1.1)
})

test('a note whose documents are long is kept without them', () => {
  const { log } = logOf(10_000_000)
  log.note('VERIFICATION', 0, 'verifying:{}', 'x'.repeat(100_000))
  assert.equal(log.notes[0]?.documents, undefined)
})

test('a smaller bound takes effect at once, and bodies to come are kept within theirs', () => {
  const { log } = logOf(100_000)
  for (let n = 0; n < 50; n++) come(log, `/${n}`, 'x'.repeat(500))
  log.bound(10_000, 3)
  assert.ok(log.bytes <= 10_000)
  assert.equal(log.evicted, 50 - paths(log).length)
  assert.equal(come(log, '/last', 'long').body.held, 3)
})

test('whoever watches is told of each change, until it stops', () => {
  const { log } = logOf(100_000)
  const told: (LoggedExchange | undefined)[] = []
  const stop = log.watch((entry) => told.push(entry))
  const entry = come(log, '/')
  log.ended(entry, 1)
  log.clear()
  stop()
  come(log, '/')
  assert.deepEqual(told, [entry, entry, undefined])
})

/** How often the ring looks at the cost of an item, while `more` are added to one that is full with `full` of them. */
const looksWhenFull = (full: number, more: number): number => {
  let looks = 0
  const item = (): { costBytes: number | undefined } => {
    let cost: number | undefined
    return {
      get costBytes() {
        looks++
        return cost
      },
      set costBytes(to) {
        looks++
        cost = to
      },
    }
  }
  const ring = createByteRing(full, () => undefined)
  for (let n = 0; n < full; n++) ring.add(item(), 1)
  looks = 0
  for (let n = 0; n < more; n++) ring.add(item(), 1)
  assert.equal(ring.bytes, full)
  return looks
}

test('adding to a full log costs the same however much is in it', () => {
  assert.equal(looksWhenFull(10, 1000), looksWhenFull(10_000, 1000))
  assert.ok(looksWhenFull(10_000, 1000) <= 4 * 1000)
})

test('of a long body the start is kept, and how long it was', () => {
  const { log } = logOf(100_000, 4)
  const kept = log.keep()
  assert.deepEqual(
    [kept.take(Buffer.from('abc')), kept.take(Buffer.from('def')), kept.take(Buffer.from('g'))],
    [3, 1, 0],
  )
  assert.deepEqual([kept.bytes.toString(), kept.total, kept.isCut], ['abcd', 7, true])
})

const over = (log: EventLog, path: string, answer = whole(10)): OpenExchange => {
  const entry = come(log, path)
  log.answered(entry, answer)
  log.ended(entry, 1, true)
  return entry
}

test('an exchange that is over costs less than one that is not, and is evicted and counted like it', () => {
  const { log, seen } = logOf(20_000)
  come(log, '/open')
  const open = log.bytes
  over(log, '/0')
  assert.ok(log.bytes - open < open / 2)
  for (let n = 1; n < 1000; n++) over(log, `/${n}`)
  assert.ok(log.bytes <= 20_000)
  assert.equal(paths(log).at(-1), '/999')
  assert.equal(paths(log).length + log.evicted, 1001)
  assert.equal(seen.evicted, log.evicted)
})

test('what somebody reads stays as it was while others come', () => {
  const { log } = logOf(100_000)
  for (let n = 0; n < 300; n++) over(log, `/${n}`)
  const [entry] = log.exchanges
  assert.ok(entry)
  for (let n = 300; n < 5000; n++) over(log, `/${n}`)
  assert.equal(entry.head.path.length > 0 && paths(log).includes(entry.head.path), false)
  assert.equal(entry.head.headers.length, 0)
  assert.equal(entry.response?.kind === 'whole' && entry.response.bytes.subarray(0, 15).toString(), 'HTTP/1.1 200 OK')
})

test('an exchange keeps its id when it is over, and when others are removed', () => {
  const { log } = logOf(100_000)
  come(log, '/a')
  const { correlationId } = over(log, '/b')
  const ids = () => log.exchanges.map((entry) => entry.correlationId)
  assert.equal(ids()[1], correlationId)
  log.remove(({ head }) => head.path === '/a')
  assert.deepEqual(ids(), [correlationId])
})

test('a long answer that many have is given back when the last of them is over and gone', () => {
  const { log } = logOf(1_000_000)
  const answer = whole(50_000)
  for (let n = 0; n < 10; n++) over(log, `/${n}`, answer)
  assert.ok(log.bytes > 50_000 && log.bytes < 60_000)
  log.remove(({ head }) => head.path !== '/3')
  assert.ok(log.bytes > 50_000)
  log.remove(() => true)
  assert.equal(log.bytes, 0)
})

test('one that is still open when others are removed can still be answered', () => {
  const { log } = logOf(100_000)
  over(log, '/a')
  const late = come(log, '/late')
  log.remove(({ head }) => head.path === '/a')
  log.answered(late, whole(1))
  log.ended(late, 1)
  assert.deepEqual([paths(log), log.exchanges[0]?.response?.kind], [['/late'], 'whole'])
})
