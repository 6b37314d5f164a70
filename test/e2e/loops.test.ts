/** Requests that come back to us, in ways that our own addresses do not show. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ownNames } from '../support/own-names.ts'
import { httpUpstream, rawClient, request, startPlane, tcpUpstream, within } from '../support/plane-lab.ts'

const DIRECT = { direction: 'direct' } as const
const MARK = /^Understudy_[0-9a-f-]{36}$/

/** A balancer in front of these ports: connections go to one after the other. */
const balancer = async (t: TestContext, ports: readonly number[]) => {
  let count = 0
  const front = await tcpUpstream(t, (socket: Socket) => {
    const back = connect(ports[count++ % ports.length] ?? 0, '127.0.0.1')
    back.on('error', () => socket.destroy())
    socket.on('close', () => back.destroy())
    t.after(() => back.destroy())
    socket.pipe(back).pipe(socket)
  })
  return `127.0.0.1:${front.endpoint.port}`
}

/** The headers that an upstream gets for this request, sent to this plane. */
const arriving = async (
  t: TestContext,
  port: number,
  ...headers: readonly string[]
): Promise<Record<string, unknown>> => {
  let got: Record<string, unknown> = {}
  const upstream = await httpUpstream(t, (incoming, answer) => {
    got = incoming.headers
    answer.end('arrived')
  })
  const client = await rawClient(t, port)
  client.send(request('GET /', `Host: 127.0.0.1:${upstream.endpoint.port}`, ...headers))
  await client.got('arrived')
  return got
}

test('a request that comes back through a port forwarder is answered 508, and goes round once', async (t) => {
  const lab = await startPlane(t, DIRECT)
  const host = await balancer(t, [lab.port])
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', `Host: ${host}`))
  const text = await client.got(/^HTTP\/1\.1 508 Loop Detected\r\n[\s\S]*x-understudy-reason: loop/)
  assert.match(text, /x-forwarded-by: Understudy_[0-9a-f-]{36}\r\n/i)
  const last = await lab.recorded(2)
  assert.deepEqual(lab.exchanges[0]?.decision, { kind: 'refuse', status: 508, reason: 'loop' })
  assert.equal(last.outcome.status, 508)
  assert.equal(await lab.metric('understudy_exchange_faults_total{fault="loop"}'), 1)
})

test('two instances behind one name send a request round once', async (t) => {
  const [one, two] = [await startPlane(t, DIRECT), await startPlane(t, DIRECT)]
  const host = await balancer(t, [two.port, one.port])
  const client = await rawClient(t, one.port)
  client.send(request('GET /', `Host: ${host}`))
  await client.got(/^HTTP\/1\.1 508 [\s\S]*x-understudy-reason: loop/)
  await one.recorded(2)
  await two.recorded(1)
  assert.deepEqual(one.exchanges[0]?.decision, { kind: 'refuse', status: 508, reason: 'loop' })
})

test('a CONNECT that comes back through a tunnel of ours opens no other', async (t) => {
  const lab = await startPlane(t, DIRECT)
  const host = await balancer(t, [lab.port])
  const client = await rawClient(t, lab.port)
  client.send(`CONNECT ${host} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await client.got('established\r\n\r\n')
  client.send(`CONNECT ${host} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await client.got(/HTTP\/1\.1 508 [\s\S]*x-understudy-reason: loop/)
})

test('a request to whom the client named is marked, behind the marks of others', async (t) => {
  const lab = await startPlane(t, DIRECT)
  assert.match(String((await arriving(t, lab.port))['x-forwarded-by']), MARK)
  const [first, ...rest] = String(
    (await arriving(t, lab.port, 'X-Forwarded-By: MockServer_1'))['x-forwarded-by'],
  ).split(', ')
  assert.equal(first, 'MockServer_1')
  assert.equal(rest.length, 1)
  assert.match(rest[0] ?? '', MARK)
})

test('the mark of another instance is no loop, and each has its own', async (t) => {
  const [one, two] = [await startPlane(t, DIRECT), await startPlane(t, DIRECT)]
  const mark = String((await arriving(t, one.port))['x-forwarded-by'])
  assert.notEqual(String((await arriving(t, two.port))['x-forwarded-by']), mark)
  assert.match(String((await arriving(t, two.port, `X-Forwarded-By: ${mark}`))['x-forwarded-by']), /, Understudy_/)
})

test('intercepted requests, and those that an expectation forwards, are not marked', async (t) => {
  let headers: Record<string, unknown> | undefined
  const upstream = await httpUpstream(t, (incoming, answer) => {
    headers = incoming.headers
    answer.end('arrived')
  })
  const { address, port } = upstream.endpoint
  for (const setup of [
    { saved: upstream.endpoint },
    { ...DIRECT, expectations: [{ httpForward: { host: address, port } }] },
  ]) {
    const lab = await startPlane(t, setup)
    const client = await rawClient(t, lab.port)
    headers = undefined
    client.send(request('GET /', 'X-Forwarded-By: other'))
    await client.got('arrived')
    assert.equal(headers?.['x-forwarded-by'], 'other')
  }
})

test('an expectation answers a request that came back, like any', async (t) => {
  const expectations = [{ httpRequest: { path: '/m' }, httpResponse: { statusCode: 200, body: 'mock' } }]
  const lab = await startPlane(t, { ...DIRECT, expectations })
  const mark = String((await arriving(t, lab.port))['x-forwarded-by'])
  const client = await rawClient(t, lab.port)
  client.send(request('GET /m', `X-Forwarded-By: ${mark}`))
  await client.got(/^HTTP\/1\.1 200 [\s\S]*mock$/)
})

for (const name of [...ownNames(), '127.1', '2130706433'])
  test(`a tunnel to ourselves by the name ${name} carries nothing`, async (t) => {
    const lab = await startPlane(t, DIRECT)
    const client = await rawClient(t, lab.port)
    client.send(`CONNECT ${name}:${lab.port} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const text = await client.got(/^HTTP\/1\.1 (404|200) /)
    // Where the name alone does not show it, the connection does: the tunnel opens, and its bytes are reset.
    if (/^HTTP\/1\.1 200 /.test(text)) {
      client.send('\0opaque')
      assert.equal((await client.ended()).error, 'ECONNRESET')
    }
    client.socket.destroy()
    await within('all to close', lab.emptied())
    assert.equal(lab.exchanges.length, 1)
  })
