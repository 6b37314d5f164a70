/** Whatever is called under one scope, another one sees no difference. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createScopedLab, type ScopedLab } from '../support/scoped-lab.ts'

const OURS = 'bank'
const THEIRS = 'shop'

const id = fc.constantFrom('a', 'b', 'c', 'd')
const path = fc.constantFrom('/a', '/b', '/.*')
const namespace = fc.constantFrom(THEIRS, OURS, [THEIRS, OURS])
const expectation = fc.record(
  {
    id,
    priority: fc.integer({ min: -1, max: 1 }),
    httpRequest: fc.record({ path }),
    httpResponse: fc.constant({ body: 'theirs' }),
    scope: fc.record({ namespace }, { requiredKeys: [] }),
    scenarioName: fc.constant('order'),
    newScenarioState: fc.constantFrom('Started', 'Theirs'),
    rateLimit: fc.constant({ name: 'shared', limit: 1, windowMillis: 1000 }),
  },
  { requiredKeys: ['httpResponse'] },
)
const filter = fc.option(fc.oneof(fc.record({ id }), fc.record({ path })), { nil: undefined })
const calls = fc.oneof(
  fc.tuple(fc.constant('expectation'), fc.oneof(expectation, fc.array(expectation, { minLength: 1, maxLength: 3 }))),
  fc.tuple(fc.constantFrom('clear', 'clear?type=log', 'clear?type=expectations', 'retrieve', 'explain'), filter),
  fc.tuple(fc.constantFrom('reset', 'bind', 'stop', 'configuration', 'mode?mode=SPY'), fc.constant(undefined)),
  fc.tuple(fc.constant('verify'), fc.record({ httpRequest: fc.record({ path }) })),
  fc.tuple(fc.constant('scenario/order'), fc.record({ state: fc.constantFrom('Started', 'Theirs') })),
  fc.tuple(
    fc.constant('openapi'),
    fc.constant({
      specUrlOrPayload: {
        openapi: '3.0.3',
        info: { title: 'a', version: '1' },
        paths: { '/a': { get: { operationId: 'a', responses: { 200: { description: '' } } } } },
      },
    }),
  ),
)

const TYPES = ['logs', 'requests', 'request_responses', 'recorded_expectations', 'active_expectations', 'metrics']

/** All that can be seen under a scope. Ids of exchanges are made when they are first asked for, and stay. */
const seen = async ({ put, call }: ScopedLab, of: string): Promise<unknown> => [
  await Promise.all(TYPES.map((type) => put(of, `retrieve?type=${type}`))),
  await put(of, 'explain'),
  await call(`GET /scope/${of}/mockserver/scenario`),
  await call(`GET /scope/${of}/mockserver/scenario/order`),
]

const prepared = async (): Promise<ScopedLab> => {
  const lab = createScopedLab()
  await lab.put(OURS, 'expectation', [
    { id: 'a', httpRequest: { path: '/a' }, httpResponse: { body: 'ours' } },
    {
      ...{ id: 'b', httpRequest: { path: '/b' }, httpResponse: { body: 'ours' }, scenarioName: 'order' },
      newScenarioState: 'Ours',
    },
  ])
  for (const line of ['GET /a', 'GET /b', 'GET /none']) {
    lab.traffic(OURS, line)
    lab.traffic(THEIRS, line)
  }
  return lab
}

test('whatever is called under one scope, what another one retrieves stays the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { maxLength: 8 }), async (made) => {
      const lab = await prepared()
      const before = await seen(lab, OURS)
      for (const [call, body] of made) await lab.put(THEIRS, call, body)
      assert.deepEqual(await seen(lab, OURS), before)
      // And it answers as before.
      const decision = lab.traffic(OURS, 'GET /a')
      assert.equal('expectationId' in decision && decision.expectationId, 'a')
    }),
    { numRuns: 300 },
  )
})
