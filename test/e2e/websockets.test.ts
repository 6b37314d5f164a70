/** Expectations that speak WebSocket: handshakes, messages, rules for frames, and the end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { WebSocket as Ws } from 'ws'
import { type ControlLab, startControl } from '../support/control-lab.ts'
import { get, rawConnection } from '../support/raw-answer.ts'

const start = async (t: TestContext, httpWebSocketResponse: object, settings = {}): Promise<ControlLab> => {
  const lab = await startControl(t, settings)
  const { status, body } = await lab.put('expectation', { httpRequest: { path: '/ws' }, httpWebSocketResponse })
  assert.equal(status, 201, body)
  return lab
}

/** What a client of the `ws` package hears, one line each. */
const listen = (t: TestContext, port: number, protocols: string[] = []) => {
  const socket = new Ws(`ws://127.0.0.1:${port}/ws`, protocols)
  t.after(() => socket.terminate())
  const heard: string[] = []
  const hear = (line: string): void => {
    heard.push(line)
    socket.emit('heard')
  }
  socket.on('message', (data, isBinary) =>
    hear(isBinary ? `binary ${(data as Buffer).toString('hex')}` : `text ${data}`),
  )
  socket.on('pong', (data) => hear(`pong ${data}`))
  socket.on('close', (code, why) => hear(`close ${code} ${why}`))
  socket.on('error', () => undefined)
  const until = async (count: number): Promise<string[]> => {
    while (heard.length < count) await once(socket, 'heard')
    return heard
  }
  return { socket, until, open: once(socket, 'open') }
}

const TEXT = (text: string) => ({ text })

test('messages are sent in their order, text and binary, with their delays, and then the connection ends', async (t) => {
  const delay = { timeUnit: 'MILLISECONDS', value: 2 }
  const { port } = await start(t, { messages: [TEXT('a'), { binary: 'AP8=', delay }, TEXT('')], delay })
  assert.deepEqual(await listen(t, port).until(4), ['text a', 'binary 00ff', 'text ', 'close 1000 Bye'])
})

test("node's own WebSocket hears the same", async (t) => {
  const { port } = await start(t, { messages: [TEXT('a'), TEXT('b')] })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  const heard: unknown[] = []
  socket.addEventListener('message', ({ data }) => heard.push(data))
  const closed = (await once(socket, 'close')) as [{ readonly code: number; readonly reason: string }]
  assert.deepEqual([heard, closed[0].code, closed[0].reason], [['a', 'b'], 1000, 'Bye'])
})

test('a connection that is not to be closed stays until the client ends it', async (t) => {
  const { port } = await start(t, { messages: [TEXT('a')], closeConnection: false })
  const { socket, until } = listen(t, port)
  await until(1)
  socket.ping('still there?')
  await until(2)
  socket.close(4001, 'enough')
  assert.deepEqual(await until(3), ['text a', 'pong still there?', 'close 4001 enough'])
})

test('a subprotocol is chosen if the client offers it', async (t) => {
  const { port } = await start(t, { subprotocol: 'chat', closeConnection: false })
  const offering = listen(t, port, ['other', 'chat'])
  await offering.open
  assert.equal(offering.socket.protocol, 'chat')
  const silent = listen(t, port)
  await silent.open
  assert.equal(silent.socket.protocol, '')
})

const RULES = {
  messages: [TEXT('hi')],
  matchers: [
    { frameType: 'TEXT', textMatcher: 'ab.*', responses: [TEXT('1'), TEXT('2')] },
    { textMatcher: 'abc', responses: [TEXT('never')] },
    { frameType: 'BINARY', responses: [{ binary: 'AA==' }] },
    { frameType: 'PING', responses: [TEXT('pinged')] },
    { textMatcher: '!quiet', responses: [TEXT('any other')] },
  ],
}

test('a frame is answered by the first rule that it fits, one that fits none by nothing', async (t) => {
  const { port } = await start(t, RULES)
  const { socket, until } = listen(t, port)
  await until(1)
  const says: (readonly [() => void, string[]])[] = [
    [() => socket.send('abc'), ['text 1', 'text 2']],
    [() => socket.send(Buffer.from([1])), ['binary 00']],
    [() => socket.send('x'), ['text any other']],
    [() => socket.ping('p'), ['pong p', 'text pinged']],
  ]
  const expected = ['text hi']
  for (const [say, answers] of says) {
    socket.send('quiet')
    say()
    expected.push(...answers)
    assert.deepEqual(await until(expected.length), expected)
  }
})

