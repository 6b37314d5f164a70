/** The unmodified npm client of MockServer against `understudy serve`: every method that is delivered. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { mockServerClient } from 'mockserver-client'
import { type ControlLab, startControl, startUpstream } from '../support/control-lab.ts'

type Client = ReturnType<typeof mockServerClient>

const start = async (t: TestContext): Promise<{ lab: ControlLab; client: Client }> => {
  const lab = await startControl(t)
  return { lab, client: mockServerClient('127.0.0.1', lab.port) }
}

/** What a promise of the client is rejected with. */
const rejection = async (promise: PromiseLike<unknown>): Promise<string> => {
  try {
    await promise
  } catch (reason) {
    return String(reason)
  }
  return assert.fail('it was not rejected')
}

const hello = (path = '/hello') => ({ httpRequest: { path }, httpResponse: { statusCode: 201, body: 'hello' } })

test('an expectation answers until it is cleared', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse(hello())
  assert.deepEqual([(await lab.ask('/hello')).status, (await lab.ask('/hello')).body], [201, 'hello'])
  await client.clear({ path: '/hello' }, 'EXPECTATIONS')
  assert.equal((await lab.ask('/hello')).status, 404)
})

test('a list of expectations is taken whole, and its order is the order of matching', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse([
    { ...hello('/a'), times: { remainingTimes: 1, unlimited: false } },
    { httpRequest: { path: '/a' }, httpResponse: { body: 'second' } },
  ])
  assert.deepEqual([(await lab.ask('/a')).body, (await lab.ask('/a')).body], ['hello', 'second'])
})

test('an expectation is cleared by its id, and an id that nobody has is refused', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse({ id: 'one', ...hello() })
  await client.clearById('one', 'EXPECTATIONS')
  assert.equal((await lab.ask('/hello')).status, 404)
  assert.equal(await rejection(client.clearById('other', 'ALL')), 'No expectation found with id other')
})

test('reset forgets expectations and requests', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse(hello())
  await lab.ask('/hello')
  await client.reset()
  assert.equal((await lab.ask('/hello')).status, 404)
  assert.equal((await client.retrieveRecordedRequests({})).length, 1)
  assert.deepEqual(await client.retrieveActiveExpectations({}), [])
})

test('requests that came are verified, and a failure says what came instead', async (t) => {
  const { lab, client } = await start(t)
  await lab.ask('/here', { method: 'POST', body: { a: 1, b: 2 }, headers: { 'content-type': 'application/json' } })
  await client.verify({ path: '/here', body: { a: 1 } })
  await client.verify({ path: '/here' }, 1, 1)
  assert.match(await rejection(client.verify({ path: '/there' }, 2, 2)), /^Request not found exactly 2 times/)
  assert.match(await rejection(client.verifyZeroInteractions()), /^Request not found exactly 0 times/)
  await client.reset()
  await client.verifyZeroInteractions()
})

test('requests are verified by the expectation that answered them', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse([
    { id: 'a', ...hello('/a') },
    { id: 'b', ...hello('/b') },
  ])
  await lab.ask('/a')
  await lab.ask('/b')
  await client.verifyById({ id: 'a' }, 1, 1)
  await client.verifySequenceById({ id: 'a' }, { id: 'b' })
  assert.match(await rejection(client.verifyById({ id: 'a' }, 2)), /^Request not found at least 2 times/)
  assert.equal(await rejection(client.verifyById({ id: 'c' })), 'No expectation found with id c')
})

test('a sequence is verified with other requests between', async (t) => {
  const { lab, client } = await start(t)
  for (const path of ['/1', '/x', '/2']) await lab.ask(path)
  await client.verifySequence({ path: '/1' }, { path: '/2' })
  assert.match(await rejection(client.verifySequence({ path: '/2' }, { path: '/1' })), /^Request sequence not found/)
})

