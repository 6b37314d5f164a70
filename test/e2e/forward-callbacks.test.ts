/** Clients of the control API that say what is to be sent on, and what is to be made of the answer. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  BOTH,
  connectClient,
  correlationOf,
  type Json,
  type Message,
  REQUEST,
  RESPONSE,
  type TestClient,
} from '../support/callback-client.ts'
import { type Answer, type Asked, type ControlLab, startControl } from '../support/control-lab.ts'
import { npmClient } from '../support/npm-callback-client.ts'

/** A server that answers with what it was asked; its authority. */
const startEcho = async (t: TestContext): Promise<string> => {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method, url, rawHeaders: headers } = request
    response.writeHead(200, { 'x-from': 'echo', 'content-type': 'application/json' })
    response.end(JSON.stringify({ method, url, headers, body }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Lab {
  readonly lab: ControlLab
  readonly client: TestClient
  readonly host: string
}

const start = async (t: TestContext, more: object = {}): Promise<Lab> => {
  const host = await startEcho(t)
  const lab = await startControl(t)
  const client = await connectClient(t, lab.port)
  const httpForwardObjectCallback = { clientId: client.id, ...more }
  const put = await lab.put('expectation', { httpRequest: { path: '/cb' }, httpForwardObjectCallback })
  assert.equal(put.status, 201, put.body)
  return { lab, client, host }
}

type Headers = Readonly<Record<string, unknown>>
const headersOf = ({ value }: Message): Headers => value['headers'] as Headers

/** Asks, and has the client say what is sent on. */
const forwarded = async ({ lab, client }: Lab, asked: Asked, make: (request: Message) => Json): Promise<Answer> => {
  const answer = lab.ask('/cb?a=1', asked)
  client.send(REQUEST, make(await client.next()))
  return answer
}

const reason = ({ status, headers }: Answer): [number, unknown] => [status, headers['x-understudy-reason']]

for (const [kind, ending] of [
  ['forward', ''],
  ['rewrite', ' and changed'],
] as const)
  test(`the unmodified npm client has requests sent elsewhere (${kind})`, async (t) => {
    const host = await startEcho(t)
    const { port, ask } = await startControl(t)
    assert.equal(await npmClient(t, port, kind, host), 'ready')
    const { headers, body } = await ask('/callback', { method: 'POST', body: 'hello' })
    assert.equal(headers['x-from'], 'echo', body)
    assert.ok(body.endsWith(ending), body)
    if (kind === 'forward') {
      const seen = JSON.parse(body)
      assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/changed', 'hello'])
    }
  })

test('what a client gives back as it came is sent on as it came', async (t) => {
  const started = await start(t)
  const headers = { 'x-own': 'kept', cookie: 'a=b; c=d', 'content-type': 'text/plain', expect: '100-continue' }
  const answer = await forwarded(started, { method: 'POST', headers, body: 'hällo' }, (request) => ({
    ...request.value,
    headers: { ...headersOf(request), host: [started.host] },
  }))
  assert.equal(answer.status, 200, answer.body)
  const seen = JSON.parse(answer.body)
  assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/cb?a=1', 'hällo'])
  const lines: string[] = seen.headers.map(String)
  for (const line of ['kept', 'a=b; c=d', 'text/plain', started.host]) assert.ok(lines.includes(line), lines.join())
  assert.ok(!lines.some((line) => /correlation/i.test(line)), lines.join())
})

test('what a client leaves out is not sent on', async (t) => {
  const started = await start(t)
  const asked = { method: 'POST', headers: { 'x-own': 'left out' }, body: 'left out' }
  const answer = await forwarded(started, asked, (request) => ({
    path: '/only',
    headers: [
      { name: 'host', values: [started.host] },
      { name: 'WebSocketCorrelationId', values: [correlationOf(request)] },
    ],
  }))
  const seen = JSON.parse(answer.body)
  assert.deepEqual([seen.method, seen.url, seen.body], ['GET', '/only', ''])
  assert.ok(!seen.headers.includes('left out'))
})

test('a client that sees the answer answers in its place', async (t) => {
  const started = await start(t, { responseCallback: true })
  const { lab, client, host } = started
  const answer = lab.ask('/cb')
  const asked = await client.next()
  client.send(REQUEST, { path: '/changed', headers: { host: [host], WebSocketCorrelationId: [correlationOf(asked)] } })
  const both = await client.next()
  assert.equal(both.type, BOTH)
  const { httpRequest, httpResponse } = both.value as Readonly<Record<'httpRequest' | 'httpResponse', Json>>
  assert.equal(httpRequest['path'], '/changed')
  assert.equal(httpResponse['statusCode'], 200)
  assert.deepEqual((httpResponse['headers'] as Headers)['x-from'], ['echo'])
  const correlation = (httpRequest['headers'] as Headers)['WebSocketCorrelationId']
  client.send(RESPONSE, {
    ...httpResponse,
    statusCode: 203,
    body: 'mine',
    headers: { WebSocketCorrelationId: correlation },
  })
  assert.deepEqual([(await answer).status, (await answer).body], [203, 'mine'])
})

test('a response in place of a request is the answer', async (t) => {
  const { lab, client } = await start(t)
  const answer = lab.ask('/cb')
  const headers = { WebSocketCorrelationId: [correlationOf(await client.next())] }
  client.send(RESPONSE, { statusCode: 202, headers })
  assert.equal((await answer).status, 202)
})

test('a request that cannot be sent is told to whoever asked', async (t) => {
  const answer = await forwarded(await start(t), {}, (request) => ({
    path: 'no slash',
    headers: { WebSocketCorrelationId: [correlationOf(request)] },
  }))
  assert.deepEqual(reason(answer), [502, 'callback_invalid'])
  assert.match(answer.body, /is no request:\n - \$\.path: a path begins with \//)
})

test('a client that is not there, or goes before or after its request was sent on, is told of', async (t) => {
  const { lab, client, host } = await start(t, { responseCallback: true })
  const answer = lab.ask('/cb')
  const asked = await client.next()
  client.send(REQUEST, { headers: { host: [host], WebSocketCorrelationId: [correlationOf(asked)] } })
  await client.next()
  const other = lab.ask('/cb')
  await client.next()
  client.socket.terminate()
  assert.deepEqual(reason(await answer), [502, 'callback_gone'])
  assert.deepEqual(reason(await other), [502, 'callback_gone'])
  assert.deepEqual(reason(await lab.ask('/cb')), [404, 'callback_absent'])
})

test('the log has what was forwarded as such', async (t) => {
  const started = await start(t)
  await forwarded(started, {}, (request) => ({
    headers: { host: [started.host], WebSocketCorrelationId: [correlationOf(request)] },
  }))
  const entries = (await started.lab.putJson('retrieve?type=LOGS&format=LOG_ENTRIES')) as { type: string }[]
  assert.ok(entries.some(({ type }) => type === 'FORWARDED_REQUEST'))
})
