import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { createStates } from '../../../src/agent/known.ts'

const FACTS = { uid: 'u-1', namespace: 'shop', name: 'web' }

/** Timers are those of the test: time goes on by `pass` alone. */
const make = (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  const looked: string[] = []
  const told: string[] = []
  const states = createStates({
    events: {
      report: (about, type, reason, message) => told.push([about.name, type, reason, message].join(' ')),
      close: async () => {},
    },
    log: pino({ enabled: false }),
    look: (uid) => looked.push(uid),
    nowMs: Date.now,
  })
  /** Milliseconds until the retry that is set comes; it is then due. */
  const untilLook = (): number => {
    const before = looked.length
    for (let ms = 1; ms <= 60_000; ms++) {
      t.mock.timers.tick(1)
      if (looked.length > before) return ms
    }
    return Number.POSITIVE_INFINITY
  }
  const known = states.of(FACTS as Parameters<typeof states.of>[0])
  return { states, looked, told, known, untilLook, pass: (ms: number) => t.mock.timers.tick(ms) }
}

test('a workload is known once, and waits at first', (t) => {
  const { states, known } = make(t)
  assert.deepEqual([known.state, known.attempts], ['waiting', 0])
  assert.equal(states.of(FACTS as Parameters<typeof states.of>[0]), known)
  assert.equal(states.get('u-1'), known)
  assert.deepEqual([...states.all()], [known])
  states.forget('u-1')
  assert.equal(states.get('u-1'), undefined)
})

test('one that cannot be found is looked for soon, and ever less often', (t) => {
  const { states, known, untilLook } = make(t)
  const waits: number[] = []
  for (let time = 0; time < 12; time++) {
    states.waitFor(known, 'no cgroup yet')
    waits.push(untilLook())
  }
  assert.ok((waits[0] ?? 0) <= 40, `first after ${waits[0]} ms`)
  for (const [index, wait] of waits.entries()) if (index > 0) assert.ok(wait > (waits[index - 1] ?? 0), waits.join())
  assert.deepEqual([known.state, known.why], ['waiting', 'no cgroup yet'])
})

test('when that has gone on for half a minute it is a failure, told once', (t) => {
  const { states, known, told, pass, untilLook } = make(t)
  states.waitFor(known, 'no cgroup yet')
  pass(30_000)
  states.waitFor(known, 'no cgroup yet')
  assert.equal(known.state, 'waiting')
  pass(1)
  states.waitFor(known, 'no cgroup yet')
  assert.equal(known.state, 'failed')
  assert.ok(untilLook() <= 5000, 'it is looked for on and on')
  states.waitFor(known, 'no cgroup yet')
  assert.deepEqual(told, ['web Warning InterceptionFailed no cgroup yet'])
})

test('after it was found the patience is whole again', (t) => {
  const { states, known, told, pass } = make(t)
  states.waitFor(known, 'gone')
  pass(20_000)
  states.settle(known, 'intercepted', '')
  known.attempts = 0
  pass(20_000)
  states.waitFor(known, 'gone')
  assert.equal(known.state, 'waiting')
  assert.deepEqual(told, [])
})

test('of one that failed for another reason and then cannot be found nothing is told at once', (t) => {
  const { states, known, told, pass } = make(t)
  states.waitFor(known, 'no cgroup yet')
  pass(20_000)
  states.fail(known, 'the map is full')
  pass(20_000)
  states.waitFor(known, 'no cgroup yet')
  assert.equal(known.state, 'waiting')
  assert.equal(told.length, 1)
  pass(30_001)
  states.waitFor(known, 'no cgroup yet')
  states.waitFor(known, 'no cgroup yet')
  assert.deepEqual(told.slice(1), ['web Warning InterceptionFailed no cgroup yet'])
})

test('a failure is told once for each reason, and tried again up to every five seconds', (t) => {
  const { states, known, told, untilLook } = make(t)
  const waits: number[] = []
  for (let time = 0; time < 10; time++) {
    states.fail(known, 'the map is full')
    waits.push(untilLook())
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000, 5000])
  states.fail(known, 'no lo')
  assert.deepEqual(told, ['web Warning InterceptionFailed the map is full', 'web Warning InterceptionFailed no lo'])
})

test('one retry is set at a time, the last; none once it is forgotten', (t) => {
  const { states, known, looked, pass } = make(t)
  states.retryIn(known, 10)
  states.retryIn(known, 1000)
  pass(500)
  assert.deepEqual(looked, [])
  pass(500)
  assert.deepEqual(looked, ['u-1'])
  states.retryIn(known, 10)
  states.forget(known.uid)
  pass(10_000)
  assert.deepEqual(looked, ['u-1'])
})

test('a retry that lies years ahead or in the past does not come at once without end', (t) => {
  const { states, known, looked, pass } = make(t)
  states.retryIn(known, 1e15)
  pass(1_000_000)
  assert.deepEqual(looked, [])
  states.retryIn(known, -5)
  pass(1)
  assert.deepEqual(looked, ['u-1'])
})
