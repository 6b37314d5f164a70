/** The control API of `understudy serve` as it is on the wire. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startControl, startUpstream } from '../support/control-lab.ts'
import { within } from '../support/plane-lab.ts'

const HELLO = { id: 'hello', httpRequest: { path: '/hello' }, httpResponse: { body: 'hello' } }

test('an empty list of expectations is a mistake', async (t) => {
  const { put } = await startControl(t)
  const { status, body } = await put('expectation', [])
  assert.deepEqual([status, body], [400, '1 error:\n - an expectation or array of expectations is required'])
})

test('every call is answered with and without the prefix, and the old form says so', async (t) => {
  const { ask } = await startControl(t)
  for (const path of ['/status', '/reset', '/clear', '/retrieve']) {
    const old = await ask(path, { method: 'PUT' })
    const now = await ask(`/mockserver${path}`, { method: 'PUT' })
    assert.deepEqual([old.status, old.body], [now.status, now.body])
    assert.equal(old.headers['deprecated'], `"${path}" is deprecated use "/mockserver${path}" instead`)
    assert.equal(now.headers['deprecated'], undefined)
    assert.deepEqual([old.headers['version'], now.headers['version']], ['5.15.0', '5.15.0'])
  }
})

test('other methods and other paths are mocked traffic, and so recorded', async (t) => {
  const { ask, putJson } = await startControl(t)
  assert.equal((await ask('/mockserver/status')).status, 404)
  assert.equal((await ask('/reset', { method: 'POST' })).status, 404)
  const requests = (await putJson('retrieve')) as { method: string; path: string }[]
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ['GET /mockserver/status', 'POST /reset'],
  )
})

test('a call that is meant for somebody behind us is none', async (t) => {
  const { ask, put } = await startControl(t)
  const upstream = await startUpstream(t, 'theirs')
  assert.equal((await ask(`${upstream}/status`, { method: 'PUT' })).body, 'theirs')
  assert.equal((await put('expectation', HELLO)).status, 201)
})

test('an answer is pretty-printed as Jackson does', async (t) => {
  const { put } = await startControl(t)
  const { status, body, headers } = await put('expectation', { ...HELLO, httpRequest: { headers: { a: 'b' } } })
  assert.equal(status, 201)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(
    body,
    [
      '[ {',
      '  "httpRequest" : {\n    "headers" : {\n      "a" : [ "b" ]\n    }\n  },',
      '  "httpResponse" : {\n    "body" : "hello"\n  },',
      '  "id" : "hello",\n  "priority" : 0,',
      '  "timeToLive" : {\n    "unlimited" : true\n  },\n  "times" : {\n    "unlimited" : true\n  }',
      '} ]',
    ].join('\n'),
  )
})

test('mistakes are all named, in the form of MockServer', async (t) => {
  const { put } = await startControl(t)
  const { status, body, headers } = await put('expectation', { httpRequest: { paths: 1 }, httpResponse: {}, time: 1 })
  assert.equal(status, 400)
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
  assert.match(body, /^incorrect expectation json format for:\n\n {2}\{\n {4}"httpRequest" : \{/)
  assert.match(body, / schema validation errors:\n\n {2}2 errors:\n {3}- \$/)
  assert.match(body, /- \$\.httpRequest\.paths: is not defined in the schema and the schema does not allow additional/)
  assert.equal(
    (await put('expectation')).body,
    '1 error:\n - an expectation or expectation array is required but value was "null"',
  )
  const bad = 'is not a valid value for "type" parameter, only the following values are supported'
  assert.equal((await put('clear?type=BAD')).body, `"BAD" ${bad} [log, expectations, all]`)
  assert.match((await put('expectation', [{}, HELLO, {}])).body, /^\[\n {2}incorrect .*,\n {2}\n {2}incorrect .*\n\]$/s)
})

test('two actions are refused and not kept', async (t) => {
  const { put, putJson } = await startControl(t)
  const two = { ...HELLO, httpForward: { host: 'localhost' } }
  assert.equal((await put('expectation', two)).status, 400)
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('times count down in what is retrieved', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('expectation', { ...HELLO, times: { remainingTimes: 2 } })
  await ask('/hello')
  const [left] = (await putJson('retrieve?type=ACTIVE_EXPECTATIONS')) as { times: unknown }[]
  assert.deepEqual(left?.times, { remainingTimes: 1 })
  await ask('/hello')
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('clear drops the requests that are meant, and keeps the others', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  for (const path of ['/a/1', '/b', '/a/2']) await ask(path)
  const left = async (): Promise<unknown[]> =>
    ((await putJson('retrieve')) as { path: string }[]).map((request) => request.path)
  await put('clear?type=log', { path: '/a/2' })
  assert.deepEqual(await left(), ['/a/1', '/b'])
  await put('clear?type=expectations')
  assert.deepEqual(await left(), ['/a/1', '/b'])
  assert.equal((await put('clear?type=LOG', { httpRequest: { path: '/a/.*' }, httpResponse: {} })).status, 200)
  assert.deepEqual(await left(), ['/b'])
  await put('clear')
  assert.deepEqual(await left(), [])
})

test('an id also means what its expectation would answer, where requests are retrieved or cleared', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('expectation', [
    { id: 'once', httpRequest: { path: '/a' }, httpResponse: {}, times: { remainingTimes: 1 } },
    { id: 'all', httpRequest: { path: '/.*' }, httpResponse: {} },
  ])
  for (const path of ['/a', '/a', '/b']) await ask(path)
  const paths = async (filter?: unknown): Promise<unknown> =>
    ((await putJson('retrieve', filter)) as { path: string }[]).map(({ path }) => path)
  assert.deepEqual(await paths({ id: 'all' }), ['/a', '/a', '/b'])
  assert.deepEqual(await paths({ id: 'once' }), ['/a']) // it is gone: only what it answered is known
  assert.equal((await put('verify', { expectationId: { id: 'all' }, times: { atLeast: 2, atMost: 2 } })).status, 202)
  assert.equal((await put('clear', { id: 'all' })).status, 200)
  assert.deepEqual(await paths(), [])
})

test('requests are retrieved in the form of the version that is spoken, and beside answers in that of expectations', async (t) => {
  const keysOf = async (mockServerVersion: string, type: string): Promise<unknown> => {
    const { ask, put } = await startControl(t, { mockServerVersion })
    await ask('/a?b=1', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })
    const { body } = await put(`retrieve?type=${type}`)
    const [first] = JSON.parse(body)
    return Object.keys(first.httpRequest ?? first).join(' ')
  }
  const plain = 'body headers keepAlive method path queryStringParameters secure'
  assert.equal(await keysOf('5.15.0', 'requests'), plain)
  assert.equal(await keysOf('8.0.0', 'requests'), plain.replace('path', 'path protocol'))
  assert.equal(
    await keysOf('5.15.0', 'request_responses'),
    'method path queryStringParameters headers keepAlive secure protocol localAddress remoteAddress body',
  )
})

test('a request is recorded with its body, mocked or forwarded, and so is the answer', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  const upstream = await startUpstream(t, 'real')
  await put('expectation', HELLO)
  const sent = {
    method: 'POST',
    headers: { 'content-type': 'text/plain', authorization: 'Basic c2VjcmV0' },
    body: 'x'.repeat(200_000),
  }
  await ask('/hello', sent)
  await ask(`${upstream}/real`, sent)
  const pairs = (await putJson('retrieve?type=REQUEST_RESPONSES')) as {
    httpRequest: { body: { string: string }; headers: Record<string, string[]> }
    httpResponse: { body: string; statusCode: number }
  }[]
  assert.deepEqual(
    pairs.map(({ httpRequest, httpResponse }) => [
      httpRequest.body.string.length,
      httpResponse.body,
      httpResponse.statusCode,
    ]),
    [
      [200_000, 'hello', 200],
      [200_000, 'real', 200],
    ],
  )
  assert.deepEqual(pairs[0]?.httpRequest.headers['authorization'], ['Basic c2VjcmV0'])
})

test('a recorded expectation put back answers as the server did', async (t) => {
  const { ask, put } = await startControl(t)
  const upstream = await startUpstream(t, 'real')
  await ask(`${upstream}/real`, { headers: { 'x-q': '1' } })
  const recorded = JSON.parse((await put('retrieve?type=RECORDED_EXPECTATIONS')).body) as Record<string, unknown>[]
  const [{ httpResponse } = {}] = recorded
  assert.equal((await put('expectation', { httpRequest: { path: '/real' }, httpResponse })).status, 201)
  const again = await ask('/real')
  assert.deepEqual([again.body, again.headers['x-from']], ['real', 'upstream'])
})

test('a body longer than what is kept is marked, and proves nothing', async (t) => {
  const { ask, put, putJson } = await startControl(t, { eventLogBodyBytes: 10 })
  await ask('/long', { method: 'POST', body: 'y'.repeat(100) })
  const [request] = (await putJson('retrieve')) as { body: string; headers: Record<string, string[]> }[]
  assert.deepEqual([request?.body, request?.headers['x-understudy-body-truncated']], ['y'.repeat(10), ['100']])
  const other = { httpRequest: { path: '/long', body: 'z' }, times: { atMost: 0 } }
  const refused = await put('verify', other)
  assert.equal(refused.status, 406)
  assert.match(
    refused.body,
    /^Request not found at most 0 times for certain \(the bodies of 1 exchanges were kept in part/,
  )
  assert.equal((await put('verify', { httpRequest: { path: '/other', body: 'z' }, times: { atMost: 0 } })).status, 202)
})

test('once requests had to leave the log, nothing is said to have not happened', async (t) => {
  const { ask, put } = await startControl(t, { eventLogBytes: 64 * 1024 })
  for (let n = 0; n < 200; n++) await ask(`/${n}`)
  assert.equal((await put('verify', { httpRequest: { path: '/199' }, times: { atLeast: 1 } })).status, 202)
  const never = { httpRequest: { path: '/never' }, times: { atLeast: 0, atMost: 0 } }
  const refused = await put('verify', never)
  assert.equal(refused.status, 406)
  assert.match(
    refused.body,
    /^Request not found exactly 0 times for certain \(\d+ older requests had to leave the log, see eventLogBytes\), expected:</,
  )
  assert.match((await put('verify', { httpRequest: { path: '/0' } })).body, /for certain/)
  await put('reset')
  assert.equal((await put('verify', never)).status, 202)
})

test('what is over the limit is listed as a number, in the words of the version', async (t) => {
  for (const [mockServerVersion, said] of [
    ['5.15.0', 'not found, found 11 other requests'],
    ['8.0.0', 'found 2 times among 11 total requests'],
  ] as const) {
    const { ask, put } = await startControl(t, { mockServerVersion })
    for (let n = 0; n < 11; n++) await ask(`/${n}`)
    const { body } = await put('verify', { httpRequest: { path: '/1.*' }, times: { atLeast: 3 } })
    assert.ok(body.endsWith(`> but was ${said}`), body)
    const sequence = await put('verifySequence', { httpRequests: [{ path: '/5' }, { path: '/.*' }, { path: '/4' }] })
    assert.ok(sequence.body.includes('> but was not found, found 11 other requests'), sequence.body)
  }
})

test('a document larger than allowed is refused', async (t) => {
  const { put } = await startControl(t, { controlBodyBytes: 1024 })
  assert.equal((await put('expectation', 'x'.repeat(2000))).status, 413)
  assert.equal((await put('status')).status, 200)
})

test('expectations beyond the bound are refused, and replacing one is not', async (t) => {
  const { put } = await startControl(t, { maxExpectations: 1 })
  assert.equal((await put('expectation', HELLO)).status, 201)
  assert.match((await put('expectation', { ...HELLO, id: 'other' })).body, /maxExpectations is 1/)
  assert.equal((await put('expectation', HELLO)).status, 201)
})

test('probes ask by GET', async (t) => {
  const { ask } = await startControl(t, { livenessHttpGetPath: '/liveness/probe' })
  for (const path of ['/mockserver/ready', '/liveness/probe']) assert.equal((await ask(path)).status, 200)
})

test('what MockServer has and we do not is said so', async (t) => {
  const { put } = await startControl(t)
  assert.equal((await put('pact', {})).status, 501)
})

test('without the API all of it is mocked traffic', async (t) => {
  const { put } = await startControl(t, { controlEnabled: false })
  assert.equal((await put('status')).status, 404)
})

test('a client that goes while a call is read leaves nothing behind', async (t) => {
  const { port, put, putJson } = await startControl(t)
  const client = connect(port, '127.0.0.1')
  await once(client, 'connect')
  client.write('PUT /mockserver/expectation HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"id":')
  client.destroy()
  assert.equal((await put('status')).status, 200)
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('curl drives the program itself, and stop ends it with 0', async (t) => {
  const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const env = { ...process.env, UNDERSTUDY_ADMIN_ENABLED: 'false', UNDERSTUDY_LOG_LEVEL: 'info' }
  const child = spawn(process.execPath, [program, 'serve', '--port', '0'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${await saidPort(child)}`
  const curl = async (...args: string[]): Promise<string> => {
    const run = spawn('curl', ['-s', '-m', '10', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    return (await run.stdout.setEncoding('utf8').toArray()).join('')
  }
  const put = ['-w', '%{http_code}', '-X', 'PUT']
  assert.match(await curl(...put, `${url}/mockserver/status`), /"version" : "5\.15\.0"\n\}200$/)
  assert.match(await curl(...put, `${url}/mockserver/expectation`, '-d', JSON.stringify(HELLO)), /201$/)
  assert.equal(await curl(`${url}/hello`), 'hello')
  assert.equal(await curl(...put, `${url}/mockserver/verify`, '-d', '{"httpRequest":{"path":"/hello"}}'), '202')
  assert.equal(await curl(...put, `${url}/mockserver/stop`), '200')
  assert.deepEqual(await exited, [0, null])
})

/** The port that the program says, in its log, that it serves on. */
const saidPort = async ({ stdout, stderr }: { stdout: Readable; stderr: Readable }): Promise<number> => {
  let said = ''
  const heard = Promise.withResolvers<number>()
  for (const stream of [stdout, stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const line = said.split('\n').find((each) => each.includes('"serving"'))
      if (line?.endsWith('}')) heard.resolve((JSON.parse(line) as { port: number }).port)
    })
  }
  return within('the port', heard.promise)
}

test('a long list of mistakes is not read to its end, and nothing of it is stored', async (t) => {
  const { put, putJson } = await startControl(t)
  const { status, body } = await put('expectation', [HELLO, ...new Array(5000).fill({})])
  assert.equal(status, 400)
  assert.match(body, /… and at least 980 more\s*\]$/)
  assert.deepEqual(await putJson('retrieve?type=active_expectations'), [])
})
