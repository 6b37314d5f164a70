import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScopedLab } from '../../support/scoped-lab.ts'

const at = (path: string, id?: string) => ({
  ...(id ? { id } : {}),
  httpRequest: { path },
  httpResponse: { body: path },
})
const json = async (reply: Promise<{ readonly body?: string }>) => JSON.parse((await reply).body ?? '')
const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id)

test('what is put under a scope answers its namespace only; the path says whose it is, without it the scope does', async () => {
  const { put, traffic } = createScopedLab()
  const [stored] = await json(put('shop', 'expectation', at('/a', 'a')))
  const retrieved = async (namespace?: string) => (await json(put(namespace, 'retrieve?type=active_expectations')))[0]
  assert.deepEqual(
    [stored.scope, (await retrieved('shop')).scope, (await retrieved()).scope],
    [undefined, undefined, { namespace: 'shop' }],
  )
  assert.deepEqual(
    ['shop', 'bank', undefined].map((namespace) => traffic(namespace, 'GET /a').kind),
    ['mock', 'refuse', 'refuse'],
  )
})

test('other parts of a scope stay; another namespace is refused, and nothing is stored', async () => {
  const { put, traffic } = createScopedLab()
  await put('shop', 'expectation', { ...at('/a', 'a'), scope: { namespace: ['shop'], direction: 'inbound' } })
  assert.equal(traffic('shop', 'GET /a').kind, 'refuse')
  for (const namespace of ['bank', ['shop', 'bank']]) {
    const reply = await put('shop', 'expectation', [at('/b', 'b'), { ...at('/c', 'c'), scope: { namespace } }])
    assert.deepEqual([reply.status, reply.body?.includes('$.scope.namespace: is "shop" under this path')], [400, true])
  }
  assert.deepEqual(ids(await json(put(undefined, 'retrieve?type=active_expectations'))), ['a'])
})

test('an id of somebody else cannot be used, and the refusal does not say what is there', async () => {
  const { put } = createScopedLab()
  await put('bank', 'expectation', at('/a', 'a'))
  await put(undefined, 'expectation', [at('/b', 'b'), { ...at('/c', 'c'), scope: { namespace: ['shop', 'bank'] } }])
  for (const id of ['a', 'b', 'c']) {
    const reply = await put('shop', 'expectation', at('/x', id))
    assert.deepEqual([reply.status, reply.body], [400, '1 error:\n - $.id: cannot be used in this scope'])
    assert.equal((await put('shop', 'clear', { id })).status, 400)
  }
  assert.deepEqual(ids(await json(put(undefined, 'retrieve?type=active_expectations'))), ['a', 'b', 'c'])
})

test('requests, counters and verifications are those of the namespace', async () => {
  const { put, traffic } = createScopedLab()
  await put('shop', 'expectation', at('/a'))
  for (const namespace of ['shop', 'bank', 'bank', undefined]) traffic(namespace, 'GET /a')
  assert.equal((await json(put('shop', 'retrieve'))).length, 1)
  assert.equal((await put('shop', 'verify', { httpRequest: { path: '/a' } })).status, 202)
  assert.equal((await put('bank', 'verify', { httpRequest: { path: '/a' } })).status, 406)
  assert.equal((await put('bank', 'verifySequence', { httpRequests: [{ path: '/a' }, { path: '/a' }] })).status, 202)
  assert.equal((await put('shop', 'verifySequence', { httpRequests: [{ path: '/a' }, { path: '/a' }] })).status, 406)
  const counts = await json(put('shop', 'retrieve?type=metrics'))
  assert.deepEqual(
    [counts.REQUESTS_RECEIVED_COUNT, counts.RESPONSE_EXPECTATIONS_MATCHED_COUNT, counts.EXPECTATIONS_NOT_MATCHED_COUNT],
    [1, 1, 0],
  )
})