test('a client that sends without reading is not read on, and nothing is lost', async (t) => {
  const delay = { timeUnit: 'MICROSECONDS', value: 500 }
  const { port } = await start(t, { matchers: [{ responses: [{ text: 'answer', delay }] }] })
  const { socket, until, open } = listen(t, port)
  await open
  for (let count = 0; count < 300; count++) socket.send('question')
  assert.equal((await until(300)).length, 300)
})

test('a message beyond the byte budget ends the connection with 1009', async (t) => {
  const { port } = await start(t, { closeConnection: false }, { bodyMatchBytes: 100 })
  const { socket, until, open } = listen(t, port)
  await open
  socket.send('x'.repeat(101))
  assert.deepEqual(await until(1), ['close 1009 '])
})

test('text that is no UTF-8 ends the connection with 1007', async (t) => {
  const { port } = await start(t, { closeConnection: false })
  const { socket, until, open } = listen(t, port)
  await open
  socket.send(Buffer.from([0xff]), { binary: false })
  assert.deepEqual(await until(1), ['close 1007 '])
})

test('a request that is no handshake is told so', async (t) => {
  const { port, ask } = await start(t, {})
  const plain = await ask('/ws')
  assert.deepEqual([plain.status, plain.headers.upgrade], [426, 'websocket'])
  const bad = rawConnection(t, port, get('/ws', 'upgrade: websocket', 'connection: upgrade', 'sec-websocket-key: x'))
  await bad.until((text) => text.includes('Sec-WebSocket-Key is not 16 bytes in base64'))
  assert.match(bad.text, /^HTTP\/1.1 400 /)
})

test('bytes that came with the handshake are frames like any others', async (t) => {
  const { port } = await start(t, { matchers: [{ textMatcher: 'a', responses: [TEXT('b')] }] })
  const upgrade = ['upgrade: websocket', 'connection: keep-alive, Upgrade', 'sec-websocket-version: 13']
  const handshake = get('/ws', ...upgrade, 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==')
  const masked = '\x81\x81\x00\x00\x00\x00a'
  const connection = rawConnection(t, port, handshake + masked)
  await connection.until((text) => text.endsWith('\r\n\r\n\x81\x01b'))
  connection.socket.destroy()
})

test('the log has the handshake and its answer', async (t) => {
  const { port, putJson } = await start(t, { messages: [TEXT('a')], subprotocol: 'chat' })
  await listen(t, port, ['chat']).until(2)
  const [pair] = (await putJson('retrieve?type=REQUEST_RESPONSES')) as {
    httpResponse: { statusCode: number; headers: Record<string, unknown>; body?: unknown }
  }[]
  const { statusCode, headers, body } = pair?.httpResponse ?? assert.fail('nothing is there')
  assert.deepEqual(
    [statusCode, headers['upgrade'], headers['sec-websocket-protocol'], body],
    [101, ['websocket'], ['chat'], undefined],
  )
})

test('a server that ends tells its WebSockets, and waits for none', async (t) => {
  const { port, serving } = await start(t, { messages: [TEXT('a')], closeConnection: false })
  const { until } = listen(t, port)
  await until(1)
  await serving.close()
  assert.deepEqual(await until(2), ['text a', 'close 1001 '])
})

test('what makes no sense is refused', async (t) => {
  const { put } = await startControl(t)
  const httpWebSocketResponse = {
    subprotocol: 'two words',
    messages: [{ text: 'a', binary: 'AA==' }, {}, { binary: '%' }],
    matchers: [{ frameType: 'PING', textMatcher: 'a' }, { textMatcher: '(' }],
    graphqlSubscriptionFilter: { query: '{ a }' },
  }
  const { status, body } = await put('expectation', { httpWebSocketResponse })
  assert.equal(status, 400)
  for (const problem of [
    'subprotocol: a subprotocol is one word',
    'messages[0]: give either text or binary',
    'messages[1]: give either text or binary',
    'messages[2].binary: expected base64',
    'matchers[0].textMatcher: a PING frame has no text',
    'matchers[1].textMatcher: not a valid regular expression',
    'graphqlSubscriptionFilter: not supported yet',
  ])
    assert.ok(body.includes(problem), body)
})
