/** What an API server can do to those who list and watch; each time the pods are known in the end, and asked for calmly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../support/api-server.ts'
import { openKubeLab } from '../support/kube-lab.ts'
import { until } from '../support/quick-clock.ts'

const LIMITS = { timeout: 60_000 }
const IDLE_MS = 100_000

const status = (code: number, headers?: Readonly<Record<string, string>>): Fault => ({
  kind: 'status',
  code,
  ...(headers && { headers }),
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message: 'as ordered' },
})

const BAD_LISTS: Readonly<Record<string, { readonly fault: Fault; readonly kind: string }>> = {
  '429 with Retry-After': { fault: status(429, { 'retry-after': '1' }), kind: 'throttled' },
  '500': { fault: status(500), kind: 'server' },
  '503 without a body': { fault: { kind: 'status', code: 503, body: '' }, kind: 'server' },
  '410': { fault: status(410), kind: 'gone' },
  'a reset': { fault: { kind: 'reset' }, kind: 'network' },
  'half a list': { fault: { kind: 'cut', afterBytes: 300 }, kind: 'network' },
  'no JSON': { fault: { kind: 'body', body: '<html>log in</html>' }, kind: 'malformed' },
  nothing: { fault: { kind: 'body', body: '' }, kind: 'malformed' },
  'JSON that ends early': { fault: { kind: 'body', body: '{"kind":"PodList","items":[{' }, kind: 'malformed' },
  'fewer bytes than announced': { fault: { kind: 'body', body: '{"kind":', contentLength: 5000 }, kind: 'network' },
  'an item without end': {
    fault: { kind: 'endless', first: '{"kind":"PodList","items":["', text: 'x'.repeat(65_536) },
    kind: 'too_large',
  },
  'a status with a body without end': { fault: { kind: 'endless', text: ']'.repeat(65_536) }, kind: 'malformed' },
}

for (const [what, { fault, kind }] of Object.entries(BAD_LISTS)) {
  test(`a list that is answered with ${what} is asked for again`, LIMITS, async (t) => {
    const { server, start, knows, failures, source } = await openKubeLab(t)
    for (let number = 0; number < 3; number += 1) server.createPod({ metadata: { name: `p${number}` } })
    server.misbehave({ verb: 'list', times: 2, fault })
    start()
    await knows('p0', 'p1', 'p2')
    assert.deepEqual(
      failures.map((failure) => failure.kind),
      [kind, kind],
    )
    assert.equal(source.counters().pods.lists, 1)
    assert.equal(source.health().trouble, undefined)
  })
}

for (const kind of ['hang', 'hang-after-head'] as const) {
  test(`a list that stays away (${kind}) is given up after its limit`, LIMITS, async (t) => {
    const { server, start, knows, failures, clock } = await openKubeLab(t)
    server.createPod({ metadata: { name: 'a' } })
    server.misbehave({ verb: 'list', fault: { kind } })
    start()
    await until(() => server.requests().length === 1)
    clock.jump(IDLE_MS)
    await knows('a')
    assert.deepEqual(
      failures.map((failure) => failure.kind),
      ['timeout'],
    )
  })

  test(`a watch on which nothing comes (${kind}) is broken off, and its connection closed`, LIMITS, async (t) => {
    const { server, start, knows, failed, clock, source } = await openKubeLab(t)
    server.misbehave({ verb: 'watch', fault: { kind } })
    start()
    await until(() => server.requests().some(({ verb }) => verb === 'watch'))
    server.createPod({ metadata: { name: 'a' } })
    clock.jump(IDLE_MS)
    await failed('stalled')
    await knows('a')
    assert.equal(source.counters().pods.relists, 0)
    await until(() => server.openConnections <= 2)
  })
}

const BAD_WATCHES: Readonly<
  Record<string, { readonly fault: Fault; readonly kind: string; readonly relists: number }>
> = {
  '429 with Retry-After': { fault: status(429, { 'retry-after': '1' }), kind: 'throttled', relists: 0 },
  '500': { fault: status(500), kind: 'server', relists: 0 },
  '410': { fault: status(410), kind: 'gone', relists: 1 },
  '400': { fault: status(400), kind: 'rejected', relists: 1 },
  'a reset': { fault: { kind: 'reset' }, kind: 'network', relists: 0 },
  'no JSON': { fault: { kind: 'body', body: 'garbage\n' }, kind: 'malformed', relists: 1 },
  'half a line': { fault: { kind: 'body', body: '{"type":"ADDED","object"' }, kind: 'network', relists: 0 },
  'a line without end': { fault: { kind: 'endless', text: 'x'.repeat(65_536) }, kind: 'too_large', relists: 1 },
}

for (const [what, { fault, kind, relists }] of Object.entries(BAD_WATCHES)) {
  test(`a watch that is answered with ${what} goes on, after ${relists} lists`, LIMITS, async (t) => {
    const { server, start, knows, failed, synced, source } = await openKubeLab(t)
    server.createPod({ metadata: { name: 'a' } })
    server.misbehave({ verb: 'watch', fault })
    start()
    await failed(kind as 'gone')
    await synced()
    server.createPod({ metadata: { name: 'b' } })
    await knows('a', 'b')
    assert.equal(source.counters().pods.relists, relists)
  })
}

test('a watch that is cut in the middle of a line loses no pod', LIMITS, async (t) => {
  const { server, start, knows, synced, failed, source } = await openKubeLab(t)
  server.misbehave({ verb: 'watch', times: 3, fault: { kind: 'cut', afterBytes: 900 } })
  start()
  await synced()
  const names = Array.from({ length: 12 }, (_, number) => `p${String(number).padStart(2, '0')}`)
  for (const name of names) {
    server.createPod({ metadata: { name } })
    await until(() => [...source.all()].some((pod) => pod.name === name))
  }
  await failed('network', 3)
  await knows(...names)
  assert.equal(source.counters().pods.relists, 0)
})

test('a watch that comes byte by byte is understood', LIMITS, async (t) => {
  const { server, start, knows, synced } = await openKubeLab(t)
  server.misbehave({ fault: { kind: 'trickle', bytes: 7, everyMs: 1 }, times: 2 })
  start()
  await synced()
  server.createPod({ metadata: { name: 'a', labels: { note: 'a' } } })
  await knows('a')
})

test('versions that are forgotten lead to one list, and what went meanwhile goes', LIMITS, async (t) => {
  const { server, start, knows, synced, source, changed, failures } = await openKubeLab(t)
  const { uid } = server.createPod({ metadata: { name: 'old' } }).metadata
  server.createPod({ metadata: { name: 'kept' } })
  start()
  await synced()
  await knows('kept', 'old')
  await server.goAway()
  server.deletePod('default', 'old')
  server.createPod({ metadata: { name: 'new' } })
  server.createPod({ metadata: { name: 'other' }, spec: { nodeName: 'node-2' } })
  server.compact()
  await until(() => failures.length >= 20)
  assert.equal([...source.all()].length, 2) // nothing is forgotten
  await server.comeBack()
  await knows('kept', 'new')
  assert.ok(changed.includes(uid))
  assert.equal(source.counters().pods.relists, 1)
  assert.equal(source.counters().pods.failures.gone, 1)
  assert.equal(source.health().trouble, undefined)
})

test('a server that was away and has forgotten nothing is asked for no list', LIMITS, async (t) => {
  const { server, start, knows, synced, failed, source } = await openKubeLab(t)
  start()
  await synced()
  await server.goAway()
  server.createPod({ metadata: { name: 'a' } })
  await failed('network', 10)
  await server.comeBack()
  await knows('a')
  assert.equal(source.counters().pods.lists, 1)
})

test('a bookmark keeps a quiet watch from being too old', LIMITS, async (t) => {
  const { server, start, synced, knows, source } = await openKubeLab(t)
  start()
  await synced()
  for (let number = 0; number < 20; number += 1) server.createPod({ spec: { nodeName: 'node-2' } })
  server.bookmark()
  await until(() => source.counters().pods.events === 1)
  server.compact()
  server.cutConnections()
  await until(() => source.counters().pods.reconnects > 0 && server.openWatches === 1)
  server.createPod({ metadata: { name: 'a' } })
  await knows('a')
  assert.equal(source.counters().pods.relists, 0)
})

test('a list in pages whose token expires is begun anew', LIMITS, async (t) => {
  const { server, start, synced, source } = await openKubeLab(t)
  start()
  await synced()
  await server.goAway()
  for (let number = 0; number < 1200; number += 1) server.createPod()
  server.compact()
  server.forgetRequests()
  // The watch is too old; of the list that follows, so is the second page.
  server.misbehave({ verb: 'list', skip: 1, fault: status(410) })
  await server.comeBack()
  await until(() => [...source.all()].length === 1200)
  const pages = server.requests().filter(({ verb }) => verb === 'list')
  assert.deepEqual(
    pages.map(({ query }) => query['continue'] !== undefined),
    [false, true, false, true, true],
  )
  assert.equal(source.counters().pods.relists, 1)
})

test('each watch has a connection of its own, and closing leaves none', LIMITS, async (t) => {
  const { server, start, source } = await openKubeLab(t, { watchNamespaces: true })
  start()
  await until(() => server.openWatches === 2)
  await source.close()
  await until(() => server.openConnections === 0)
})
