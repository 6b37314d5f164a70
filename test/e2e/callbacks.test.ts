/** Clients of the control API that answer requests themselves, over the WebSocket that they have opened. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connectClient, correlationOf, ERROR, RESPONSE, type TestClient } from '../support/callback-client.ts'
import { type Answer, type ControlLab, startControl } from '../support/control-lab.ts'
import { npmClient } from '../support/npm-callback-client.ts'
import { get, rawConnection } from '../support/raw-answer.ts'

type Settings = Parameters<typeof startControl>[1]

const start = async (t: TestContext, settings: Settings = {}): Promise<{ lab: ControlLab; client: TestClient }> => {
  const lab = await startControl(t, settings)
  const client = await connectClient(t, lab.port)
  await expect(lab, client.id)
  return { lab, client }
}

const expect = async ({ put }: ControlLab, clientId: string, more: object = {}): Promise<void> => {
  const expectation = { httpRequest: { path: '/cb' }, httpResponseObjectCallback: { clientId, ...more } }
  const { status, body } = await put('expectation', expectation)
  assert.equal(status, 201, body)
}

/** What a request gets that is answered with `value`. */
const answered = async ({ lab, client }: Awaited<ReturnType<typeof start>>, value: object): Promise<Answer> => {
  const answer = lab.ask('/cb')
  const asked = await client.next()
  const headers = {
    ...('headers' in value ? (value.headers as object) : {}),
    WebSocketCorrelationId: [correlationOf(asked)],
  }
  client.send(RESPONSE, { ...value, headers })
  return answer
}

const reason = ({ status, headers }: Answer): [number, unknown] => [status, headers['x-understudy-reason']]

for (const kind of ['respond', 'fluent'])
  test(`the unmodified npm client answers with a function of the request (${kind})`, async (t) => {
    const { port, ask } = await startControl(t)
    assert.equal(await npmClient(t, port, kind), 'ready')
    const { status, headers, body } = await ask('/callback/7', { method: 'POST', body: 'hello' })
    assert.deepEqual([status, headers['x-by'], headers['websocketcorrelationid']], [201, 'callback', undefined])
    assert.deepEqual(JSON.parse(body), { method: 'POST', path: '/callback/7', body: 'hello' })
  })

test('a client is told its id, and may choose it', async (t) => {
  const { port } = await startControl(t)
  const one = await connectClient(t, port)
  assert.match(one.id, /^[0-9a-f-]{36}$/)
  assert.equal(one.headers['x-client-registration-id'], one.id)
  const other = await connectClient(t, port, 'my-own')
  assert.deepEqual([other.id, other.headers['x-client-registration-id']], ['my-own', 'my-own'])
})

test('a client sees the request as the log has it, with what ties the answer to it', async (t) => {
  const { lab, client } = await start(t)
  const headers = { 'content-type': 'application/json', cookie: 'a=b' }
  const answer = lab.ask('/cb?q=1&q=2', { method: 'POST', headers, body: { a: 1 } })
  const asked = await client.next()
  const { type, value } = asked
  assert.equal(type, 'org.mockserver.model.HttpRequest')
  assert.deepEqual(
    [value['method'], value['path'], value['queryStringParameters'], value['cookies'], value['body']],
    ['POST', '/cb', { q: ['1', '2'] }, { a: 'b' }, { type: 'JSON', json: { a: 1 }, contentType: 'application/json' }],
  )
  assert.equal(value['localAddress'], `127.0.0.1:${lab.port}`)
  client.send(RESPONSE, { statusCode: 201, body: 'yes', headers: { websocketcorrelationid: [correlationOf(asked)] } })
  assert.deepEqual([(await answer).status, (await answer).body], [201, 'yes'])
})

test('an answer is a response like that of an expectation, with framing of ours', async (t) => {
  const value = {
    statusCode: 202,
    body: { a: 1 },
    cookies: { s: '1' },
    delay: { timeUnit: 'MILLISECONDS', value: 1 },
    headers: { 'x-a': ['1'], 'content-length': ['99'], connection: ['close'], 'transfer-encoding': ['chunked'] },
    reasonPhrase: null,
  }
  const { status, headers, body } = await answered(await start(t), value)
  assert.deepEqual([status, headers['x-a'], headers['set-cookie'], body], [202, '1', ['s=1'], '{\n  "a" : 1\n}'])
  assert.equal(headers['content-length'], `${body.length}`)
})

test('answers find their requests in any order', async (t) => {
  const { lab, client } = await start(t)
  const numbers = ['1', '2', '3', '4']
  const answers = numbers.map((number) => lab.ask('/cb', { headers: { 'x-number': number } }))
  const asked = [await client.next(), await client.next(), await client.next(), await client.next()]
  for (const one of asked.reverse()) {
    const headers = one.value['headers'] as Record<string, string[]>
    client.send(RESPONSE, {
      body: headers['x-number']?.[0],
      headers: [{ name: 'WebSocketCorrelationId', values: [correlationOf(one)] }],
    })
  }
  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body),
    numbers,
  )
})

test('a callback that fails is a 404 with its message', async (t) => {
  const { lab, client } = await start(t)
  const answer = lab.ask('/cb')
  client.send(ERROR, { message: 'my failure', webSocketCorrelationId: correlationOf(await client.next()) })
  assert.deepEqual([(await answer).status, (await answer).body], [404, 'my failure'])
})

