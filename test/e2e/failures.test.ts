/** What goes wrong upstream or at the client: told to the other side, never made to look complete, recorded once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import {
  closedPort,
  createWatch,
  httpUpstream,
  mockOf,
  rawClient,
  request,
  startPlane,
  tcpUpstream,
} from '../support/plane-lab.ts'

/** Answers the first bytes of each connection like this. */
const reacting = (t: Parameters<typeof tcpUpstream>[0], react: (socket: Socket) => void) =>
  tcpUpstream(t, (socket) => socket.once('data', () => react(socket)))

const bodyMatcher = (text: string): object => ({ body: { type: 'STRING', string: text } })

test('an upstream that refuses is a 502 with the reason', async (t) => {
  const lab = await startPlane(t, { saved: await closedPort(t) })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const text = await client.got(/upstream refused/)
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*x-understudy-reason: upstream_refused\r\n/)
  const { outcome } = await lab.recorded(1)
  assert.equal(outcome.status, 502)
  assert.equal(outcome.fault, 'upstream_refused')
  assert.ok(outcome.durationMs >= 0)
})

test('an upstream that refuses a connection of its own is a 502 with the reason', async (t) => {
  const lab = await startPlane(t, { saved: await closedPort(t) })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /', 'Content-Length: 2', 'Expect: 100-continue'))
  assert.match((await client.ended()).text, /^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_refused/)
  await lab.recorded(1)
})

for (const [way, head] of [
  ['a kept connection', request('GET /')],
  ['a connection of its own', request('OPTIONS *')],
] as const)
  test(`an upstream that never answers is a 504 (${way})`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.resume())
    const lab = await startPlane(t, { saved: upstream.endpoint, config: { upstreamHeadersTimeoutMs: 50 } })
    const client = await rawClient(t, lab.port)
    client.send(head)
    await client.got(/^HTTP\/1\.1 504 Gateway Timeout\r\n[\s\S]*x-understudy-reason: upstream_timeout/)
    assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_timeout')
    await upstream.ended(1)
  })

test('an answer that stands still resets the client', async (t) => {
  const upstream = await reacting(t, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { upstreamIdleTimeoutMs: 50 } })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  assert.equal((await client.ended()).error, 'ECONNRESET')
  assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_timeout')
})

test('a name that does not resolve is a 502 with the reason', async (t) => {
  // A label of 64 characters is one too many, so the resolver answers by itself: no question leaves this machine.
  const forward = { httpForward: { host: `${'x'.repeat(64)}.invalid`, port: 80 } }
  const lab = await startPlane(t, { expectations: [forward] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got(/^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_unresolved/)
  assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_unresolved')
})

const HEADS: Readonly<Record<string, string>> = {
  'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
  'a length, to be closed': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf',
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf',
  'chunks, to be closed': 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
}
const REQUESTS = { kept: request('GET /'), 'of its own': request('GET /', 'Trailer: none') }

for (const [kind, head] of Object.entries(REQUESTS)) {
  for (const [framing, start] of Object.entries(HEADS)) {
    for (const ending of ['ends', 'resets'] as const) {
      test(`an answer with ${framing} whose upstream ${ending} early resets the client (connection ${kind})`, async (t) => {
        const upstream = await reacting(t, (socket) => socket.write(start))
        const lab = await startPlane(t, { saved: upstream.endpoint })
        const client = await rawClient(t, lab.port)
        client.send(head)
        await client.got('half')
        const socket = await upstream.connection(1)
        if (ending === 'ends') socket.end()
        else socket.resetAndDestroy()
        assert.equal((await client.ended()).error, 'ECONNRESET')
        const { outcome } = await lab.recorded(1)
        assert.match(outcome.fault ?? '', ending === 'ends' ? /^upstream_(closed|protocol_error)$/ : /^upstream_reset$/)
        assert.equal(outcome.status, 200)
        assert.equal(outcome.responseBytes, 4)
      })
    }
  }

  test(`a reset is not the end of an answer that runs until the close (connection ${kind})`, async (t) => {
    const upstream = await reacting(t, (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf'))
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(head)
    await client.got('half')
    ;(await upstream.connection(1)).resetAndDestroy()
    const { text, error } = await client.ended()
    assert.equal(error, 'ECONNRESET')
    assert.doesNotMatch(text, /\r\n0\r\n/)
    assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_reset')
  })

  for (const answer of ['garbage\r\n\r\n', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'])
    test(`an answer that is no HTTP is a 502: ${JSON.stringify(answer)} (connection ${kind})`, async (t) => {
      const upstream = await reacting(t, (socket) => socket.end(answer))
      const lab = await startPlane(t, { saved: upstream.endpoint })
      const client = await rawClient(t, lab.port)
      client.send(head)
      await client.got(/^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_protocol_error/)
      assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_protocol_error')
    })

  test(`a client that resets in the middle of an answer ends the request upstream (connection ${kind})`, async (t) => {
    const upstream = await httpUpstream(t, (_, outgoing) => void outgoing.write('half'))
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(head)
    await client.got('half')
    client.socket.resetAndDestroy()
    await upstream.ended(1)
    const { outcome } = await lab.recorded(1)
    assert.deepEqual([outcome.status, outcome.fault, outcome.responseBytes], [200, 'client_reset', 4])
    await lab.emptied()
  })

  test(`a client that resets before any answer ends the request upstream (connection ${kind})`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.resume())
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(head)
    await upstream.connection(1)
    client.socket.resetAndDestroy()
    const { outcome } = await lab.recorded(1)
    assert.deepEqual([outcome.status, outcome.fault], [undefined, 'client_reset'])
    await upstream.ended(1)
  })
}

test('a client that has ended its side after the request still gets its answer', async (t) => {
  const watch = createWatch()
  let answer: (() => void) | undefined
  const upstream = await httpUpstream(t, (_, outgoing) => {
    answer = () => outgoing.end('patience')
    watch.changed()
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.socket.end(request('GET /'))
  await watch.until('the request', () => answer !== undefined)
  answer?.()
  const { text, error } = await client.ended()
  assert.match(text, /patience/)
  assert.equal(error, undefined)
  assert.equal((await lab.recorded(1)).outcome.fault, undefined)
  await lab.emptied()
})

test('a delayed mock that its client does not wait for is recorded as such', async (t) => {
  const delay = { timeUnit: 'MINUTES', value: 5 }
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'late', { delay })] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /m'))
  client.socket.resetAndDestroy()
  const { decision, outcome } = await lab.recorded(1)
  assert.equal(decision.kind, 'mock')
  assert.deepEqual([outcome.status, outcome.fault], [undefined, 'client_reset'])
  await lab.emptied()
})

test('a delayed mock answers a client that has ended its side, and then closes', async (t) => {
  const delay = { timeUnit: 'MILLISECONDS', value: 30 }
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'late', { delay })] })
  const client = await rawClient(t, lab.port)
  client.socket.end(`${request('POST /m', 'Content-Length: 2')}ok`)
  assert.match((await client.ended()).text, /^HTTP\/1\.1 200 OK[\s\S]*late$/)
  assert.equal((await lab.recorded(1)).outcome.status, 200)
})

