/** Where a request goes: what the kernel knows, what the client says, and never back to ourselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpUpstream, mockOf, rawClient, request, startPlane } from '../support/plane-lab.ts'

const named = (t: Parameters<typeof httpUpstream>[0], name: string) =>
  httpUpstream(t, (_, outgoing) => outgoing.end(`this is ${name}`))

test('what the kernel saved wins over a Host header that lies', async (t) => {
  const [truth, lie] = [await named(t, 'the truth'), await named(t, 'the lie')]
  const lab = await startPlane(t, { saved: truth.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', `Host: 127.0.0.1:${lie.endpoint.port}`))
  await client.got('this is the truth')
  assert.equal(lie.sockets.length, 0)
  const { resolution, decision, flow } = await lab.recorded(1)
  assert.equal(resolution.resolvedBy, 'ebpf')
  assert.deepEqual(resolution.trail, [{ strategy: 'ebpf', answer: { kind: 'found', destination: truth.endpoint } }])
  assert.deepEqual(decision, { kind: 'forward', destination: truth.endpoint })
  assert.equal(flow.saved?.destination.port, truth.endpoint.port)
})

test('without a record the Host header is followed, and the trail says why', async (t) => {
  const upstream = await named(t, 'who was named')
  const lab = await startPlane(t, {})
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', `Host: 127.0.0.1:${upstream.endpoint.port}`))
  await client.got('this is who was named')
  const { resolution, flow } = await lab.recorded(1)
  assert.equal(resolution.resolvedBy, 'host')
  assert.deepEqual(
    resolution.trail.map(({ strategy, answer }) => [strategy, answer.kind]),
    [
      ['ebpf', 'pass'],
      ['host', 'found'],
    ],
  )
  assert.deepEqual(flow.named, upstream.endpoint)
})

test('two requests of one connection that name two hosts go to both', async (t) => {
  const [one, two] = [await named(t, 'one'), await named(t, 'two')]
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', `Host: 127.0.0.1:${one.endpoint.port}`))
  await client.got('this is one')
  client.send(request('GET /', `Host: 127.0.0.1:${two.endpoint.port}`))
  await client.got('this is two')
})

test('a request that says nothing of where it goes is a 502', async (t) => {
  const lab = await startPlane(t, {})
  const client = await rawClient(t, lab.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  assert.match((await client.ended()).text, /^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: no_destination/)
  assert.deepEqual((await lab.recorded(1)).decision, { kind: 'refuse', status: 502, reason: 'no_destination' })
})

for (const name of [
  '127.0.0.1',
  '127.9.9.9',
  '127.1',
  'localhost',
  '[::1]',
  '0.0.0.0',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
])
  for (const direction of ['direct', 'outbound'] as const)
    test(`a request that names ourselves as ${name} is refused (${direction})`, async (t) => {
      const lab = await startPlane(t, { direction })
      const client = await rawClient(t, lab.port)
      client.send(request('GET /', `Host: ${name}:${lab.port}`))
      await client.got(/^HTTP\/1\.1 (404|502) [\s\S]*x-understudy-reason: (no_expectation|no_destination)/)
      const { resolution } = await lab.recorded(1)
      const last = resolution.trail.at(-1)?.answer
      assert.equal(last?.kind === 'pass' && last.why, 'that is ourselves')
    })

for (const name of ['localhost.', '2130706433'])
  test(`a request that names ourselves in disguise, as ${name}, is sent on once at most`, async (t) => {
    const lab = await startPlane(t, { direction: 'direct' })
    const client = await rawClient(t, lab.port)
    client.send(request('GET /', `Host: ${name}:${lab.port}`))
    await client.got(/^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_un(reachable|resolved)/)
    await lab.recorded(1)
    client.socket.end()
    await lab.emptied()
    assert.equal(lab.exchanges.length, 1)
  })

test('an expectation that forwards to another of our kind gets its refusal', async (t) => {
  const last = await startPlane(t, { direction: 'direct' })
  const forward = { httpForward: { host: '127.0.0.1', port: last.port } }
  const first = await startPlane(t, { direction: 'direct', expectations: [forward] })
  const client = await rawClient(t, first.port)
  client.send(request('GET /'))
  await client.got(/^HTTP\/1\.1 404 /)
  await first.recorded(1)
  await last.recorded(1)
})

test('a CONNECT to ourselves is refused', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(`CONNECT 127.0.0.1:${lab.port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await client.got(/^HTTP\/1\.1 404 [\s\S]*x-understudy-reason: no_expectation/)
})

test('unmatched requests are refused where nothing unmatched may leave, and no upstream is dialled', async (t) => {
  const upstream = await named(t, 'nobody')
  const setup = { saved: upstream.endpoint, config: { onUnmatched: 'refuse' as const } }
  const lab = await startPlane(t, { ...setup, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /') + request('GET /m'))
  const text = await client.got(/mock$/)
  assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*x-understudy-reason: no_expectation/)
  assert.equal(upstream.sockets.length, 0)
  const { resolution } = await lab.recorded(2)
  assert.deepEqual(resolution.destination, upstream.endpoint)
})

test('a client that speaks to us on purpose and names nobody we know is told that nothing matches', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  assert.match((await client.ended()).text, /^HTTP\/1\.1 404 [\s\S]*no_expectation/)
})

test('a mock is used as often as it says, and the rest is forwarded', async (t) => {
  const upstream = await named(t, 'the rest')
  const limited = { ...mockOf('/m', 'mock'), times: { remainingTimes: 1, unlimited: false } }
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [limited] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /m') + request('GET /m'))
  await client.got(/mock[\s\S]*this is the rest/)
  assert.deepEqual((await lab.recorded(2)).decision, { kind: 'forward', destination: upstream.endpoint })
})
