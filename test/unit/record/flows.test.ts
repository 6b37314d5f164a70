import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFlowFeed, type FlowReader } from '../../../src/record/flows.ts'
import { type ExchangeLine, exchangeLine, overwrite, type RecordLine } from '../../../src/record/line.ts'
import { exchange, request, turn } from './samples.ts'

const line = (path: string): RecordLine => exchangeLine(exchange({ request: request({ path }) }))

/** A reader that keeps the path of each line, and says `more` to the feed. */
const reader = (more = true) => {
  const seen: string[] = []
  let ended = false
  const port: FlowReader = {
    write(lines) {
      for (const text of lines.trimEnd().split('\n')) {
        const record = JSON.parse(text)
        seen.push(record.kind === 'gap' ? `gap of ${record.dropped}` : record.path)
      }
      return more
    },
    end: () => {
      ended = true
    },
  }
  return { ...port, seen, isEnded: () => ended }
}

test('a reader gets what is published after it came', async () => {
  const feed = createFlowFeed()
  feed.publish(line('/before'))
  const one = reader()
  feed.subscribe(one)
  feed.publish(line('/after'))
  await turn()
  assert.deepEqual(one.seen, ['/after'])
})

test('a replay starts with the last lines, oldest first, and goes on live', async () => {
  const feed = createFlowFeed({ ringLines: 3 })
  for (const path of ['/1', '/2', '/3', '/4', '/5']) feed.publish(line(path))
  const two = reader()
  const all = reader()
  feed.subscribe(two, { replay: 2 })
  feed.subscribe(all, { replay: 100 })
  feed.publish(line('/6'))
  await turn()
  assert.deepEqual(two.seen, ['/4', '/5', '/6'])
  assert.deepEqual(all.seen, ['/3', '/4', '/5', '/6'])
})

test('a replay larger than the queue keeps the newest lines', async () => {
  const feed = createFlowFeed({ queueChars: 1500 })
  for (const path of ['/1', '/2', '/3', '/4', '/5']) feed.publish(line(path))
  const one = reader()
  feed.subscribe(one, { replay: 5 })
  await turn()
  assert.equal(one.seen.at(-1), '/5')
  assert.ok(one.seen.length < 5)
})

test('a reader with a limit is ended after so many lines, replayed ones included', async () => {
  const feed = createFlowFeed()
  feed.publish(line('/1'))
  const one = reader()
  feed.subscribe(one, { replay: 1, limit: 2 })
  for (const path of ['/2', '/3']) feed.publish(line(path))
  await turn()
  assert.deepEqual(one.seen, ['/1', '/2'])
  assert.ok(one.isEnded())
})

test('a slow reader loses lines, hears how many, and does not hold up a fast one', async () => {
  let dropped = 0
  const feed = createFlowFeed({ queueLines: 2, onDrop: (lines) => (dropped += lines) })
  const slow = reader(false)
  const fast = reader()
  const subscription = feed.subscribe(slow)
  feed.subscribe(fast)
  for (let i = 0; i < 6; i++) {
    feed.publish(line(`/${i}`))
    await turn()
  }
  assert.deepEqual(slow.seen, ['/0'])
  assert.equal(fast.seen.length, 6)
  assert.equal(dropped, 3)
  subscription?.drained()
  assert.deepEqual(slow.seen, ['/0', '/1', '/2', 'gap of 3'])
})

test('a queue is bounded in characters too', () => {
  let dropped = 0
  const feed = createFlowFeed({ queueChars: 3200, onDrop: (lines) => (dropped += lines) })
  feed.subscribe(reader(false))
  for (let i = 0; i < 10; i++) feed.publish(line(`/${'x'.repeat(1000)}`))
  assert.equal(dropped, 8)
})

test('one reader too many is turned away until another leaves', () => {
  const counts: number[] = []
  const feed = createFlowFeed({ maxReaders: 2, onReaders: (count) => counts.push(count) })
  const first = feed.subscribe(reader())
  feed.subscribe(reader())
  assert.equal(feed.subscribe(reader()), undefined)
  first?.close()
  first?.close()
  assert.ok(feed.subscribe(reader()))
  assert.deepEqual(counts, [1, 2, 1, 2])
})

test('closing the feed ends its readers, and a late drain does nothing', async () => {
  const feed = createFlowFeed()
  const one = reader()
  const subscription = feed.subscribe(one)
  feed.publish(line('/1'))
  feed.close()
  subscription?.drained()
  await turn()
  assert.ok(one.isEnded())
  assert.deepEqual(one.seen, [])
})

test('without a ring, records are wanted only while somebody reads', () => {
  const feed = createFlowFeed({ ringLines: 0 })
  assert.equal(feed.wanted(), false)
  const subscription = feed.subscribe(reader())
  assert.equal(feed.wanted(), true)
  subscription?.close()
  assert.equal(feed.wanted(), false)
})

test('a line that takes the place of an older one has nothing left of it', () => {
  const newer = exchangeLine(exchange())
  const older = Object.fromEntries(Object.keys(newer).map((key) => [key, `old ${key}`]))
  const kept = { ...older, kind: 'exchange' } as unknown as ExchangeLine
  overwrite(kept, newer)
  assert.deepEqual(kept, newer)
})

test('records that have come after one that is kept are replayed as they were', () => {
  const feed = createFlowFeed({ ringLines: 3 })
  for (let n = 0; n < 8; n++) feed.publish(line(`/${n}`))
  const one = reader()
  feed.subscribe(one, { replay: 3, limit: 3 })
  return turn().then(() => assert.deepEqual(one.seen, ['/5', '/6', '/7']))
})

test('a reader that wants some of the lines gets those alone, in the replay too', async () => {
  const feed = createFlowFeed({ ringLines: 10 })
  for (const path of ['/a1', '/b1', '/a2', '/b2']) feed.publish(line(path))
  const one = reader()
  feed.subscribe(one, {
    replay: 1,
    limit: 2,
    wants: (record) => record.kind === 'exchange' && /^\/a/.test(record.path ?? ''),
  })
  for (const path of ['/b3', '/a3', '/a4']) feed.publish(line(path))
  await turn()
  assert.deepEqual(one.seen, ['/a2', '/a3'])
  assert.equal(one.isEnded(), true)
})
