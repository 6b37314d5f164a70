/** PROXY headers in front of a data plane: whose connection it is, where it was going, and who may say so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/flow.ts'
import { writeHeader } from '../../src/proxy-protocol/write.ts'
import {
  httpUpstream,
  mockOf,
  type PlaneSetup,
  rawClient,
  request,
  startPlane,
  tcpUpstream,
} from '../support/plane-lab.ts'

type Context = Parameters<typeof httpUpstream>[0]

const SOURCE = { address: '192.0.2.1', port: 1025 }
const TRUSTED = { proxyProtocolFrom: ['127.0.0.0/8'] }
const UNTRUSTED = { proxyProtocolFrom: ['192.0.2.0/24'] }
const refused = (why: string) => ({
  trail: [{ strategy: 'proxy-protocol', answer: { kind: 'fault', error: new Error(why) } }],
})

const start = (t: Context, setup: PlaneSetup = {}) => startPlane(t, { direction: 'direct', config: TRUSTED, ...setup })
const named = (t: Context, name: string) => httpUpstream(t, (_, outgoing) => outgoing.end(`this is ${name}`))
const headerTo = (destination: Endpoint, version: 1 | 2 = 2): Buffer => writeHeader(version, SOURCE, destination)

for (const version of [1, 2] as const)
  for (const how of ['at once', 'byte by byte'])
    test(`what a trusted header of version ${version} says is where requests go (sent ${how})`, async (t) => {
      const [upstream, lie] = [await named(t, 'the server'), await named(t, 'the lie')]
      const lab = await start(t)
      const client = await rawClient(t, lab.port)
      const head = request('GET /', `Host: 127.0.0.1:${lie.endpoint.port}`)
      const bytes = Buffer.concat([headerTo(upstream.endpoint, version), Buffer.from(head)])
      for (const part of how === 'at once' ? [bytes] : [...bytes].map((byte) => Buffer.from([byte]))) {
        client.send(part)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await client.got('this is the server')
      const { flow, resolution, decision } = await lab.recorded(1)
      assert.deepEqual(flow.client, SOURCE)
      assert.deepEqual(flow.proxied, { version, source: SOURCE, destination: upstream.endpoint })
      assert.equal(resolution.resolvedBy, 'proxy-protocol')
      assert.deepEqual(resolution.destination, upstream.endpoint)
      assert.deepEqual(decision, { kind: 'forward', destination: upstream.endpoint })
      assert.equal(await lab.metric('understudy_proxy_headers_total{result="taken"}'), 1)
    })

test('a header counts for all requests of its connection, mocked ones too', async (t) => {
  const upstream = await named(t, 'the server')
  const lab = await start(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(headerTo(upstream.endpoint))
  client.send(request('GET /m'))
  await client.got('mock')
  client.send(request('GET /f'))
  await client.got('this is the server')
  await lab.recorded(2)
  for (const { flow, resolution } of lab.exchanges) {
    assert.deepEqual(flow.client, SOURCE)
    assert.equal(resolution.resolvedBy, 'proxy-protocol')
  }
})

test('behind a header, a server that speaks first is heard', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.end('220 ready\r\n'))
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  client.send(headerTo(upstream.endpoint))
  await client.got('220 ready')
  client.socket.end()
  const { decision, protocol } = await lab.recorded(1)
  assert.deepEqual([decision, protocol], [{ kind: 'relay', destination: upstream.endpoint }, 'opaque'])
})

test('behind a header, TLS is relayed without it', async (t) => {
  const hello = Buffer.from('160301000401000000', 'hex')
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', (chunk) => socket.end(chunk)))
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  client.send(Buffer.concat([headerTo(upstream.endpoint), hello]))
  client.socket.end()
  assert.equal((await client.ended()).text, hello.toString('latin1'))
  assert.equal((await lab.recorded(1)).protocol, 'tls')
})

for (const config of [TRUSTED, UNTRUSTED])
  test(`a silent peer without a header is let through (${config === TRUSTED ? '' : 'not '}trusted)`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.write('220 ready\r\n'))
    const lab = await start(t, { direction: 'inbound', saved: upstream.endpoint, config })
    const client = await rawClient(t, lab.port)
    await client.got('220 ready')
    client.socket.end()
    await upstream.ended(1)
  })

test('a header that names nobody leaves the connection its own endpoints', async (t) => {
  const upstream = await named(t, 'who was named')
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  client.send(`PROXY UNKNOWN\r\n${request('GET /', `Host: 127.0.0.1:${upstream.endpoint.port}`)}`)
  await client.got('this is who was named')
  const { flow, resolution } = await lab.recorded(1)
  assert.equal(flow.client.port, client.socket.localPort)
  assert.deepEqual(flow.proxied, { version: 1 })
  assert.equal(resolution.resolvedBy, 'host')
  assert.equal(await lab.metric('understudy_proxy_headers_total{result="empty"}'), 1)
})

test('a header that names our own listener as destination is passed over', async (t) => {
  const upstream = await named(t, 'who was named')
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  const own = { address: '127.0.0.1', port: lab.port }
  client.send(headerTo(own))
  client.send(request('GET /', `Host: 127.0.0.1:${upstream.endpoint.port}`))
  await client.got('this is who was named')
  const { flow, resolution } = await lab.recorded(1)
  assert.deepEqual(flow.client, SOURCE)
  assert.deepEqual(resolution.trail[0], {
    strategy: 'proxy-protocol',
    answer: { kind: 'pass', why: 'that is ourselves', dialled: own },
  })
})

test('a broken header is refused with a reset and one record', async (t) => {
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  const { localPort } = client.socket
  client.send('PROXY TCP4 nonsense\r\n')
  assert.equal((await client.ended()).error, 'ECONNRESET')
  const { decision, outcome, resolution, flow } = await lab.recorded(1)
  assert.deepEqual(decision, { kind: 'refuse', status: 400, reason: 'proxy_header_refused' })
  assert.equal(outcome.fault, 'proxy_header_refused')
  assert.deepEqual(resolution, refused('a broken PROXY header: something else than addresses and ports'))
  assert.equal(flow.client.port, localPort)
  assert.equal(await lab.metric('understudy_proxy_headers_total{result="malformed_refused"}'), 1)
  assert.equal(await lab.metric('understudy_exchange_faults_total{fault="proxy_header_refused"}'), 1)
})

test('a broken header is data where that was asked for', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', (chunk) => socket.end(chunk)))
  const config = { ...TRUSTED, proxyProtocolMalformed: 'pass' } as const
  const lab = await start(t, { direction: 'inbound', saved: upstream.endpoint, config })
  const client = await rawClient(t, lab.port)
  client.send('PROXY TCP4 nonsense\r\n')
  client.socket.end()
  assert.equal((await client.ended()).text, 'PROXY TCP4 nonsense\r\n')
  assert.equal((await lab.recorded(1)).decision.kind, 'relay')
  assert.equal(await lab.metric('understudy_proxy_headers_total{result="malformed_passed"}'), 1)
})

test('a header from somebody who is not trusted is refused, and nobody is dialled', async (t) => {
  const upstream = await named(t, 'the server')
  const lab = await start(t, { config: UNTRUSTED })
  const client = await rawClient(t, lab.port)
  client.send(headerTo(upstream.endpoint))
  assert.equal((await client.ended()).error, 'ECONNRESET')
  const { resolution } = await lab.recorded(1)
  assert.deepEqual(resolution, refused('a PROXY header from a peer that is not trusted'))
  assert.equal(upstream.sockets.length, 0)
  assert.equal(await lab.metric('understudy_proxy_headers_total{result="untrusted"}'), 1)
})

test('somebody who is not trusted and sends no header is served', async (t) => {
  const lab = await start(t, { config: UNTRUSTED, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /m'))
  await client.got('mock')
  await lab.recorded(1)
})

for (const [situation, setup] of [
  ['on the way out', { direction: 'outbound', config: TRUSTED }],
  ['where nobody is trusted', { direction: 'inbound', config: {} }],
] as const)
  test(`a header ${situation} is the application's own data`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.on('data', (chunk) => socket.end(chunk)))
    const lab = await start(t, { ...setup, saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    const header = headerTo(SOURCE, 1)
    client.send(header)
    client.socket.end()
    assert.equal((await client.ended()).text, header.toString())
    assert.equal((await lab.recorded(1)).flow.proxied, undefined)
  })

test('a peer in the middle of its header does not hold up the end', async (t) => {
  const lab = await start(t)
  const client = await rawClient(t, lab.port)
  client.send('PROXY TCP4 ')
  await rawClient(t, lab.port) // silent
  const closed = lab.plane.close(60_000)
  await client.ended()
  await closed
  assert.deepEqual(lab.exchanges, [])
})
