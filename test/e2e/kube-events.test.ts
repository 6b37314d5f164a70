/** Events on pods, over real connections. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createPodEvents } from '../../src/workloads/kubernetes/pod-events.ts'
import { forbidden } from '../support/api-server/status.ts'
import { createApiServer, type Fault } from '../support/api-server.ts'
import { createQuickClock, until } from '../support/quick-clock.ts'

const LIMITS = { timeout: 60_000 }
const GRACE_MS = 30_000
const WINDOW_MS = 600_000

const open = async (t: TestContext) => {
  const server = await createApiServer()
  const clock = createQuickClock()
  const events = createPodEvents({ server: server.url, tokenFile: '', caFile: '', nodeName: 'node-1', clock })
  t.after(async () => {
    await events.close(0)
    await server.close()
  })
  const pod = server.createPod({ metadata: { name: 'a' } }).metadata
  const about = { uid: pod.uid, namespace: 'default', name: 'a' }
  return { server, clock, events, about }
}
const refusal = (body: object, code = 403): Fault => ({ kind: 'status', code, body })

test('what becomes of a pod is an event on it', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  events.report(about, 'Normal', 'Intercepted', 'its connections go to the agent')
  await until(() => events.counters().created === 1)
  const [event] = server.events()
  assert.ok(event)
  assert.equal(event.metadata.namespace, 'default')
  assert.match(event.metadata.name, /^a\.[0-9a-f]{16}$/)
  assert.deepEqual(event['involvedObject'], { apiVersion: 'v1', kind: 'Pod', ...about })
  assert.equal(event['reason'], 'Intercepted')
  assert.equal(event['type'], 'Normal')
  assert.equal(event['count'], 1)
  assert.equal(event['message'], 'its connections go to the agent')
  assert.deepEqual(event['source'], { component: 'understudy-agent', host: 'node-1' })
  assert.match(String(event['firstTimestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

test('repeats are counted in the event that is there, for ten minutes', LIMITS, async (t) => {
  const { server, clock, events, about } = await open(t)
  for (let round = 1; round <= 40; round += 1) events.report(about, 'Warning', 'InterceptionFailed', `round ${round}`)
  await until(() => events.counters().updated === 1)
  const [event] = server.events()
  assert.equal(event?.['count'], 40)
  assert.equal(event?.['message'], 'round 40')
  assert.equal(server.events().length, 1)
  clock.jump(WINDOW_MS)
  events.report(about, 'Warning', 'InterceptionFailed', 'again')
  await until(() => events.counters().created === 2)
  assert.deepEqual(
    server
      .events()
      .map(({ count }) => count)
      .sort(),
    [1, 40],
  )
})

test('another reason, and another pod, are events of their own', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  events.report(about, 'Normal', 'Intercepted', 'x')
  events.report(about, 'Normal', 'InterceptionStopped', 'x')
  events.report({ ...about, uid: 'other' }, 'Normal', 'Intercepted', 'x')
  await until(() => server.events().length === 3)
})

test('an event that expired is made again', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  events.report(about, 'Normal', 'Intercepted', 'one')
  await until(() => events.counters().created === 1)
  server.misbehave({ verb: 'patch', fault: refusal({ kind: 'Status', code: 404 }, 404) })
  events.report(about, 'Normal', 'Intercepted', 'two')
  await until(() => events.counters().created === 2)
  assert.equal(events.counters().failures.not_found, 1)
  assert.equal(events.counters().dropped, 0)
})

test('a name that is taken is changed', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  server.misbehave({ verb: 'create', fault: refusal({ kind: 'Status', code: 409 }, 409) })
  events.report(about, 'Normal', 'Intercepted', 'one')
  await until(() => events.counters().created === 1)
  const names = server.requests().filter(({ verb }) => verb === 'create').length
  assert.equal(names, 2)
})

test('what may not be written is dropped and counted, and not tried again', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  server.createNamespace('ending')
  server.beginNamespaceDeletion('ending')
  events.report({ ...about, namespace: 'ending' }, 'Normal', 'Intercepted', 'x')
  events.report({ ...about, namespace: 'none' }, 'Normal', 'InterceptionFailed', 'x')
  server.misbehave({ verb: 'create', skip: 2, fault: refusal(forbidden('create', 'events', 'default')) })
  events.report(about, 'Normal', 'InterceptionSkipped', 'x')
  await until(() => events.counters().dropped === 3)
  const { forbidden: refused, not_found } = events.counters().failures
  assert.deepEqual([refused, not_found], [2, 1])
  assert.equal(server.requests().length, 3)
})

test('what fails for a while is tried again, and given up in the end', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  server.misbehave({ times: 2, fault: { kind: 'status', code: 429, headers: { 'retry-after': '1' } } })
  server.misbehave({ times: 2, fault: { kind: 'status', code: 500 } })
  events.report(about, 'Normal', 'Intercepted', 'x')
  await until(() => events.counters().created === 1)
  server.misbehave({ times: 1000, fault: { kind: 'status', code: 500 } })
  events.report(about, 'Normal', 'InterceptionStopped', 'x')
  await until(() => events.counters().dropped === 1)
  assert.equal(events.counters().failures.server, 8)
})

test('a message is cut to 1024 bytes, between two characters', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  events.report(about, 'Normal', 'Intercepted', 'é𝄞'.repeat(1000))
  await until(() => events.counters().created === 1)
  const message = String(server.events()[0]?.['message'])
  assert.ok(Buffer.byteLength(message) <= 1024 && Buffer.byteLength(message) > 1000)
  assert.match(message, /^(é𝄞)+é?…$/u)
})

test('while the server is away a bounded number waits; the rest is counted', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  await server.goAway()
  for (let number = 0; number < 3000; number += 1)
    events.report({ ...about, uid: `u${number}` }, 'Normal', 'Intercepted', 'x')
  const { waiting, dropped } = events.counters()
  assert.ok(waiting <= 1024, `${waiting}`)
  assert.ok(dropped >= 3000 - 1025, `${dropped}`)
  await events.close(0)
  assert.equal(events.counters().waiting, 0)
  assert.equal(events.counters().dropped, 3000)
})

test('closing delivers what waits, repeats too, and takes no more', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  for (let number = 0; number < 60; number += 1)
    events.report({ ...about, uid: `u${number}` }, 'Normal', 'Intercepted', 'x')
  events.report({ ...about, uid: 'u0' }, 'Normal', 'Intercepted', 'again')
  await events.close(GRACE_MS)
  assert.equal(server.events().length, 60)
  assert.equal(Math.max(...server.events().map(({ count }) => Number(count))), 2)
  events.report(about, 'Normal', 'Intercepted', 'late')
  assert.equal(events.counters().dropped, 1)
  await until(() => server.openConnections === 0)
})

test('closing does not wait longer than it may for a server that hangs', LIMITS, async (t) => {
  const { server, events, about } = await open(t)
  server.misbehave({ times: 10, fault: { kind: 'hang' } })
  events.report(about, 'Normal', 'Intercepted', 'x')
  await until(() => server.requests().length === 1)
  await events.close(1)
  assert.equal(events.counters().dropped, 1)
})
