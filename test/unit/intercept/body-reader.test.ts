import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Framing } from '../../../src/http1/framing.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'
import { BodyReader, type Collected } from '../../../src/intercept/body-reader.ts'
import { createBudget } from '../../../src/intercept/budget.ts'

const length = (bytes: number): Framing => ({ kind: 'length', bytes })
const reader = (framing: Framing, budget = createBudget(100, () => undefined)) =>
  new BodyReader(framing, DEFAULT_LIMITS, budget)
const noLimit = (): void => assert.fail('no limit was reached')

/** A sink that notes what it is given; `room` says how many chunks it takes before it asks to wait. */
const noting = (room = Number.POSITIVE_INFINITY) => {
  const seen: string[] = []
  return {
    seen,
    data: (chunk: Buffer): boolean => {
      seen.push(chunk.toString())
      return seen.length < room
    },
    end: (trailers: readonly string[]): void => void seen.push(`end ${trailers.join('=')}`),
  }
}

test('a whole body that has arrived with its head is taken without being held', () => {
  const body = reader(length(5))
  const whole = body.takeWhole(Buffer.from('hello next'), 5)
  assert.deepEqual([whole?.body.toString(), whole?.rest.toString()], ['hello', ' next'])
  assert.equal(body.done, true)
  assert.equal(body.payloadBytes, 5)
})

test('a body that is not all there, too long or chunked is not taken whole', () => {
  assert.equal(reader(length(5)).takeWhole(Buffer.from('hell'), 5), undefined)
  assert.equal(reader(length(5)).takeWhole(Buffer.from('hello'), 4), undefined)
  assert.equal(reader({ kind: 'chunked' }).takeWhole(Buffer.from('0\r\n\r\n'), 4), undefined)
})

test('a body of length 0 is done before a byte has come', () => {
  const body = reader(length(0))
  assert.equal(body.done, true)
  assert.equal(body.takeWhole(Buffer.from('next'), 0)?.rest.toString(), 'next')
})

test('a body taken whole and kept is given again', () => {
  const body = reader(length(5))
  const whole = body.takeWhole(Buffer.from('hello'), 5)
  body.keep(whole?.body ?? Buffer.alloc(0))
  assert.equal(body.takeWhole(Buffer.alloc(0), 5)?.body.toString(), 'hello')
  const sink = noting()
  body.stream(sink)
  assert.deepEqual(sink.seen, ['hello', 'end '])
})

test('a body held for matching is given whole, and again to whoever streams it', () => {
  const budget = createBudget(100, () => undefined)
  const body = reader({ kind: 'chunked' }, budget)
  const given: unknown[] = []
  body.collect(5, (whole) => given.push(whole.toString()), noLimit)
  assert.equal(body.feed(Buffer.from('3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n')).state, 'done')
  body.tellEnd()
  assert.deepEqual(given, ['abcde'])
  assert.equal(budget.taken, 5)
  const sink = noting()
  body.stream(sink)
  assert.deepEqual(sink.seen, ['abc', 'de', 'end X=y'])
  assert.equal(budget.taken, 0)
})

test('a body over the limit is unavailable, and streamed from its first byte in order', () => {
  const budget = createBudget(100, () => undefined)
  const body = reader({ kind: 'chunked' }, budget)
  const sink = noting()
  const unavailable = (whole: Collected): void => {
    assert.equal(whole, 'unavailable')
    body.stream(sink)
  }
  let hits = 0
  body.collect(4, unavailable, () => {
    hits += 1
  })
  body.feed(Buffer.from('3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n'))
  body.tellEnd()
  assert.deepEqual(sink.seen, ['abc', 'de', 'f', 'end '])
  assert.equal(hits, 1)
  assert.equal(budget.taken, 0)
})

test('a sink that is full stops the reading until it is resumed', () => {
  const body = reader(length(10))
  const sink = noting(1)
  body.stream(sink)
  body.feed(Buffer.from('hello'))
  assert.equal(body.wanted, false)
  assert.equal(body.hasSink, true)
  assert.equal(body.resume(), true)
  assert.equal(body.resume(), false)
  assert.equal(body.wanted, true)
})

test('a dropped body gives back what was held for it, and is wanted by nobody', () => {
  const budget = createBudget(100, () => undefined)
  const body = reader(length(10), budget)
  body.collect(10, () => assert.fail('it was dropped'), noLimit)
  body.feed(Buffer.from('hello'))
  assert.equal(budget.taken, 5)
  body.drop()
  assert.equal(budget.taken, 0)
  assert.equal(body.wanted, false)
})

test('a malformed body says why', () => {
  const body = reader({ kind: 'chunked' })
  body.stream(noting())
  assert.equal(body.feed(Buffer.from('nonsense')).state, 'bad')
  assert.notEqual(body.why, '')
})

test('what is left to come is known only where the framing says so', () => {
  const body = reader(length(10))
  assert.equal(body.leavesMoreThan(9), true)
  assert.equal(body.leavesMoreThan(10), false)
  assert.equal(reader({ kind: 'chunked' }).leavesMoreThan(0), false)
  body.stream(noting())
  assert.equal(body.leavesMoreThan(0), false)
})
