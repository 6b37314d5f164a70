/** What HTTP says beyond bodies: interim answers, upgrades, tunnels, targets, headers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createWatch,
  httpUpstream,
  mockOf,
  rawClient,
  request,
  response,
  startPlane,
  tcpUpstream,
} from '../support/plane-lab.ts'

type Context = Parameters<typeof tcpUpstream>[0]

/** An upstream that keeps what it is sent, and answers each request head with the next of these. */
const answering = async (t: Context, ...answers: readonly string[]) => {
  const watch = createWatch()
  const left = [...answers]
  let text = ''
  const upstream = await tcpUpstream(t, (socket) => {
    let unread = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      unread += chunk.toString('latin1')
      for (let at = unread.indexOf('\r\n\r\n'); at >= 0; at = unread.indexOf('\r\n\r\n')) {
        unread = unread.slice(at + 4)
        socket.write(left.shift() ?? '', 'latin1')
      }
      watch.changed()
    })
  })
  return {
    ...upstream,
    get text() {
      return text
    },
    got: (wanted: RegExp | string) =>
      watch.until(`the upstream to get ${wanted}`, () =>
        typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text),
      ),
  }
}

test('Expect: 100-continue waits for the word of the upstream', async (t) => {
  const upstream = await answering(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /', 'Content-Length: 4', 'Expect: 100-continue'))
  await upstream.got(/expect: 100-continue\r\n/i)
  assert.equal(client.text, '')
  const socket = await upstream.connection(1)
  socket.write('HTTP/1.1 100 Continue\r\n\r\n')
  await client.got('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('body')
  await upstream.got('body')
  socket.write(response('thanks'))
  await client.got('thanks')
  assert.equal(client.text.match(/100 Continue/g)?.length, 1)
  client.send(request('GET /2'))
  await upstream.got('GET /2')
})

for (const status of [403, 417])
  test(`an early ${status} of the upstream reaches a client that waits for 100, which then need not send its body`, async (t) => {
    const upstream = await answering(t, `HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`)
    const lab = await startPlane(t, { saved: upstream.endpoint })
    const client = await rawClient(t, lab.port)
    client.send(request('POST /', 'Content-Length: 4', 'Expect: 100-continue'))
    const { text, error } = await client.ended()
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} No\\r\\n[\\s\\S]*connection: close\\r\\n[\\s\\S]*no$`, 'i'))
    assert.equal(error, undefined)
    assert.equal((await lab.recorded(1)).outcome.status, status)
  })

test('a mock that asks nothing of the body answers a client that waits for 100 at once', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /m', 'Content-Length: 4', 'Expect: 100-continue'))
  const { text } = await client.ended()
  assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*connection: close[\s\S]*mock$/i)
})

test('a mock that needs the body asks a client that waits for 100 to go on', async (t) => {
  const body = { type: 'STRING', string: 'body' }
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock', {}, { body })] })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /m', 'Content-Length: 4', 'Expect: 100-continue'))
  await client.got('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('body')
  await client.got(/mock$/)
  client.send(`${request('POST /m', 'Content-Length: 4')}body`)
  await client.got(/mock[\s\S]*mock$/)
  await lab.recorded(2)
})

test('a body that was asked for and does not match goes on with its expectation fulfilled', async (t) => {
  const body = { type: 'STRING', string: 'other' }
  const upstream = await answering(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock', {}, { body })] })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /m', 'Content-Length: 4', 'Expect: 100-continue'))
  await client.got('100 Continue')
  client.send('body')
  await upstream.got(/expect: 100-continue\r\n[\s\S]*body$/i)
  ;(await upstream.connection(1)).write(`HTTP/1.1 100 Continue\r\n\r\n${response('forwarded')}`)
  await client.got(/forwarded$/)
  assert.equal(client.text.match(/100 Continue/g)?.length, 1)
})

test('an unknown expectation is refused with 417', async (t) => {
  const lab = await startPlane(t, {})
  const client = await rawClient(t, lab.port)
  client.send(request('POST /', 'Content-Length: 4', 'Expect: miracles'))
  const { text } = await client.ended()
  assert.match(text, /^HTTP\/1\.1 417 [\s\S]*x-understudy-reason: expectation_failed/)
  const { decision, outcome } = await lab.recorded(1)
  assert.deepEqual(decision, { kind: 'refuse', status: 417, reason: 'expectation_failed' })
  assert.equal(outcome.fault, 'expectation_failed')
})

test('103 Early Hints go through before the answer', async (t) => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n'
  const upstream = await answering(t, `${early}${early}${response('page')}`)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const text = await client.got(/page$/)
  assert.match(text, /^(?:HTTP\/1\.1 103 Early Hints\r\nLink: <\/style\.css>\r\n\r\n){2}HTTP\/1\.1 200 OK/)
})

test('an HTTP/1.0 client is spared interim answers', async (t) => {
  const upstream = await answering(t, `HTTP/1.1 103 Early Hints\r\n\r\n${response('page')}`)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  assert.match((await client.ended()).text, /^HTTP\/1\.1 200 OK/)
})

test('an accepted upgrade becomes a relay, with what came early', async (t) => {
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05early'
  const upstream = await answering(t, accepted)
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /chat', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: abc'))
  await client.got('101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05early')
  assert.match(upstream.text, /connection: keep-alive, Upgrade\r\n/i)
  assert.match(upstream.text, /upgrade: websocket\r\n/i)
  assert.match(upstream.text, /Sec-WebSocket-Key: abc\r\n/)
  client.send('GET /m HTTP/1.1\r\nnot http any more')
  await upstream.got('not http any more')
  const socket = await upstream.connection(1)
  socket.end('last')
  assert.match((await client.ended()).text, /last$/)
  client.socket.end()
  const { outcome, decision } = await lab.recorded(1)
  assert.equal(outcome.status, 101)
  assert.equal(outcome.fault, undefined)
  assert.equal(outcome.requestBytes, 'GET /m HTTP/1.1\r\nnot http any more'.length)
  assert.equal(decision.kind, 'forward')
})

for (const status of [200, 400])
  test(`an upgrade that the upstream answers with ${status} stays HTTP`, async (t) => {
    const upstream = await answering(t, `HTTP/1.1 ${status} Fine\r\nContent-Length: 5\r\n\r\nplain`)
    const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
    const client = await rawClient(t, lab.port)
    client.send(request('GET /chat', 'Connection: Upgrade', 'Upgrade: websocket'))
    await client.got(/plain$/)
    client.send(request('GET /m'))
    await client.got(/mock$/)
    await lab.recorded(2)
  })

test('an offer of HTTP/2 is declined, so that later requests are still seen', async (t) => {
  const upstream = await answering(t, response('one'))
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  const offer = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']
  client.send(request('GET /', ...offer))
  await client.got('one')
  assert.doesNotMatch(upstream.text, /h2c|http2-settings/i)
  client.send(request('GET /m', ...offer))
  await client.got('mock')
})

test('a mocked upgrade is answered as HTTP', async (t) => {
  const lab = await startPlane(t, { expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /m', 'Connection: Upgrade', 'Upgrade: websocket'))
  await client.got('mock')
})

test('an upstream that upgrades unasked is at fault', async (t) => {
  const upstream = await answering(t, 'HTTP/1.1 101 Surprise\r\nUpgrade: x\r\n\r\n', 'HTTP/1.1 101 Surprise\r\n\r\n')
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('POST /', 'Content-Length: 0'))
  await client.got(/^HTTP\/1\.1 502 /)
  assert.equal((await lab.recorded(1)).outcome.status, 502)
})

test('requests inside a tunnel of the explicit proxy are mocked or forwarded like any', async (t) => {
  const upstream = await answering(t, response('forwarded'))
  const { port } = upstream.endpoint
  const lab = await startPlane(t, { direction: 'direct', expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  await client.got('HTTP/1.1 200 Connection established\r\n\r\n')
  client.send(request('GET /m', 'Host: inside'))
  await client.got('mock')
  client.send(request('GET /f', 'Host: inside'))
  await client.got('forwarded')
  assert.match(upstream.text, /^GET \/f HTTP\/1\.1\r\nhost: inside\r\n/i)
  const { resolution } = await lab.recorded(2)
  assert.equal(resolution.resolvedBy, 'host')
})

test('a request sent along with its CONNECT is answered, though the client has ended its side', async (t) => {
  const lab = await startPlane(t, { direction: 'direct', expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.socket.end(`CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: x\r\n\r\n${request('GET /m')}`)
  assert.match((await client.ended()).text, /200 Connection established\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*mock$/)
  await lab.emptied()
})

test('a CONNECT inside a tunnel is for the proxy at its end', async (t) => {
  const upstream = await answering(t, 'HTTP/1.1 200 Fine\r\n\r\n')
  const { port } = upstream.endpoint
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await client.got('established\r\n\r\n')
  client.send('CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\nProxy-Authorization: Basic abc\r\n\r\n')
  await client.got('200 Fine')
  assert.match(upstream.text, /^CONNECT far\.example:443 HTTP\/1\.1\r\n[\s\S]*proxy-authorization: Basic abc/i)
  client.send('through')
  await upstream.got('through')
})

test('an intercepted CONNECT to a real proxy is relayed once the proxy agrees', async (t) => {
  const upstream = await answering(t, 'HTTP/1.1 200 Fine\r\n\r\nhello')
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send('CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n')
  await client.got(/200 Fine\r\n\r\nhello$/)
  client.send('\x16\x03\x01 opaque')
  await upstream.got('\x16\x03\x01 opaque')
  client.socket.end()
  ;(await upstream.connection(1)).end()
  assert.equal((await lab.recorded(1)).outcome.status, 200)
})

test('absolute-form to the explicit proxy reaches its host in origin-form', async (t) => {
  const upstream = await answering(t, response('found'))
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  const authority = `127.0.0.1:${upstream.endpoint.port}`
  client.send(request(`GET http://${authority}/a?b=1`, 'Host: lies', 'Proxy-Authorization: Basic secret'))
  await client.got('found')
  assert.match(upstream.text, /^GET \/a\?b=1 HTTP\/1\.1\r\n/)
  assert.match(upstream.text, new RegExp(`\r\nhost: ${authority}\r\n`, 'i'))
  assert.doesNotMatch(upstream.text, /secret/)
})

test('absolute-form to an intercepted proxy stays what the client sent, credentials included', async (t) => {
  const denied = 'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n'
  const upstream = await answering(t, denied, response('found'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET http://far.example/a', 'Host: far.example'))
  await client.got(/407 Who[\s\S]*proxy-authenticate: Basic realm=x/i)
  client.send(request('GET http://far.example/a', 'Host: far.example', 'Proxy-Authorization: Basic abc'))
  await client.got('found')
  assert.match(upstream.text, /GET http:\/\/far\.example\/a HTTP\/1\.1\r\n[\s\S]*proxy-authorization: Basic abc/i)
})

test('what was to be encrypted is not sent in the clear by the explicit proxy', async (t) => {
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(request('GET https://127.0.0.1/secret'))
  await client.got(/^HTTP\/1\.1 404 [\s\S]*x-understudy-reason: no_expectation/)
})

test('OPTIONS * is forwarded as such', async (t) => {
  const upstream = await answering(t, response('options'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('OPTIONS *'))
  await client.got('options')
  assert.match(upstream.text, /^OPTIONS \* HTTP\/1\.1\r\n/)
})

test('an unknown method is forwarded, with and without a body, and mocked', async (t) => {
  const upstream = await answering(t, response('one'), response('two'))
  const lab = await startPlane(t, { saved: upstream.endpoint, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  client.send(request('FROBNICATE /'))
  await client.got('one')
  client.send(`${request('FROBNICATE /', 'Content-Length: 4')}body`)
  await client.got('two')
  client.send(request('FROBNICATE /m'))
  await client.got('mock')
  assert.match(upstream.text, /^FROBNICATE \/ HTTP[\s\S]*FROBNICATE \/ HTTP[\s\S]*body$/)
  await lab.recorded(3)
})

test('request headers go on as sent: order, case, duplicates, latin1, the Host even where it lies', async (t) => {
  const upstream = await answering(t, response('ok'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  const sent = ['X-One: 1', 'x-TWO: a', 'X-Two: b', 'Cookie: a=1', 'Cookie: b=2', 'X-Latin: caf\xe9', 'X-Empty:']
  client.send(request('GET /?q=%7Bx%7D|y', 'HOST: some.where.else:81', ...sent))
  await client.got('ok')
  const lines = upstream.text.split('\r\n')
  assert.equal(lines[0], 'GET /?q=%7Bx%7D|y HTTP/1.1')
  assert.equal(lines.find((line) => /^host:/i.test(line))?.toLowerCase(), 'host: some.where.else:81')
  assert.deepEqual(
    lines.filter((line) => /^(x-|cookie)/i.test(line)).map((line) => line.trimEnd()),
    sent,
  )
})

test('hop-by-hop headers stay on their hop, and those that Connection lists', async (t) => {
  const upstream = await answering(t, response('ok', 'Connection: X-Up', 'X-Up: secret', 'Keep-Alive: timeout=9'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /', 'Connection: X-Down', 'X-Down: secret', 'Keep-Alive: timeout=9', 'TE: trailers'))
  assert.doesNotMatch(await client.got('ok'), /secret|timeout=9/)
  assert.doesNotMatch(upstream.text, /secret|timeout=9/)
})

test('response headers come back as sent: order, case, duplicates, and the reason phrase', async (t) => {
  const headers = [
    'Server: x',
    'SET-cookie: a=1',
    'X-Latin: caf\xe9',
    'Set-Cookie: b=2',
    'x-last: 1',
    'Content-Length: 0',
  ]
  const upstream = await answering(t, `HTTP/1.1 299 Quite \xc3\xa9trange\r\n${headers.join('\r\n')}\r\n\r\n`)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const text = await client.got('\r\n\r\n')
  assert.equal(text, `HTTP/1.1 299 Quite \xc3\xa9trange\r\n${headers.join('\r\n')}\r\n\r\n`)
})

test('a reason phrase in another encoding does not break the answer', async (t) => {
  const upstream = await answering(t, 'HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 2\r\n\r\nok')
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  assert.match(await client.got(/ok$/), /^HTTP\/1\.1 200 Tr.*s bien\r\n/)
  assert.equal((await lab.recorded(1)).outcome.fault, undefined)
})

test('a request forwarded by an expectation names the host it is sent to', async (t) => {
  const upstream = await httpUpstream(t, (incoming, outgoing) => outgoing.end(`host is ${incoming.headers.host}`))
  const { address, port } = upstream.endpoint
  const forward = { httpRequest: { path: '/f' }, httpForward: { host: address, port } }
  const lab = await startPlane(t, { saved: { address: '127.0.0.1', port: 1 }, expectations: [forward] })
  const client = await rawClient(t, lab.port)
  client.send(request('GET /f', 'Host: original.example'))
  await client.got(`host is ${address}:${port}`)
  const { decision, resolution } = await lab.recorded(1)
  const action = { kind: 'forward', to: upstream.endpoint, delayMs: 0 }
  assert.deepEqual(decision, { kind: 'forward', destination: upstream.endpoint, expectationId: '#0', action })
  assert.equal(resolution.resolvedBy, 'ebpf')
})
