/** Scenarios through the control API: answers are those of MockServer 8.0. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startControl } from '../support/control-lab.ts'

const STEP = (state: string, next: string) => ({
  httpRequest: { path: '/order' },
  scenarioName: 'order',
  scenarioState: state,
  newScenarioState: next,
  httpResponse: { body: state },
})

test('what a call sets is what expectations go by, and what they move is what a call sees', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('expectation', [STEP('Paid', 'Sent'), STEP('Started', 'Asked')])
  assert.deepEqual(await putJson('scenario/order', { state: 'Paid' }), { scenarioName: 'order', currentState: 'Paid' })
  assert.equal((await ask('/order')).body, 'Paid')
  const list = '{\n  "scenarios" : [ {\n    "scenarioName" : "order",\n    "currentState" : "Sent"\n  } ]\n}'
  assert.equal((await ask('/mockserver/scenario')).body, list)
  assert.equal((await ask('/mockserver/scenario/')).body, list)
  await put('reset')
  assert.equal((await ask('/mockserver/scenario')).body, '{\n  "scenarios" : [ ]\n}')
})

test('a timed step is said in the answer, and a trigger calls it off', async (t) => {
  const { putJson } = await startControl(t)
  const timed = { state: 'Paid', transitionAfterMs: 3_600_000, nextState: 'Lost' }
  assert.deepEqual(await putJson('scenario/order', timed), {
    scenarioName: 'order',
    currentState: 'Paid',
    nextState: 'Lost',
    transitionAfterMs: 3_600_000,
  })
  assert.deepEqual(await putJson('scenario/order/trigger', { newState: 'Sent' }), {
    scenarioName: 'order',
    currentState: 'Sent',
  })
})

test('a name is decoded, may have slashes, and is taken as it is where it is not encoded right', async (t) => {
  const { ask, put } = await startControl(t)
  const nameOf = async (path: string): Promise<string> =>
    JSON.parse((await ask(`/mockserver/scenario/${path}`)).body).scenarioName
  assert.deepEqual(
    [await nameOf('a%20b'), await nameOf('a/b'), await nameOf('%zz'), await nameOf('a/trigger')],
    ['a b', 'a/b', '%zz', 'a/trigger'],
  )
  assert.equal((await put('scenario', { state: 'x' })).status, 404)
  assert.equal((await ask('/mockserver/scenario/a', { method: 'DELETE' })).status, 404)
})

const REFUSED: readonly (readonly [path: string, body: unknown, error: string])[] = [
  ['scenario/a', undefined, "request body is required with 'state' field"],
  ['scenario/a', {}, "'state' field is required"],
  ['scenario/a', [], "'state' field is required"],
  ['scenario/a', { state: null }, "'state' field is required"],
  ['scenario/a', { state: '' }, "'state' field is required"],
  ['scenario/a/trigger', undefined, "request body is required with 'newState' field"],
  ['scenario/a/trigger', { state: 'x' }, "'newState' field is required"],
  ['scenario/', { state: 'x' }, 'scenario name is required in the path'],
  [
    'scenario/a',
    { state: 5 },
    "failed to process scenario request: 'state' must be a string of at most 256 characters",
  ],
  [
    'scenario/a',
    { state: 'x', transitionAfterMs: 0, nextState: 'y' },
    "failed to process scenario request: 'transitionAfterMs' must be a whole number of at least 1, with a 'nextState'",
  ],
  [
    'scenario/a',
    { state: 'x', transitionAfterMs: 5 },
    "failed to process scenario request: 'nextState' must be a string of at most 256 characters, with a 'transitionAfterMs'",
  ],
  [
    `scenario/${'n'.repeat(257)}`,
    { state: 'x' },
    'failed to process scenario request: a name has at most 256 characters',
  ],
]

test('what is wrong with a call is said as MockServer says it, and changes nothing', async (t) => {
  const { ask, put } = await startControl(t)
  for (const [path, body, error] of REFUSED) {
    const answer = await put(path, body)
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [400, { error }])
  }
  const { body } = await put('scenario/a', '{"state": ')
  assert.match(JSON.parse(body).error, /^failed to process scenario request: not valid JSON/)
  assert.deepEqual(JSON.parse((await ask('/mockserver/scenario')).body), { scenarios: [] })
})