test('recorded requests, answers and expectations are retrieved', async (t) => {
  const { lab, client } = await start(t)
  const upstream = await startUpstream(t, 'real')
  await client.mockAnyResponse(hello())
  await lab.ask('/hello?q=1')
  assert.equal((await lab.ask(`${upstream}/real`)).body, 'real')

  // The client's own types say that these were responses.
  const requests = (await client.retrieveRecordedRequests({ path: '/hello' })) as { path?: string; method?: string }[]
  assert.deepEqual(
    requests.map(({ path, method }) => [path, method]),
    [['/hello', 'GET']],
  )
  const pairs = await client.retrieveRecordedRequestsAndResponses({})
  assert.deepEqual(
    pairs.map(({ httpResponse }) => httpResponse?.body),
    ['hello', 'real'],
  )
  const [recorded] = await client.retrieveRecordedExpectations({})
  assert.deepEqual(recorded?.times, { remainingTimes: 1 })
  assert.equal(recorded?.httpRequest && 'path' in recorded.httpRequest ? recorded.httpRequest.path : '', '/real')
  const [active] = await client.retrieveActiveExpectations({})
  assert.equal(active?.httpResponse?.statusCode, 201)
})

test('log messages come one by one', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse(hello())
  await lab.ask('/hello')
  const messages = await client.retrieveLogMessages({})
  assert.deepEqual(
    messages.map((message) => /creating expectation|received request|returning response/.exec(message)?.[0]),
    ['creating expectation', 'received request', 'returning response'],
  )
})

test('another port serves the same expectations', async (t) => {
  const { client } = await start(t)
  await client.mockAnyResponse(hello())
  const answer = (await client.bind([0])) as { body?: string } | undefined
  const { ports } = JSON.parse(answer?.body ?? '{}') as { ports: number[] }
  assert.equal(ports.length, 1)
  const response = await fetch(`http://127.0.0.1:${ports[0]}/hello`)
  assert.equal(await response.text(), 'hello')
})

test('an expectation that is wrong is refused with its mistakes', async (t) => {
  const { client } = await start(t)
  const wrong = { httpRequest: { paths: '/x' }, httpResponse: {} } as object
  assert.match(await rejection(client.mockAnyResponse(wrong)), /\$\.httpRequest\.paths: is not defined in the schema/)
  assert.deepEqual(await client.retrieveActiveExpectations({}), [])
})

test('expectations are cleared by a path alone', async (t) => {
  const { lab, client } = await start(t)
  await client.mockAnyResponse([hello('/a'), hello('/b')])
  await client.clear('/a', 'EXPECTATIONS')
  assert.deepEqual([(await lab.ask('/a')).status, (await lab.ask('/b')).status], [404, 201])
})

test('requests are retrieved and cleared by a path alone', async (t) => {
  const { lab, client } = await start(t)
  for (const path of ['/x?a=1', '/y', '/x']) await lab.ask(path)
  assert.equal((await client.retrieveRecordedRequests('/x')).length, 2)
  await client.clear('/x', 'LOG')
  const left = (await client.retrieveRecordedRequests({})) as { path?: string }[]
  assert.deepEqual(
    left.map(({ path }) => path),
    ['/y'],
  )
})

test('requests are verified by what their bodies say', async (t) => {
  const { lab, client } = await start(t)
  await lab.ask('/order', { method: 'POST', body: { total: 12 }, headers: { 'content-type': 'application/json' } })
  await client.verify({ path: '/order', body: { type: 'JSON_PATH', jsonPath: '$[?@ > 10]' } }, 1, 1)
  const schema = { type: 'object', required: ['total'], properties: { total: { type: 'integer' } } }
  await client.verify({ body: { type: 'JSON_SCHEMA', jsonSchema: JSON.stringify(schema) } }, 1, 1)
  assert.match(
    await rejection(client.verify({ body: { type: 'JSON_PATH', jsonPath: '$[?@ > 20]' } })),
    /^Request not found at least once/,
  )
})
