import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Watch } from '../../../src/control/event-log.ts'
import type { Call } from '../../../src/control/ports.ts'
import { type Attempt, createWaiting } from '../../../src/control/waiting.ts'

/** A clock that is turned by hand, a log that changes when told to, and an attempt that counts how often it is made. */
const scene = () => {
  const timers: { atMs: number; then: () => void }[] = []
  const watches = new Set<Watch>()
  const seen = { looks: 0, tooMany: 0, lookMs: 0 }
  let nowMs = 0
  let holds = false
  const waiting = createWaiting({
    log: {
      watch: (told) => {
        watches.add(told)
        return () => watches.delete(told)
      },
    },
    nowMs: () => nowMs,
    after: (delayMs, then) => {
      const timer = { atMs: nowMs + delayMs, then }
      timers.push(timer)
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1))
    },
    onTooMany: () => seen.tooMany++,
  })
  const attempt = (): Attempt => {
    seen.looks++
    nowMs += seen.lookMs
    const status = holds ? 202 : 406
    return { isSettled: holds, reply: () => ({ status }) }
  }
  return {
    seen,
    timers,
    watches,
    attempt,
    waiting,
    changed: () => {
      for (const told of watches) told(undefined)
    },
    come: () => {
      holds = true
    },
    pass: (ms: number) => {
      nowMs += ms
      for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.then()
      }
    },
  }
}

const call = (): Call & { go: () => void } => {
  let told: () => void = () => undefined
  return {
    query: new URLSearchParams(),
    body: Buffer.alloc(0),
    nowMs: 0,
    onGone: (listener) => {
      told = listener
    },
    go: () => told(),
  }
}

test('without a timeout the first look is the answer', () => {
  const { waiting, attempt, watches } = scene()
  assert.deepEqual(waiting.until(call(), 0, attempt), { status: 406 })
  assert.equal(watches.size, 0)
})

test('what holds already is answered at once', () => {
  const { waiting, attempt, watches, come } = scene()
  come()
  assert.deepEqual(waiting.until(call(), 1000, attempt), { status: 202 })
  assert.equal(watches.size, 0)
})

test('it is answered in the turn after the change that made it hold, however many there were', async () => {
  const { waiting, attempt, watches, timers, come, changed, pass, seen } = scene()
  const answer = waiting.until(call(), 1000, attempt)
  pass(500)
  assert.equal(seen.looks, 1)
  changed()
  pass(0)
  assert.equal(seen.looks, 2)
  come()
  for (let n = 0; n < 100; n++) changed()
  pass(0)
  assert.deepEqual(await answer, { status: 202 })
  assert.deepEqual([seen.looks, watches.size, timers.length], [3, 0, 0])
})

test('a look that takes long is followed by a rest, so that traffic has most of the time', async () => {
  const { waiting, attempt, come, changed, pass, seen } = scene()
  const answer = waiting.until(call(), 1000, attempt)
  seen.lookMs = 10
  changed()
  pass(0)
  come()
  changed()
  pass(0)
  pass(39)
  assert.equal(seen.looks, 2)
  pass(1)
  assert.deepEqual([await answer, seen.looks], [{ status: 202 }, 3])
})

test('when the time is up, the last look is the answer', async () => {
  const { waiting, attempt, watches, timers, pass } = scene()
  const answer = waiting.until(call(), 1000, attempt)
  pass(1000)
  assert.deepEqual(await answer, { status: 406 })
  assert.deepEqual([watches.size, timers.length], [0, 0])
})

test('nobody waits longer than a minute', async () => {
  const { waiting, attempt, pass } = scene()
  const answer = waiting.until(call(), 1e12, attempt)
  pass(60_000)
  assert.deepEqual(await answer, { status: 406 })
})

test('nothing waits for a caller that has gone', () => {
  const { waiting, attempt, watches, timers } = scene()
  const gone = call()
  void waiting.until(gone, 1000, attempt)
  gone.go()
  assert.deepEqual([watches.size, timers.length], [0, 0])
})

test('one more than may wait is refused and counted, and there is room again afterwards', async () => {
  const { waiting, attempt, pass, seen } = scene()
  const answers = Array.from({ length: 32 }, () => waiting.until(call(), 1000, attempt))
  const refused = await waiting.until(call(), 1000, attempt)
  assert.deepEqual([refused.status, seen.tooMany], [503, 1])
  pass(1000)
  await Promise.all(answers)
  assert.ok(waiting.until(call(), 1000, attempt) instanceof Promise)
})
