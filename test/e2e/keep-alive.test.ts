/** Connections: kept, closed, drained and counted. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import {
  closedPort,
  httpUpstream,
  mockOf,
  rawClient,
  request,
  response,
  startPlane,
  tcpUpstream,
  within,
} from '../support/plane-lab.ts'

test('a client connection and an upstream connection are both kept for the next request', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => outgoing.end(`hello ${incoming.url}`))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  for (const path of ['/1', '/2', '/3']) {
    client.send(request(`GET ${path}`))
    await client.got(`hello ${path}`)
  }
  await lab.recorded(3)
  assert.equal(upstream.sockets.length, 1)
})

test('another client shares the upstream connection', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('shared'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  for (let i = 1; i <= 3; i++) {
    const client = await rawClient(t, lab.port)
    client.send(request('GET /'))
    await client.got('shared')
    client.socket.end()
    await client.ended()
  }
  await lab.recorded(3)
  assert.equal(upstream.sockets.length, 1)
})

test('pipelined requests are answered in order, mocked and forwarded ones mixed', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => outgoing.end(`[up ${incoming.url}]`))
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', '[mock]')] })
  const client = await rawClient(t, lab.port)
  const paths = ['/a', '/m', '/m', '/b', '/m', '/c']
  client.send(paths.map((path) => request(`GET ${path}`)).join(''))
  const text = await client.got(/\[up \/c\]/)
  assert.deepEqual(text.match(/\[[^\]]*\]/g), ['[up /a]', '[mock]', '[mock]', '[up /b]', '[mock]', '[up /c]'])
  await lab.recorded(6)
  assert.deepEqual(
    lab.exchanges.map(({ decision }) => decision.kind),
    ['forward', 'mock', 'mock', 'forward', 'mock', 'forward'],
  )
})

test('pipelined requests are all answered though the client has ended its side', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => outgoing.end(`[${incoming.url}]`))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.socket.end(request('GET /1') + request('GET /2') + request('GET /3'))
  const { text, error } = await client.ended()
  assert.deepEqual(text.match(/\[[^\]]*\]/g), ['[/1]', '[/2]', '[/3]'])
  assert.equal(error, undefined)
  await lab.recorded(3)
})

test('a pipelined request that never becomes whole ends with the client', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('first'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.socket.end(`${request('GET /')}GET /unfinished HT`)
  assert.match((await client.ended()).text, /first$/)
  await lab.recorded(1)
  await lab.emptied()
})

test('a client that pipelines and reads nothing gets no further than its answers fit', async (t) => {
  const body = 'x'.repeat(256 * 1024)
  const lab = await startPlane(t, { expectations: [mockOf('/big', body)], direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.socket.pause()
  const requests = 120
  client.send(request('GET /big').repeat(requests))
  // Everything the client sent has been read, or the plane has stopped to read: a second client is served either way.
  const other = await rawClient(t, lab.port)
  other.send(request('GET /big'))
  await other.gotBytes(body.length)
  assert.ok(lab.exchanges.length < requests / 2, `${lab.exchanges.length} answers were made for nobody`)
  client.socket.resume()
  await client.gotBytes(requests * body.length)
  await lab.recorded(requests + 1)
})

test('HTTP/1.0 closes the connection unless it asks to keep it', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mocked')] })
  const once = await rawClient(t, lab.port)
  once.send('GET /m HTTP/1.0\r\n\r\n')
  const { text } = await once.ended()
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(text, /connection: close\r\n/i)
  assert.match(text, /mocked$/)

  const kept = await rawClient(t, lab.port)
  for (const _ of [1, 2]) {
    kept.send('GET /m HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    await kept.got(/mocked$/)
  }
  assert.match(kept.text, /connection: keep-alive\r\n/i)
  assert.equal((await lab.recorded(3)).protocol, 'http/1.0')
})

test('an HTTP/1.0 client gets a chunked answer of its upstream until the close', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => {
    outgoing.write('first ')
    outgoing.end('second')
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  const { text, error } = await client.ended()
  assert.equal(error, undefined)
  assert.match(text, /\r\n\r\nfirst second$/)
  assert.doesNotMatch(text, /transfer-encoding/i)
})

test('an HTTP/1.0 request without a Host header reaches its upstream with one', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => outgoing.end(`host ${incoming.headers.host}`))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  assert.match((await client.ended()).text, new RegExp(`host 127.0.0.1:${upstream.endpoint.port}$`))
})

test('Connection: close ends the connection after a forwarded answer, and says so', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('bye'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', 'Connection: close'))
  const { text, error } = await client.ended()
  assert.equal(error, undefined)
  assert.match(text, /connection: close\r\n/i)
  assert.match(text, /bye$/)
  client.socket.end()
  await lab.emptied()
})

test('an upstream that closes after its answer does not close the client connection', async (t) => {
  const upstream = await tcpUpstream(t, (socket) =>
    socket.on('data', () => socket.end(response('once', 'Connection: close'))),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  for (const count of [1, 2]) {
    client.send(request('GET /'))
    await client.got(new RegExp(`(?:once[\\s\\S]*){${count}}$`))
  }
  assert.equal(upstream.sockets.length, 2)
  await lab.recorded(2)
})

test('a GET on a kept connection that the server closes meanwhile is sent again', async (t) => {
  let requests = 0
  const upstream = await tcpUpstream(t, (socket) =>
    socket.on('data', () => {
      requests += 1
      // The second one finds a server that has just decided to close.
      if (requests === 2) socket.resetAndDestroy()
      else socket.write(response(`answer ${requests}`))
    }),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got('answer 1')
  client.send(request('GET /'))
  await client.got('answer 3')
  const { outcome } = await lab.recorded(2)
  assert.equal(outcome.status, 200)
  assert.equal(outcome.fault, undefined)
})

test('a POST on a kept connection that the server closes meanwhile is not sent again', async (t) => {
  let requests = 0
  const upstream = await tcpUpstream(t, (socket) =>
    socket.on('data', () => {
      requests += 1
      if (requests === 2) socket.end()
      else socket.write(response('ok'))
    }),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got('ok')
  client.send(`${request('POST /', 'Content-Length: 2')}hi`)
  await client.got(/502 Bad Gateway[\s\S]*x-understudy-reason: upstream_closed/)
  assert.equal((await lab.recorded(2)).outcome.status, 502)
  assert.equal(requests, 2)
})

test('a GET that fails on a fresh connection is not sent again', async (t) => {
  let requests = 0
  const upstream = await tcpUpstream(t, (socket) =>
    socket.on('data', () => {
      requests += 1
      socket.end()
    }),
  )
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got('x-understudy-reason: upstream_closed')
  await lab.recorded(1)
  assert.equal(requests, 1)
})

test('one connection more than allowed is reset and counted, and its place is free again later', async (t) => {
  const lab = await startPlane(t, { config: { maxConnections: 2 }, expectations: [mockOf('/', 'here')] })
  for (let round = 0; round < 3; round++) {
    const held = [await rawClient(t, lab.port), await rawClient(t, lab.port)]
    for (const client of held) {
      client.send(request('GET /'))
      await client.got('here')
    }
    const refused = await rawClient(t, lab.port)
    assert.equal((await refused.ended()).error, 'ECONNRESET')
    for (const client of held) client.socket.end()
    await lab.emptied()
  }
  assert.equal(await lab.metric('understudy_limit_hits_total{limit="connections"}'), 3)
})

test('closing lets a busy exchange end, tells its client to close, and drops idle connections', async (t) => {
  const answers: (() => void)[] = []
  const upstream = await httpUpstream(t, (_, outgoing) => {
    answers.push(() => outgoing.end('at last'))
  })
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const idle = await rawClient(t, lab.port)
  idle.send(request('GET /m'))
  await idle.got('mock')
  const silent = await rawClient(t, lab.port)
  const busy = await rawClient(t, lab.port)
  busy.send(request('GET /slow'))
  const asked = await upstream.connection(1)
  if (answers.length === 0) await within('the request', once(asked, 'data'))
  await new Promise((resolve) => setImmediate(resolve))
  const closed = lab.plane.close(60_000)
  await idle.ended()
  idle.socket.end()
  await silent.ended()
  silent.socket.end()
  for (const answer of answers) answer()
  const { text } = await busy.ended()
  busy.socket.end()
  assert.match(text, /connection: close\r\n/i)
  assert.match(text, /at last/)
  await within('the plane to close', closed)
  await lab.recorded(2)
})

test('closing without grace resets what is open, and every exchange has its record', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    socket.write('220 hello\r\n')
  })
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const opaque = await rawClient(t, lab.port)
  await opaque.got('220')
  await lab.plane.close(0)
  assert.equal((await opaque.ended()).error, 'ECONNRESET')
  await upstream.ended(1)
  assert.equal((await lab.recorded(1)).decision.kind, 'relay')
})

test('no connection or session is left behind, however its client leaves', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => {
    incoming.resume()
    if (incoming.url === '/hang') outgoing.write('half')
    else outgoing.end('whole')
  })
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const ways: ((client: Awaited<ReturnType<typeof rawClient>>) => Promise<void> | void)[] = [
    async (client) => {
      client.send(request('GET /m'))
      await client.got('mock')
      client.socket.end()
    },
    async (client) => {
      client.send(request('GET /hang'))
      await client.got('half')
      client.socket.resetAndDestroy()
    },
    (client) => {
      client.send(request('POST /', 'Content-Length: 100'))
      client.socket.resetAndDestroy()
    },
    (client) => client.socket.resetAndDestroy(),
    (client) => void client.socket.end('GET / HT'),
    async (client) => {
      client.send(request('GET /', 'Connection: close'))
      await client.got('whole')
      client.socket.destroy()
    },
  ]
  for (let batch = 0; batch < 40; batch++) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const client = await rawClient(t, lab.port)
        await ways[i % ways.length]?.(client)
      }),
    )
  }
  await lab.emptied()
  assert.equal(await lab.metric('understudy_flows_open'), 0)
})

test('a destination that nobody listens on is told as such, and the connection is kept', async (t) => {
  const lab = await startPlane(t, { saved: await closedPort(t), expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  await client.got(/502 Bad Gateway[\s\S]*x-understudy-reason: upstream_refused/)
  client.send(request('GET /m'))
  await client.got('mock')
  await lab.recorded(2)
})