test('an answer that is no response is told to whoever asked, with everything that is wrong', async (t) => {
  const answer = await answered(await start(t), { statusCode: 'x', nope: 1 })
  assert.deepEqual(reason(answer), [502, 'callback_invalid'])
  assert.match(answer.body, /\$\.statusCode: expected a number, got "x"/)
  assert.match(answer.body, /\$\.nope: is not defined in the schema/)
})

test('a client that says what nobody can read loses its connection, and its requests are answered', async (t) => {
  for (const said of ['garbage', '{"type":"org.mockserver.model.HttpResponse","value":"{}"}', '[]', '{}']) {
    const { lab, client } = await start(t)
    const answer = lab.ask('/cb')
    await client.next()
    client.socket.send(said)
    assert.deepEqual(reason(await answer), [502, 'callback_gone'])
    assert.equal(await client.closed, 1007)
  }
})

test('a message of another kind, and an answer to nothing, change nothing', async (t) => {
  const started = await start(t)
  started.client.send('org.mockserver.serialization.model.PausedStreamFrameDTO', {})
  started.client.send(RESPONSE, { headers: { WebSocketCorrelationId: ['of long ago'] } })
  assert.equal((await answered(started, { body: 'still here' })).body, 'still here')
})

test('requests that wait for a client that goes are answered at once, and later ones too', async (t) => {
  const { lab, client } = await start(t)
  const waiting = [lab.ask('/cb'), lab.ask('/cb')]
  await client.next()
  await client.next()
  client.socket.terminate()
  for (const answer of waiting) assert.deepEqual(reason(await answer), [502, 'callback_gone'])
  assert.deepEqual(reason(await lab.ask('/cb')), [404, 'callback_absent'])
})

test('a client that never answers is waited for until callbackTimeoutMs', async (t) => {
  const { lab } = await start(t, { callbackTimeoutMs: 5 })
  const answer = await lab.ask('/cb')
  assert.deepEqual(reason(answer), [504, 'callback_timeout'])
})

test('a request that goes is waited for no longer, and its late answer hurts nobody', async (t) => {
  const started = await start(t)
  const connection = connect(started.lab.port, '127.0.0.1')
  connection.write(get('/cb'))
  const asked = await started.client.next()
  connection.resetAndDestroy()
  started.client.send(RESPONSE, { body: 'late', headers: { WebSocketCorrelationId: [correlationOf(asked)] } })
  assert.equal((await answered(started, { body: 'next' })).body, 'next')
})

test('reset ends the connections of callback clients, and answers their requests', async (t) => {
  const { lab, client } = await start(t)
  const answer = lab.ask('/cb')
  await client.next()
  await lab.put('reset')
  assert.deepEqual(reason(await answer), [502, 'callback_gone'])
  await client.closed
})

test('a client of the same id takes the place of the one before', async (t) => {
  const lab = await startControl(t)
  const before = await connectClient(t, lab.port, 'same')
  const client = await connectClient(t, lab.port, 'same')
  await expect(lab, 'same')
  assert.equal((await answered({ lab, client }, { body: 'second' })).body, 'second')
  before.socket.close()
  await before.closed
  assert.equal((await answered({ lab, client }, { body: 'second' })).body, 'second')
})

test('one client too many is refused', async (t) => {
  const { lab } = await start(t, { callbackClients: 1 })
  const socket = await connectTooMany(t, lab.port)
  assert.deepEqual((await once(socket, 'close'))[0], 1013)
})

const connectTooMany = async (t: TestContext, port: number) => {
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/_mockserver_callback_websocket`)
  t.after(() => socket.terminate())
  return socket
}

test('a message larger than a document may be ends the connection', async (t) => {
  const { lab, client } = await start(t, { controlBodyBytes: 2048 })
  const answer = lab.ask('/cb')
  await client.next()
  client.send(RESPONSE, { body: 'x'.repeat(4096) })
  assert.deepEqual(reason(await answer), [502, 'callback_gone'])
  assert.equal(await client.closed, 1009)
})

test('a body beyond the byte budget is not passed on in part', async (t) => {
  const { lab } = await start(t, { bodyMatchBytes: 10 })
  const answer = await lab.ask('/cb', { method: 'POST', body: 'x'.repeat(11) })
  assert.deepEqual(reason(answer), [413, 'callback_body'])
})

test('what is not a handshake is refused, and the connection lives on', async (t) => {
  const { ask, port } = await startControl(t, { onUnmatched: 'refuse' })
  assert.equal((await ask('/_mockserver_callback_websocket')).status, 426)
  const bad = get('/_mockserver_callback_websocket', 'upgrade: websocket', 'connection: upgrade').replace(
    'host: a',
    'host: localhost',
  )
  const connection = rawConnection(t, port, bad)
  await connection.until((text) => text.includes('Sec-WebSocket-Key'))
  assert.match(connection.text, /^HTTP\/1.1 400 /)
  connection.socket.write(get('/mockserver/_mockserver_callback_websocket'))
  await connection.until((text) => text.includes('no_expectation'))
})

test('a page of another origin, and a caller without the token, cannot become callback clients', async (t) => {
  const { ask } = await startControl(t)
  const headers = { origin: 'https://elsewhere.test', upgrade: 'websocket', connection: 'upgrade' }
  assert.equal((await ask('/_mockserver_callback_websocket', { headers })).status, 403)
})

test('an answer of a callback is in the log with its request', async (t) => {
  const started = await start(t)
  await answered(started, { body: 'logged' })
  const [pair] = (await started.lab.putJson('retrieve?type=REQUEST_RESPONSES')) as { httpResponse: { body: unknown } }[]
  assert.equal(pair?.httpResponse.body, 'logged')
})