test('clear and reset leave alone what belongs to others, and registries are told which have gone', async () => {
  const { put, traffic, told } = createScopedLab()
  await put('shop', 'expectation', [at('/a', 'a'), at('/b', 'b')])
  await put('bank', 'expectation', at('/c', 'c'))
  await put(undefined, 'expectation', at('/d', 'd'))
  for (const namespace of ['shop', 'bank', undefined]) traffic(namespace, 'GET /x')
  await put('shop', 'clear', { path: '/a' })
  await put('shop', 'reset')
  assert.deepEqual(ids(await json(put(undefined, 'retrieve?type=active_expectations'))), ['c', 'd'])
  assert.equal((await json(put(undefined, 'retrieve'))).length, 2)
  await put('bank', 'clear')
  assert.deepEqual(told, [['a'], ['b'], ['c']])
})

test('a scenario belongs to the namespace, whichever way its expectation came', async () => {
  const { put, call, traffic } = createScopedLab()
  const step = { ...at('/pay'), scenarioName: 'order', scenarioState: 'Started', newScenarioState: 'Paid' }
  await put('shop', 'expectation', step)
  await put(undefined, 'expectation', [{ ...step, scope: { namespace: 'bank' } }, step])
  traffic('shop', 'GET /pay')
  const stateIn = async (scope: string) =>
    JSON.parse((await call(`GET ${scope}/mockserver/scenario/order`))?.body ?? '')
  assert.equal((await stateIn('/scope/shop')).currentState, 'Paid')
  assert.equal((await stateIn('/scope/bank')).currentState, 'Started')
  assert.equal((await stateIn('')).currentState, 'Started')
  await put('bank', 'scenario/order', { state: 'Lost' })
  await put('shop', 'reset')
  assert.equal((await stateIn('/scope/shop')).currentState, 'Started')
  assert.equal((await stateIn('/scope/bank')).currentState, 'Lost')
})

test('a named rate limit is shared within the namespace, and forgotten by its reset', async () => {
  const { put, traffic } = createScopedLab()
  const limited = { ...at('/a'), rateLimit: { name: 'api', limit: 1, windowMillis: 1000 } }
  const statusOf = (namespace: string) => {
    const decision = traffic(namespace, 'GET /a')
    return decision.kind === 'mock' && decision.action.kind === 'respond' ? decision.action.response.statusCode : 0
  }
  for (const namespace of ['shop', 'bank']) await put(namespace, 'expectation', limited)
  assert.deepEqual(['shop', 'shop', 'bank', 'bank'].map(statusOf), [200, 429, 200, 429])
  await put('shop', 'reset')
  for (const namespace of ['shop', 'bank']) await put(namespace, 'expectation', limited)
  assert.deepEqual(['shop', 'bank'].map(statusOf), [200, 429])
})

test('explain compares with the expectations of the namespace, as a request of it', async () => {
  const { put, traffic } = createScopedLab()
  await put('shop', 'expectation', at('/a', 'a'))
  await put('bank', 'expectation', at('/a', 'b'))
  traffic('bank', 'GET /a')
  assert.deepEqual((await json(put('shop', 'explain'))).requests, [])
  const [asked] = (await json(put('shop', 'explain', { request: { path: '/a' } }))).requests
  assert.deepEqual(
    [asked.consideredCount, asked.considered[0].expectationId, asked.considered[0].matches],
    [1, 'a', true],
  )
})

test('what is about the process is refused; whether it serves is told', async () => {
  const { call } = createScopedLab()
  for (const line of [
    ...['PUT bind', 'PUT stop', 'GET configuration', 'PUT configuration', 'GET config', 'GET mode', 'PUT mode'],
    'GET metrics',
  ]) {
    const reply = await call(line.replace(' ', ' /scope/shop/mockserver/'))
    assert.deepEqual([reply?.status, reply?.body?.includes('under a scope')], [403, true], line)
  }
  for (const line of ['PUT /scope/shop/mockserver/status', 'GET /scope/shop//mockserver/ready'])
    assert.equal((await call(line))?.status, 200, line)
})

test('other paths than a namespace has are mocked traffic', async () => {
  const { call } = createScopedLab()
  for (const path of [
    '/scope/Shop/mockserver/reset',
    '/scope//mockserver/reset',
    '/scope/shop/reset',
    '/scope/a/b/mockserver/reset',
  ])
    assert.equal(await call(`PUT ${path}`), undefined, path)
})