test('a malformed request is a 400 and the end of its connection, and of no other', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const other = await rawClient(t, lab.port)
  other.send(request('GET /m'))
  await other.got('mock')
  for (const bad of [
    'GET /m HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'GET /m HTTP/1.1\r\n\r\n',
    'GET /m HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n',
    'POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET\x20\x20/m HTTP/1.1\r\nHost: a\r\n\r\n',
  ]) {
    const client = await rawClient(t, lab.port)
    client.send(bad)
    const { text, error } = await client.ended()
    assert.match(
      text,
      /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*x-understudy-reason: bad_request[\s\S]*connection: close/i,
      bad,
    )
    assert.equal(error, undefined)
    client.socket.end()
  }
  other.send(request('GET /m'))
  await other.got(/mock[\s\S]*mock/)
  const { decision } = await lab.recorded(7)
  assert.equal(decision.kind, 'mock')
  assert.deepEqual(lab.exchanges[1]?.decision, { kind: 'refuse', status: 400, reason: 'bad_request' })
})

test('a malformed request behind a good one does not spoil its answer', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(`${request('GET /m')}NONSENSE\r\n\r\n`)
  assert.match((await client.ended()).text, /^HTTP\/1\.1 200 OK[\s\S]*mockHTTP\/1\.1 400 /)
  await lab.recorded(2)
})

const BROKEN_BODIES: Readonly<Record<string, readonly [string, string]>> = {
  'is malformed': ['Transfer-Encoding: chunked', '5\r\nhello\r\nnonsense\r\n'],
  'ends early': ['Content-Length: 10', 'hello'],
}
for (const [situation, [framing, bytes]] of Object.entries(BROKEN_BODIES)) {
  test(`a forwarded request whose body ${situation} is a 400, ends its request upstream and is recorded once`, async (t) => {
    const upstream = await tcpUpstream(t, (socket) => socket.resume())
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(request('POST /', framing))
    client.socket.end(bytes)
    assert.match((await client.ended()).text, /^HTTP\/1\.1 400 /)
    const { decision, outcome } = await lab.recorded(1)
    assert.equal(decision.kind, 'forward')
    assert.equal(outcome.status, 400)
    assert.equal(outcome.fault, situation === 'ends early' ? 'client_closed' : 'bad_request')
    await lab.emptied()
    assert.equal(lab.exchanges.length, 1)
  })

  test(`a request awaited for matching whose body ${situation} is a 400 and is recorded once`, async (t) => {
    const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock', {}, bodyMatcher('x'))] })
    const client = await rawClient(t, lab.port)
    client.send(request('POST /m', framing))
    client.socket.end(bytes)
    assert.match((await client.ended()).text, /^HTTP\/1\.1 400 /)
    const { decision, outcome, request: head } = await lab.recorded(1)
    assert.equal(decision.kind, 'refuse')
    assert.equal(outcome.status, 400)
    assert.equal(head?.path, '/m')
  })
}

