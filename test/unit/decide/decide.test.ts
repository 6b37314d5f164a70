import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, type Question } from '../../../src/decide/decide.ts'
import type { Flow } from '../../../src/flow.ts'
import { head, OK, storeOf } from './build.ts'

const FLOW: Flow = {
  cookie: 0n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 1 },
  local: { address: '127.0.0.1', port: 2 },
  fd: -1,
}
const destination = { address: '192.0.2.7', port: 8080 }

function question(line: string, changes: Partial<Question> = {}): Question {
  const resolution = { destination, trail: [] }
  return {
    head: head(line),
    resolution,
    body: undefined,
    policy: { onUnmatched: 'forward' },
    nowMs: 0,
    flow: FLOW,
    namesOf: () => [],
    ...changes,
  }
}

test('a matched request is answered with the response of its expectation', () => {
  const store = storeOf({ id: 'orders', httpRequest: { path: '/orders' } })
  assert.deepEqual(decide(question('GET /orders'), store), {
    kind: 'mock',
    expectationId: 'orders',
    action: { kind: 'respond', response: OK },
  })
})

test('a matched request can be sent to the destination its expectation names', () => {
  const elsewhere = { address: 'other.example', port: 81 }
  const action = { kind: 'forward', to: elsewhere, delayMs: 0 } as const
  const store = storeOf({ id: 'moved', action })
  assert.deepEqual(decide(question('GET /'), store), {
    kind: 'forward',
    destination: elsewhere,
    expectationId: 'moved',
    action,
  })
})

test('an unmatched request goes where it was going', () => {
  assert.deepEqual(decide(question('GET /'), storeOf()), { kind: 'forward', destination })
})

test('an unmatched request with no known destination is refused', () => {
  const decision = decide(question('GET /', { resolution: { trail: [] } }), storeOf())
  assert.deepEqual(decision, { kind: 'refuse', status: 502, reason: 'no_destination' })
})

test('an unmatched request is refused where unmatched traffic must not leave', () => {
  const decision = decide(question('GET /', { policy: { onUnmatched: 'refuse' } }), storeOf())
  assert.deepEqual(decision, { kind: 'refuse', status: 404, reason: 'no_expectation' })
})

test('a matched request is answered even when its destination is not known', () => {
  const decision = decide(question('GET /', { resolution: { trail: [] } }), storeOf({}))
  assert.equal(decision.kind, 'mock')
})

test('the body is asked for when an expectation needs it, and not again', () => {
  const body = { kind: 'text', text: 'hello', isPart: false, negated: false } as const
  const store = storeOf({ httpRequest: { body } })
  assert.deepEqual(decide(question('POST /'), store), { kind: 'needs_body' })
  assert.equal(decide(question('POST /', { body: Buffer.from('hello') }), store).kind, 'mock')
  assert.equal(decide(question('POST /', { body: Buffer.from('bye') }), store).kind, 'forward')
  assert.equal(decide(question('POST /', { body: 'unavailable' }), store).kind, 'forward')
})

test('where traffic is only observed, no expectation is asked and none is used up', () => {
  const store = storeOf({ id: 'once', remainingTimes: 1 })
  const observed = question('GET /orders', { policy: { onUnmatched: 'forward', isObserved: true } })
  assert.deepEqual(decide(observed, store), { kind: 'forward', destination })
  assert.equal(decide(question('GET /orders'), store).kind, 'mock')
})
