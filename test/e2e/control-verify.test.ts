/** What `verify` and `verifySequence` say of requests and responses, to the letter. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type ControlLab, startControl, startUpstream } from '../support/control-lab.ts'

const MADE = {
  id: 'made',
  httpRequest: { path: '/a' },
  httpResponse: {
    statusCode: 201,
    reasonPhrase: 'Made It',
    headers: { 'x-n': ['1'], 'content-type': ['application/json'], 'set-cookie': ['c=1; Path=/'] },
    body: '{"a":1,"b":2}',
  },
}

/** One request that was mocked, one that nothing matched, and one that was forwarded. */
const withThree = async (t: TestContext, config: Parameters<typeof startControl>[1] = {}): Promise<ControlLab> => {
  const lab = await startControl(t, config)
  const upstream = await startUpstream(t, 'real')
  assert.equal((await lab.put('expectation', MADE)).status, 201)
  await lab.ask('/a?q=1')
  await lab.ask('/none')
  await lab.ask(`${upstream}/real`)
  return lab
}

const once = { atLeast: 1, atMost: 1 }

test('a verification without times means exactly once', async (t) => {
  const { ask, put } = await startControl(t)
  await ask('/a')
  assert.equal((await put('verify', { httpRequest: { path: '/a' } })).status, 202)
  await ask('/a')
  for (const times of [undefined, {}]) {
    const { body } = await put('verify', { httpRequest: { path: '/a' }, times })
    assert.match(body, /^Request not found exactly once, expected:</)
  }
})

test('responses are verified by what was sent', async (t) => {
  const { put } = await withThree(t)
  for (const httpResponse of [
    { statusCode: 201 },
    { reasonPhrase: 'made.*' },
    { headers: { 'X-N': ['[0-9]'] } },
    { headers: { '!x-gone': ['.*'] }, statusCode: 201 },
    { cookies: { c: '1' } },
    { body: '{"a":1,"b":2}' },
    { body: { a: 1 } },
    { body: { type: 'JSON_PATH', jsonPath: '$.b' } },
    { statusCode: 201, delay: { timeUnit: 'SECONDS', value: 1 }, connectionOptions: { closeSocket: true } },
  ]) {
    assert.equal((await put('verify', { httpResponse, times: once })).status, 202, JSON.stringify(httpResponse))
  }
  for (const httpResponse of [
    { statusCode: 200 },
    { headers: { 'x-n': ['2'] } },
    { cookies: { c: '2' } },
    { body: { a: 2 } },
    { reasonPhrase: 'other' },
  ]) {
    const asked = { httpRequest: { path: '/a' }, httpResponse }
    assert.equal((await put('verify', asked)).status, 406, JSON.stringify(httpResponse))
  }
})

test('a response counts with its request, and an answer that nobody gave does not count', async (t) => {
  const { put } = await withThree(t)
  const asked = { httpRequest: { path: '/a' }, httpResponse: { statusCode: 201 } }
  assert.equal((await put('verify', asked)).status, 202)
  assert.equal((await put('verify', { expectationId: { id: 'made' }, httpResponse: { statusCode: 201 } })).status, 202)
  assert.equal((await put('verify', { httpRequest: { path: '/real' }, httpResponse: { statusCode: 200 } })).status, 202)
  assert.equal(
    (await put('verify', { httpRequest: { path: '/none' }, httpResponse: { statusCode: 404 } })).body,
    'Response not found exactly once, expected:<{\n  "statusCode" : 404\n}> but was:<[]>',
  )
})

test('a failure lists the responses to the requests that were meant', async (t) => {
  const { put } = await withThree(t)
  const { status, body } = await put('verify', { httpRequest: { path: '/a' }, httpResponse: { statusCode: 500 } })
  assert.equal(status, 406)
  assert.match(body, /^Response not found exactly once, expected:<\{\n {2}"statusCode" : 500\n\}> but was:<\{\n/)
  assert.match(body, /"reasonPhrase" : "Made It",\n {2}"statusCode" : 201\n\}>$/)
})