test('a client that resets while its body is awaited for matching is recorded once', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock', {}, bodyMatcher('x'))] })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /m', 'Content-Length: 10')}hello`)
  client.socket.resetAndDestroy()
  const { outcome } = await lab.recorded(1)
  assert.deepEqual([outcome.status, outcome.fault], [undefined, 'client_reset'])
  await lab.emptied()
})

test('a body that matches, or does not, is matched however it is framed and split', async (t) => {
  const upstream = await httpUpstream(t, async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    outgoing.end(`forwarded ${Buffer.concat(chunks)}`)
  })
  const expectations = [mockOf('/', 'mocked', {}, bodyMatcher('hello world'))]
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', 'Content-Length: 11')}hello world`)
  await client.got('mocked')
  client.send(`${request('POST /', 'Transfer-Encoding: chunked')}5\r\nhello\r\n`)
  client.send('6\r\n world\r\n0\r\n\r\n')
  await client.got(/mocked[\s\S]*mocked/)
  client.send(`${request('POST /', 'Content-Length: 11')}hello`)
  client.send(' there')
  await client.got('forwarded hello there')
  await lab.recorded(3)
})

test('a body over the limit matches nothing and is forwarded intact', async (t) => {
  const upstream = await httpUpstream(t, async (incoming, outgoing) => {
    let bytes = 0
    for await (const chunk of incoming) bytes += chunk.length
    outgoing.end(`got ${bytes}`)
  })
  const lab = await startPlane(t, {
    saved: upstream.endpoint,
    config: { bodyMatchBytes: 1000 },
    expectations: [mockOf('/', 'mocked', {}, bodyMatcher('x'))],
  })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', 'Content-Length: 300000')}start`)
  client.send(Buffer.alloc(299_995))
  await client.got('got 300000')
  client.send(request('POST /', 'Transfer-Encoding: chunked'))
  for (let i = 0; i < 3; i++) client.send(`200\r\n${'x'.repeat(512)}\r\n`)
  client.send('0\r\n\r\n')
  await client.got('got 1536')
  await lab.recorded(2)
  assert.deepEqual(await lab.limited(2), ['body', 'body'])
})

test('a body over what all bodies together may hold matches nothing, is counted and forwarded, and what was held is free again', async (t) => {
  const upstream = await httpUpstream(t, async (incoming, outgoing) => {
    let bytes = 0
    for await (const chunk of incoming) bytes += chunk.length
    outgoing.end(`got ${bytes}`)
  })
  const lab = await startPlane(t, {
    saved: upstream.endpoint,
    config: { bodyMatchBytes: 1000, bodyMatchTotalBytes: 1000 },
    expectations: [mockOf('/', 'mocked', {}, bodyMatcher('x'.repeat(600)))],
  })
  const holder = await rawClient(t, lab.port)
  holder.send(request('POST /', 'Content-Length: 600'))
  holder.send('x'.repeat(599))
  // Chunked, so that it is never there as a whole with its head, which needs no holding.
  const second = await rawClient(t, lab.port)
  const chunked = `${request('POST /', 'Transfer-Encoding: chunked')}258\r\n${'x'.repeat(600)}\r\n0\r\n\r\n`
  second.send(chunked)
  await second.got('got 600')
  assert.deepEqual(await lab.limited(1), ['body_budget'])
  holder.send('x')
  await holder.got('mocked')
  second.send(chunked)
  await second.got('mocked')
  await lab.recorded(3)
})

test('an upload that breaks off upstream is a 502, and the rest of it does no harm', async (t) => {
  const upstream = await reacting(t, (socket) => socket.resetAndDestroy())
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(`${request('POST /', 'Content-Length: 100000')}start`)
  await client.got(/^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_reset/)
  client.send(Buffer.alloc(100_000 - 5))
  client.send(request('GET /m'))
  await client.got('mock')
  await lab.recorded(2)
})

test('two exchanges at once do not hold each other up', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => {
    if (incoming.url === '/quick') outgoing.end('quick')
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const slow = await rawClient(t, lab.port)
  slow.send(request('GET /slow'))
  await once(await upstream.connection(1), 'data').catch(() => undefined)
  const quick = await rawClient(t, lab.port)
  quick.send(request('GET /quick'))
  await quick.got('quick')
  slow.socket.resetAndDestroy()
  await lab.recorded(2)
})
