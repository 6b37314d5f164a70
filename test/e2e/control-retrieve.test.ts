/** What `retrieve` gives back, in all its types and formats. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import { type ControlLab, startControl, startUpstream } from '../support/control-lab.ts'

const HELLO = {
  id: 'hello',
  httpRequest: { method: 'GET', path: '/hello', queryStringParameters: { q: ['1'], '!no': ['x'] } },
  httpResponse: { statusCode: 201, headers: { 'content-type': ['text/plain'] }, body: 'hello' },
}

const withThree = async (t: TestContext): Promise<ControlLab> => {
  const lab = await startControl(t)
  const upstream = await startUpstream(t, '{"real":true}')
  assert.equal((await lab.put('expectation', HELLO)).status, 201)
  await lab.ask('/hello?q=1')
  await lab.ask('/none', { method: 'POST', body: { a: 1 }, headers: { 'content-type': 'application/json' } })
  await lab.ask(`${upstream}/real`)
  return lab
}

interface Entry {
  readonly type: string
  readonly messageFormat: string
  readonly message: readonly string[]
  readonly arguments?: readonly unknown[]
  readonly correlationId?: string
}

test('log entries have the fields and the wording of MockServer', async (t) => {
  const { put, putJson } = await withThree(t)
  await put('verify', { httpRequest: { path: '/hello' } })
  await put('verify', { httpRequest: { path: '/other' } })
  await put('clear?type=log', { path: '/hello' })
  const entries = (await putJson('retrieve?type=LOGS&format=LOG_ENTRIES')) as Entry[]
  assert.deepEqual(
    entries.map(({ type, messageFormat }) => `${type} ${messageFormat}`).filter((text) => !text.startsWith('FORW')),
    [
      'CREATED_EXPECTATION creating expectation:{}with id:{}',
      'RECEIVED_REQUEST received request:{}',
      'NO_MATCH_RESPONSE no expectation for:{}returning response:{}',
      'RECEIVED_REQUEST received request:{}',
      'VERIFICATION verifying requests that match:{}',
      'VERIFICATION_PASSED request:{}found exactly once',
      'VERIFICATION verifying requests that match:{}',
      'VERIFICATION_FAILED request not found exactly once, expected:{}but was:{}',
      'CLEARED cleared logs that match:{}',
    ],
  )
  const [created] = entries
  assert.equal(created?.arguments?.[1], 'hello')
  assert.deepEqual(
    [created?.message[0], created?.message[1], created?.message.slice(-3)],
    ['creating expectation:', '', [' with id:', '', '  hello']],
  )
})

test('the log as text has a time before each message and a line between them', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', HELLO)
  await put('expectation', HELLO)
  await ask('/hello?q=1')
  const { body, headers } = await put('retrieve?type=LOGS')
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
  const messages = body.split('------------------------------------\n')
  assert.deepEqual(
    messages.map((message) => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} - (.*):$/m.exec(message)?.[1]),
    ['creating expectation', 'updating expectation', 'received request', 'returning response'],
  )
  assert.match(messages[3] ?? '', /\n\n for request:\n\n {2}\{\n.*\n\n from expectation:\n\n {2}hello\n\n\n$/s)
  assert.equal((await put('retrieve?type=LOGS&format=HAR')).body, body)
})

test('a reset is the first that the log says afterwards', async (t) => {
  const { put } = await withThree(t)
  await put('reset')
  assert.match((await put('retrieve?type=LOGS')).body, / - resetting all expectations and request logs\n$/)
})

test('one exchange is retrieved by its correlation id', async (t) => {
  const { putJson } = await withThree(t)
  const entries = (await putJson('retrieve?type=LOGS&format=LOG_ENTRIES')) as Entry[]
  const id = entries.find(({ type }) => type === 'NO_MATCH_RESPONSE')?.correlationId
  assert.ok(id)
  const of = async (type: string): Promise<unknown[]> =>
    (await putJson(`retrieve?type=${type}&correlationId=${id}`)) as unknown[]
  assert.deepEqual(
    (await of('REQUESTS')).map((one) => (one as { path: string }).path),
    ['/none'],
  )
  assert.equal((await of('REQUEST_RESPONSES')).length, 1)
  assert.deepEqual(
    (await of('LOGS&format=LOG_ENTRIES')).map((one) => (one as Entry).type),
    ['RECEIVED_REQUEST', 'NO_MATCH_RESPONSE'],
  )
  assert.deepEqual(await putJson('retrieve?correlationId=other'), [])
})

test('counters have the names of MockServer, and start again with a reset', async (t) => {
  const { put, putJson } = await withThree(t)
  const read = async (): Promise<Record<string, number>> =>
    (await putJson('retrieve?type=METRICS')) as Record<string, number>
  const { REQUESTS_RECEIVED_COUNT, EXPECTATIONS_NOT_MATCHED_COUNT, ...rest } = await read()
  assert.deepEqual([REQUESTS_RECEIVED_COUNT, EXPECTATIONS_NOT_MATCHED_COUNT], [3, 2])
  assert.equal(rest['RESPONSE_EXPECTATIONS_MATCHED_COUNT'], 1)
  assert.equal(rest['RESPONSE_ACTIONS_COUNT'], 1)
  assert.equal(rest['FORWARD_ACTIONS_COUNT'], 0)
  await put('reset')
  assert.deepEqual(
    Object.values(await read()).filter((count) => count !== 0),
    [],
  )
})

test('expectations as a program for node create them again', async (t) => {
  const { put } = await withThree(t)
  const { body, headers } = await put('retrieve?type=ACTIVE_EXPECTATIONS&format=JAVASCRIPT')
  assert.equal(headers['content-type'], 'application/javascript; charset=utf-8')
  const created: unknown[] = []
  const client = { mockServerClient: () => ({ mockAnyResponse: (given: unknown) => created.push(given) }) }
  new Function('require', body)(() => client)
  const [expectation] = created as { id: string; httpResponse: { body: string } }[]
  assert.deepEqual([expectation?.id, expectation?.httpResponse.body, created.length], ['hello', 'hello', 1])
  assert.match((await put('retrieve?type=RECORDED_EXPECTATIONS&format=JAVASCRIPT')).body, /"path" : "\/real"/)
})

test('an OpenAPI document shows paths, parameters and examples', async (t) => {
  const { put } = await withThree(t)
  const documentOf = async (type: string) =>
    JSON.parse((await put(`retrieve?type=${type}&format=OPENAPI`)).body) as {
      paths: Record<string, Record<string, { parameters?: unknown; requestBody?: unknown; responses: object }>>
    }
  for (const type of ['REQUESTS', 'REQUEST_RESPONSES', 'RECORDED_EXPECTATIONS', 'ACTIVE_EXPECTATIONS']) {
    await SwaggerParser.validate((await documentOf(type)) as never)
  }
  const { paths } = await documentOf('REQUEST_RESPONSES')
  assert.deepEqual(Object.keys(paths), ['/hello', '/none', '/real'])
  assert.deepEqual(paths['/hello']?.['get']?.parameters, [
    { in: 'query', name: 'q', required: false, schema: { type: 'string' } },
  ])
  assert.deepEqual(paths['/none']?.['post']?.requestBody, { content: { 'application/json': { example: { a: 1 } } } })
  const active = (await documentOf('ACTIVE_EXPECTATIONS')).paths['/hello']?.['get']
  assert.deepEqual(active?.parameters, [{ in: 'query', name: 'q', required: false, schema: { type: 'string' } }])
  assert.deepEqual(active?.responses, {
    '201': { description: 'response', content: { 'text/plain': { example: 'hello' } } },
  })
})

test('recorded exchanges are a HAR document too', async (t) => {
  const { putJson } = await withThree(t)
  const { log } = (await putJson('retrieve?type=RECORDED_EXPECTATIONS&format=HAR')) as {
    log: { entries: { request: { url: string }; response: { status: number } }[] }
  }
  assert.deepEqual(
    log.entries.map(({ request, response }) => [new URL(request.url).pathname, response.status]),
    [['/real', 200]],
  )
})

test('what has no such form is said so, with 200 as there', async (t) => {
  const { put } = await withThree(t)
  for (const [type, format, sentence] of [
    ['REQUESTS', 'JAVASCRIPT', 'JAVASCRIPT not supported for REQUESTS (use RECORDED_EXPECTATIONS)'],
    ['REQUEST_RESPONSES', 'JAVA', 'JAVA not supported for REQUEST_RESPONSES'],
    ['RECORDED_EXPECTATIONS', 'CURL', 'CURL not supported for RECORDED_EXPECTATIONS'],
    ['ACTIVE_EXPECTATIONS', 'LOG_ENTRIES', 'LOG_ENTRIES not supported for ACTIVE_EXPECTATIONS'],
  ]) {
    const { status, body } = await put(`retrieve?type=${type}&format=${format}`)
    assert.deepEqual([status, body], [200, sentence])
  }
  const only = 'only the following values are supported'
  assert.equal(
    (await put('retrieve?format=COBOL')).body,
    `"COBOL" is not a valid value for "format" parameter, ${only} [java, javascript, json, log_entries, har, openapi, curl]`,
  )
})
