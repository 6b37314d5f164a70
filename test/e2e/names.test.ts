/** What a client's bytes name beyond Host: TLS SNI and HTTP/2 :authority; and names that contradict the destination. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { helloOf, recordsOf, serverNames } from '../support/hellos.ts'
import { http2Start } from '../support/http2-start.ts'
import { httpUpstream, listen, rawClient, request, startPlane, tcpUpstream, within } from '../support/plane-lab.ts'

const helloTo = (name: string): Buffer => recordsOf(helloOf([0, serverNames([0, name])]))

/** An HTTP/2 server in the clear. */
const http2Upstream = async (t: TestContext) => {
  const server = createHttp2Server((_, answer) => answer.end('over http/2'))
  const port = await listen(server as unknown as Parameters<typeof listen>[0])
  t.after(() => server.close())
  return { address: '127.0.0.1', port }
}

/** What a client of HTTP/2 gets for a request to this authority over this port. */
const askHttp2 = async (t: TestContext, port: number, authority: string): Promise<string> => {
  const session = connectHttp2(`http://${authority}`, { createConnection: () => connect(port, '127.0.0.1') })
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  stream.setEncoding('utf8')
  let text = ''
  stream.on('data', (chunk) => {
    text += chunk
  })
  await within('the answer', once(stream, 'end'))
  session.close()
  return text
}

test('TLS that nothing else is known of goes to port 443 of whom its SNI names', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(helloTo('localhost'))
  client.socket.end()
  const { resolution, decision, serverName, flow } = await lab.recorded(1)
  assert.equal(resolution.resolvedBy, 'host')
  assert.deepEqual(decision, { kind: 'relay', destination: { address: 'localhost', port: 443 } })
  assert.deepEqual(flow.named, { address: 'localhost', port: 443 })
  assert.equal(serverName, 'localhost')
})

test('TLS that names nobody goes nowhere', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(recordsOf(helloOf()))
  assert.equal((await client.ended()).error, 'ECONNRESET')
  const { resolution, decision, serverName } = await lab.recorded(1)
  assert.deepEqual(decision, { kind: 'refuse', status: 502, reason: 'no_destination' })
  assert.deepEqual(resolution.trail.at(-1)?.answer, { kind: 'pass', why: 'the client named no host' })
  assert.equal(serverName, undefined)
})

test('TLS goes where the kernel says, and its SNI is only written down', async (t) => {
  const hello = helloTo('svc.example')
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', () => socket.end('hello')))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(hello)
  await client.got('hello')
  client.socket.end()
  const { resolution, decision, serverName, mismatch, flow, outcome } = await lab.recorded(1)
  assert.equal(resolution.resolvedBy, 'ebpf')
  assert.deepEqual(decision, { kind: 'relay', destination: upstream.endpoint })
  assert.deepEqual([serverName, mismatch, flow.named], ['svc.example', undefined, undefined])
  assert.equal(outcome.requestBytes, hello.length)
})

test('an SNI that is not among the names of its address is told, and changes nothing', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', () => socket.end('hello')))
  const namesOf = () => ['svc.example']
  const lab = await startPlane(t, { saved: upstream.endpoint, namesOf })
  for (const [name, told] of [
    ['far.example', 'far.example'],
    ['svc.example', undefined],
  ] as const) {
    const client = await rawClient(t, lab.port)
    client.send(helloTo(name))
    await client.got('hello')
    client.socket.end()
    const { mismatch } = await lab.recorded(lab.exchanges.length + 1)
    assert.equal(mismatch, told)
  }
  assert.equal(await lab.metric('understudy_resolve_mismatches_total{evidence="sni"}'), 1)
})

test('HTTP/2 that nothing else is known of goes to whom its first request names', async (t) => {
  const upstream = await http2Upstream(t)
  const lab = await startPlane(t, { direction: 'direct' })
  assert.equal(await askHttp2(t, lab.port, `127.0.0.1:${upstream.port}`), 'over http/2')
  const { resolution, protocol, decision } = await lab.recorded(1)
  assert.deepEqual([protocol, resolution.resolvedBy], ['http/2', 'host'])
  assert.deepEqual(decision, { kind: 'relay', destination: upstream })
})

test('HTTP/2 that names ourselves goes nowhere', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(await http2Start({ ':authority': `127.0.0.1:${lab.port}`, ':scheme': 'http', ':path': '/' }))
  assert.equal((await client.ended()).error, 'ECONNRESET')
  const { resolution } = await lab.recorded(1)
  const dialled = { address: '127.0.0.1', port: lab.port }
  assert.deepEqual(resolution.trail.at(-1)?.answer, { kind: 'pass', why: 'that is ourselves', dialled })
})

test('HTTP/2 goes where the kernel says, and an authority that contradicts it is told', async (t) => {
  const upstream = await http2Upstream(t)
  const lab = await startPlane(t, { saved: upstream })
  const client = await rawClient(t, lab.port)
  // All in one piece: what comes later than the first bytes is not looked at where a destination is known.
  client.send(await http2Start({ ':authority': '127.0.0.9:1', ':scheme': 'http', ':path': '/' }))
  await client.got('over http/2')
  client.socket.end()
  const { decision, mismatch } = await lab.recorded(1)
  assert.deepEqual(decision, { kind: 'relay', destination: upstream })
  assert.equal(mismatch, '127.0.0.9:1')
  assert.equal(await lab.metric('understudy_resolve_mismatches_total{evidence="authority"}'), 1)
})

test('a Host that contradicts the kernel is told, and changes nothing', async (t) => {
  const upstream = await httpUpstream(t, (_, answer) => answer.end('the truth'))
  const { address, port } = upstream.endpoint
  const namesOf = () => ['svc.example']
  const lab = await startPlane(t, { saved: upstream.endpoint, namesOf })
  const hosts: readonly (readonly [string, string | undefined])[] = [
    ['127.0.0.9:1', '127.0.0.9:1'],
    [address, undefined],
    [`${address}:${port}`, undefined],
    [`${address}:1`, `${address}:1`],
    [`svc.example:${port}`, undefined],
    ['SVC.Example', undefined],
    ['far.example', 'far.example'],
  ]
  const client = await rawClient(t, lab.port)
  for (const [i, [host, told]] of hosts.entries()) {
    client.send(request(`GET /${i}`, `Host: ${host}`))
    const { mismatch, decision } = await lab.recorded(i + 1)
    assert.equal(mismatch, told, host)
    assert.deepEqual(decision, { kind: 'forward', destination: upstream.endpoint })
  }
  assert.equal(await lab.metric('understudy_resolve_mismatches_total{evidence="host"}'), 3)
})

test('a request through a proxy of the client contradicts nothing', async (t) => {
  const proxy = await httpUpstream(t, (_, answer) => answer.end('proxied'))
  const lab = await startPlane(t, { saved: proxy.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET http://127.0.0.9:1/'))
  await client.got('proxied')
  assert.equal((await lab.recorded(1)).mismatch, undefined)
})