test('as many requests as the limit are counted, one less is listed', async (t) => {
  const { put } = await withThree(t, { mockServerVersion: '8.0.0' })
  const asked = { httpRequest: { path: '/never' } }
  const withLimit = async (maximumNumberOfRequestToReturnInVerificationFailure: number): Promise<string> =>
    (await put('verify', { ...asked, maximumNumberOfRequestToReturnInVerificationFailure })).body
  assert.match(await withLimit(3), /> but was found 0 times among 3 total requests/)
  assert.match(await withLimit(4), /> but was:<\[ \{/)
})

test('as many responses as the limit, or more, are counted', async (t) => {
  const few = { httpResponse: { statusCode: 201 }, maximumNumberOfRequestToReturnInVerificationFailure: 2 }
  for (const [mockServerVersion, said] of [
    ['5.15.0', 'not found, found 2 other responses'],
    ['8.0.0', 'found 1 time among 2 recorded responses'],
  ] as const) {
    const { put } = await withThree(t, { mockServerVersion })
    assert.equal(
      (await put('verify', { ...few, times: { atLeast: 5 } })).body,
      `Response not found at least 5 times, expected:<{\n  "statusCode" : 201\n}> but was ${said}`,
    )
  }
})

test('by an id, a failure shows the request of the expectation, and what was answered or sent on', async (t) => {
  const { put } = await withThree(t)
  const { body } = await put('verify', { expectationId: { id: 'made' }, times: { atLeast: 5 } })
  assert.match(body, /^Request not found at least 5 times, expected:<\{\n {2}"path" : "\/a"\n\}> but was:<\[ \{/)
  assert.deepEqual([body.includes('/real'), body.includes('/none')], [true, false])
  const sequence = await put('verifySequence', { expectationIds: [{ id: 'made' }, { id: 'made' }] })
  assert.match(sequence.body, /expected:<\[ \{\n {2}"path" : "\/a"\n\}, \{\n {2}"path" : "\/a"\n\} \]> but was:<\{/)
})

test('the disposition tells mocked from forwarded requests', async (t) => {
  const { put } = await withThree(t)
  const found = async (path: string, disposition: string): Promise<boolean> =>
    (await put('verify', { httpRequest: { path }, disposition })).status === 202
  assert.deepEqual([await found('/a', 'MOCKED'), await found('/a', 'FORWARDED')], [true, false])
  assert.deepEqual([await found('/real', 'MOCKED'), await found('/real', 'FORWARDED')], [false, true])
  assert.deepEqual([await found('/none', 'MOCKED'), await found('/none', 'FORWARDED')], [false, false])
  assert.match((await put('verify', { httpRequest: {}, disposition: 'BAD' })).body, /\$\.disposition: /)
})

test('a sequence of responses, alone or each with its request', async (t) => {
  const { put } = await withThree(t)
  const [made, real] = [{ statusCode: 201 }, { body: 'real' }]
  const requests = [{ path: '/a' }, { path: '/real' }]
  const verify = async (document: object) => put('verifySequence', document)
  assert.equal((await verify({ httpResponses: [made, real] })).status, 202)
  assert.equal((await verify({ httpRequests: requests, httpResponses: [made, real] })).status, 202)
  assert.equal((await verify({ expectationIds: [{ id: 'made' }], httpResponses: [made] })).status, 202)
  assert.equal((await verify({ expectationIds: [{ id: 'made' }], httpResponses: [real] })).status, 406)
  const wrong = await verify({ httpResponses: [real, made] })
  assert.equal(wrong.status, 406)
  assert.match(wrong.body, /^Response sequence not found, expected:<\[ \{\n {2}"body" : "real"\n\}, \{\n/)
  assert.equal(
    (await verify({ httpRequests: requests, httpResponses: [made] })).body,
    'Request and response sequences must be the same length for a response-aware verification sequence, ' +
      'found 2 request(s) and 1 response(s)',
  )
  assert.match(
    (await verify({ httpResponses: [{ statusCode: 5 }] })).body,
    /expected:<\{\n {2}"statusCode" : 5\n\}> but/,
  )
  assert.match((await verify({})).body, /one of httpRequests, expectationIds and httpResponses is required/)
  const none = 'No expectations, requests or responses specified in verification sequence'
  for (const empty of [{ httpResponses: [] }, { httpRequests: [] }]) assert.equal((await verify(empty)).body, none)
})

test('a verification waits until it holds', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', MADE)
  const waits = Promise.all([
    put('verify', { httpRequest: { path: '/a' }, timeout: 60_000 }),
    put('verify', { httpResponse: { statusCode: 201 }, timeout: 60_000 }),
    put('verifySequence', { httpRequests: [{ path: '/b' }, { path: '/a' }], timeout: 60_000 }),
  ])
  await ask('/b')
  await ask('/a')
  assert.deepEqual(
    (await waits).map(({ status }) => status),
    [202, 202, 202],
  )
})

test('a verification that can hold no more, or whose time is up, fails', async (t) => {
  const { ask, put } = await startControl(t)
  await ask('/a')
  const never = { httpRequest: { path: '/a' }, times: { atMost: 0 }, timeout: 60_000 }
  assert.equal((await put('verify', never)).status, 406)
  const late = await put('verify', { httpRequest: { path: '/b' }, timeout: 1 })
  assert.match(late.body, /^Request not found exactly once, expected:</)
  assert.match((await put('verify', { httpRequest: {}, timeout: -1 })).body, /\$\.timeout: /)
})

test('a body that was not kept whole proves nothing about responses either', async (t) => {
  const { put } = await withThree(t, { eventLogBodyBytes: 2 })
  const { status, body } = await put('verify', { httpResponse: { body: 'unreal' }, times: { atMost: 0 } })
  assert.equal(status, 406)
  assert.match(body, /^Response not found at most 0 times for certain \(the bodies of 1 exchanges were kept in part/)
})

test('from version 8 on, a failure ends with what the nearest one differs in', async (t) => {
  const { put } = await withThree(t, { mockServerVersion: '8.0.0' })
  const request = await put('verify', { httpRequest: { method: 'GET', path: '/nope' } })
  assert.match(
    request.body,
    />\n\nclosest match diff:\n {2}path:\n {6}string or regex match failed expected: {6}\/nope {5}found: {6}\/a \n$/,
  )
  const response = await put('verify', {
    httpRequest: { path: '/a' },
    httpResponse: { statusCode: 500, body: { a: 2 } },
  })
  assert.match(
    response.body,
    /\n {2}body:\n {6}body match failed expected: {6}\{"a":2\} {5}found: {6}\{"a":1,"b":2\} \n/,
  )
  assert.match(response.body, /\n {2}operation:\n {6}statusCode match failed expected: {6}500 {5}found: {6}201 \n/)
  assert.doesNotMatch((await put('verify', { httpRequest: { path: '/a' }, times: { atMost: 0 } })).body, /closest/)
  const sequence = await put('verifySequence', { httpRequests: [{ path: '/a' }, { path: '/nope' }] })
  assert.match(sequence.body, /closest match diff:\n {2}path:\n.*\/nope {5}found: {6}\/a \n$/)
})
