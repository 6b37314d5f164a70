/** Server-sent events: what is on the wire, and what real readers of event streams make of it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type ControlLab, startControl } from '../support/control-lab.ts'
import { get, rawConnection } from '../support/raw-answer.ts'

const start = async (t: TestContext, httpSseResponse: object): Promise<ControlLab> => {
  const lab = await startControl(t)
  const { status, body } = await lab.put('expectation', [
    { httpRequest: { path: '/events' }, httpSseResponse },
    { httpRequest: { path: '/next' }, httpResponse: { body: 'next' } },
  ])
  assert.equal(status, 201, body)
  return lab
}

const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n'
const MS = (value: number) => ({ timeUnit: 'MILLISECONDS', value })

/** What a reader of event streams is told: the fields of each event, joined as the HTML standard has it. */
const dispatched = (text: string): string[] =>
  text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => block.split('\n').join('|'))

test('each event is a chunk of its fields, its data a line each', async (t) => {
  const events = [{ event: 'e', data: 'one\ntwo\r\nthree\rfour', id: '7', retry: 500 }, { data: '' }, {}]
  const { port } = await start(t, { events })
  const connection = rawConnection(t, port, get('/events'))
  await connection.until((text) => text.endsWith('0\r\n\r\n'))
  const first = 'id: 7\nevent: e\nretry: 500\ndata: one\ndata: two\ndata: three\ndata: four\n\n'
  const chunks = [first, 'data: \n\n', '\n'].map((text) => `${text.length.toString(16)}\r\n${text}\r\n`)
  assert.equal(connection.text, `${HEAD}\r\n${chunks.join('')}0\r\n\r\n`)
  connection.socket.write(get('/next'))
  await connection.until((text) => text.endsWith('next'))
})

test('a stream that is to close its connection says so and does it', async (t) => {
  const { port } = await start(t, { events: [{ data: 'x' }], closeConnection: true })
  const text = await rawConnection(t, port, get('/events')).ended()
  assert.equal(text, `${HEAD}connection: close\r\n\r\n9\r\ndata: x\n\n\r\n0\r\n\r\n`)
})

test('its own headers and status go before ours', async (t) => {
  const { ask } = await start(t, { statusCode: 201, headers: { 'content-type': 'text/plain', 'x-a': ['1'] } })
  const { status, headers, body } = await ask('/events')
  assert.deepEqual(
    [status, headers['content-type'], headers['cache-control'], headers['x-a'], body],
    [201, 'text/plain', 'no-cache', '1', ''],
  )
})

test('curl shows events as they come, before the stream is over', async (t) => {
  const { port } = await start(t, {
    events: [{ data: 'now' }, { data: 'tomorrow', delay: { timeUnit: 'DAYS', value: 1 } }],
  })
  const curl = spawn('curl', ['-sN', `http://127.0.0.1:${port}/events`])
  const [shown] = await once(curl.stdout.setEncoding('utf8'), 'data')
  curl.kill()
  assert.equal(shown, 'data: now\n\n')
})

test('fetch reads the events in their order, with delays between them', async (t) => {
  const { port } = await start(t, {
    delay: MS(1),
    events: [{ data: 'a', delay: MS(2) }, { data: 'b' }, { data: 'c', delay: MS(1) }],
  })
  const response = await fetch(`http://127.0.0.1:${port}/events`)
  assert.deepEqual(dispatched(await response.text()), ['data: a', 'data: b', 'data: c'])
})

test('a client that goes ends its stream, and its place in the log is kept', async (t) => {
  const { port, ask, putJson } = await start(t, {
    events: [{ data: 'a' }, { data: 'b', delay: { timeUnit: 'DAYS', value: 1 } }],
  })
  const connection = rawConnection(t, port, get('/events'))
  await connection.until((text) => text.includes('data: a'))
  connection.socket.resetAndDestroy()
  await ask('/next')
  const pairs = (await putJson('retrieve?type=REQUEST_RESPONSES', { path: '/events' })) as { httpResponse: object }[]
  assert.deepEqual(
    pairs.map(({ httpResponse }) => httpResponse),
    [
      {
        body: { type: 'STRING', string: 'data: a\n\n', rawBytes: 'ZGF0YTogYQoK', contentType: 'text/event-stream' },
        headers: { 'content-type': ['text/event-stream'], 'cache-control': ['no-cache'] },
        statusCode: 200,
      },
    ],
  )
})

test('of a long stream, the log keeps the start', async (t) => {
  const lab = await startControl(t, { eventLogBodyBytes: 10 })
  const events = Array.from({ length: 100 }, (_, number) => ({ data: `number ${number}` }))
  await lab.put('expectation', { httpRequest: { path: '/events' }, httpSseResponse: { events } })
  await lab.ask('/events')
  const [pair] = (await lab.putJson('retrieve?type=REQUEST_RESPONSES')) as {
    httpResponse: { body: { string: string }; headers: object }
  }[]
  assert.equal(pair?.httpResponse.body.string, 'data: numb')
  assert.ok('x-understudy-body-truncated' in (pair?.httpResponse.headers ?? {}))
})

test('a reader that is slow gets all of a large stream', async (t) => {
  const data = 'x'.repeat(1000)
  const { port } = await start(t, { events: Array.from({ length: 3000 }, () => ({ data })) })
  const response = await fetch(`http://127.0.0.1:${port}/events`)
  const { socket, until } = rawConnection(t, port, get('/events', 'connection: close'))
  socket.pause()
  assert.equal(dispatched(await response.text()).length, 3000)
  socket.resume()
  const text = await until((all) => all.endsWith('0\r\n\r\n'))
  assert.equal(text.split(`data: ${data}\n\n`).length, 3001)
})

test('a HEAD request is told of no event', async (t) => {
  const { ask } = await start(t, { events: [{ data: 'x', delay: { timeUnit: 'DAYS', value: 1 } }] })
  const { headers, body } = await ask('/events', { method: 'HEAD' })
  assert.deepEqual([headers['content-type'], body], ['text/event-stream', ''])
})

test('a client of HTTP/1.0 gets the events without chunks, until the connection ends', async (t) => {
  const { port } = await start(t, { events: [{ data: 'x' }] })
  const text = await rawConnection(t, port, 'GET /events HTTP/1.0\r\n\r\n').ended()
  assert.match(text, /\r\nconnection: close\r\n\r\ndata: x\n\n$/)
})

test('what would break out of its field is refused', async (t) => {
  const { put } = await startControl(t)
  const events = [{ event: 'a\nb', id: '1\r2', retry: -1 }]
  const { status, body } = await put('expectation', { httpSseResponse: { events, templateType: 'VELOCITY' } })
  assert.equal(status, 400)
  for (const problem of [
    'events[0].event: expected one line',
    'events[0].id: expected one line',
    'events[0].retry: expected at least 0',
    'templateType: not supported yet',
  ])
    assert.ok(body.includes(problem), body)
})
