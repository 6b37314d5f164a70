/** `explain`: why requests were not answered, or would not be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ControlLab, startControl } from '../support/control-lab.ts'

interface Explained {
  readonly correlationId?: string
  readonly timestamp?: string
  readonly httpRequest: { readonly path: string }
  readonly decision?: string
  readonly expectationId?: string
  readonly closest?: { readonly expectationId: string; readonly reason: string }
  readonly consideredCount: number
  readonly considered: readonly {
    readonly expectationId: string
    readonly priority: number
    readonly matches: boolean | 'unknown'
    readonly reason?: string
    readonly text: string
    readonly expected?: unknown
  }[]
}

const explain = async ({ putJson }: ControlLab, body?: unknown, query = ''): Promise<readonly Explained[]> => {
  const answer = (await putJson(`explain${query}`, body)) as { against: string; requests: readonly Explained[] }
  assert.equal(answer.against, 'present expectations')
  return answer.requests
}
const reasons = ({ considered }: Explained) =>
  Object.fromEntries(considered.map(({ expectationId, reason, matches }) => [expectationId, reason ?? matches]))

const EXPECTATIONS = [
  {
    id: 'pay',
    httpRequest: { method: 'POST', path: '/pay', body: { type: 'JSON', json: { sum: 5 } } },
    httpResponse: {},
  },
  { id: 'get', httpRequest: { method: 'GET', path: '/pay' }, httpResponse: {} },
  { id: 'tag', httpRequest: { path: '/tag', headers: { 'x-tag': ['red'] } }, httpResponse: {} },
  { id: 'scoped', priority: 1, scope: { namespace: 'shop' }, httpResponse: {} },
]

test('the newest requests are explained, with the field that failed and what was expected', async (t) => {
  const lab = await startControl(t)
  await lab.put('expectation', EXPECTATIONS)
  await lab.ask('/tag', { headers: { 'x-tag': 'blue' } })
  const answer = await lab.ask('/pay', { method: 'POST', body: '{"sum": 6}' })
  assert.deepEqual([answer.status, answer.headers['x-understudy-closest']], [404, 'pay (body)'])
  const [pay, tag] = await explain(lab)
  assert.ok(pay && tag)
  assert.deepEqual(reasons(pay), { pay: 'body', get: 'method', tag: 'path', scoped: 'scope' })
  assert.deepEqual(pay.considered[0], {
    expectationId: 'pay',
    priority: 0,
    matches: false,
    reason: 'body',
    text: 'the body is not what is asked for',
    expected: { type: 'JSON', json: { sum: 5 } },
  })
  assert.deepEqual([pay.decision, pay.closest], ['refuse', { expectationId: 'pay', reason: 'body' }])
  assert.deepEqual([tag.httpRequest.path, tag.considered[0]?.expected], ['/tag', { 'x-tag': ['red'] }])
})

test('a filter, or the id of an exchange, says which ones', async (t) => {
  const lab = await startControl(t)
  await lab.put('expectation', EXPECTATIONS)
  for (const path of ['/a', '/b', '/pay']) await lab.ask(path)
  const [found, ...others] = await explain(lab, { path: '/b' })
  assert.deepEqual([found?.httpRequest.path, others], ['/b', []])
  const id = found?.correlationId
  for (const same of [await explain(lab, { correlationId: id }), await explain(lab, undefined, `?correlationId=${id}`)])
    assert.deepEqual(same, [found])
  const [answered] = await explain(lab, { id: 'get' })
  assert.deepEqual([answered?.expectationId, answered?.considered[0]?.text], ['get', 'it matches'])
  assert.deepEqual(await explain(lab, { correlationId: 'none' }), [])
})

test('a request that was never sent is explained, and uses nothing up', async (t) => {
  const lab = await startControl(t)
  await lab.put('expectation', [
    {
      id: 'once',
      httpRequest: { path: '/x', queryStringParameters: { a: ['ü'] } },
      times: { remainingTimes: 1 },
      httpResponse: {},
    },
    ...EXPECTATIONS,
  ])
  const request = { path: '/x', queryStringParameters: { a: 'ü' }, cookies: { b: 'c' } }
  for (let round = 0; round < 2; round++) {
    const [first] = await explain(lab, { request })
    assert.deepEqual([first?.considered[0]?.expectationId, first?.considered[0]?.matches], ['once', true])
  }
  const [pay] = await explain(lab, { request: { method: 'POST', path: '/pay', body: { sum: 5 } } })
  assert.equal(pay && reasons(pay)['pay'], true)
  assert.deepEqual(await explain(lab), [])
})

test('a retrieved request can be asked about as it is', async (t) => {
  const lab = await startControl(t)
  await lab.put('expectation', EXPECTATIONS)
  await lab.ask('/tag?a=1', { headers: { 'x-tag': 'red', cookie: 'a=b' } })
  const [request] = (await lab.putJson('retrieve')) as readonly object[]
  const [found] = await explain(lab, { request })
  assert.equal(found && reasons(found)['tag'], true)
})

test('of a body that was not kept as a whole, nothing is claimed', async (t) => {
  const lab = await startControl(t, { eventLogBodyBytes: 4 })
  await lab.put('expectation', EXPECTATIONS)
  await lab.ask('/pay', { method: 'POST', body: '{"sum": 5}' })
  const [found] = await explain(lab)
  const first = found?.considered[0]
  assert.deepEqual(
    [first?.expectationId, first?.matches, first?.reason, first?.text],
    ['pay', 'unknown', 'body', 'all but the body matches, and that is not known as a whole'],
  )
})

test('twenty of many expectations are listed, and all are counted', async (t) => {
  const lab = await startControl(t)
  await lab.put(
    'expectation',
    Array.from({ length: 3000 }, (_, at) => ({ id: `e${at}`, httpRequest: { path: `/p/${at}` }, httpResponse: {} })),
  )
  const [found] = await explain(lab, { request: { path: '/p/2999x' } })
  assert.deepEqual(
    [found?.consideredCount, found?.considered.length, found?.considered[0]?.expectationId],
    [3000, 20, 'e2999'],
  )
})

test('what is wrong with the document is said with its place', async (t) => {
  const { put } = await startControl(t)
  for (const [body, problem] of [
    [{ request: { path: 'x', unknown: 1 } }, /\$\.request\.path: .*\n.*\$\.request\.unknown: /],
    [{ request: {}, path: '/x' }, /\$\.path: request stands alone/],
    [{ correlationId: 5 }, /\$\.correlationId: expected a string/],
    [{ request: { queryStringParameters: { a: '\ud800' } } }, /half of a surrogate pair/],
    [{ unknown: 1 }, /\$\.unknown: /],
    ['{', /not valid JSON/],
  ] as const) {
    const answer = await put('explain', body)
    assert.equal(answer.status, 400, answer.body)
    assert.match(answer.body, problem)
  }
})

test('the header of a refusal names ids that a header cannot have as far as it can', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', { id: 'ö\r\nx: y', httpRequest: { method: 'PUT', path: '/x' }, httpResponse: {} })
  assert.equal((await ask('/x')).headers['x-understudy-closest'], '???x:?y (method)')
})
