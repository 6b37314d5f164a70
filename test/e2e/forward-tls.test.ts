/** Forwarding over TLS: to servers that prove who they are, and to those that do not. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { createAuthority, httpsUpstream, type Issued } from '../support/certificates.ts'
import { closedPort, httpUpstream, rawClient, request, startPlane, tcpUpstream } from '../support/plane-lab.ts'

const NOWHERE = { address: '127.0.0.1', port: 1 }

const planeTo = (t: TestContext, port: number, config: object = {}, host = 'localhost') =>
  startPlane(t, {
    saved: NOWHERE,
    config,
    expectations: [{ httpRequest: {}, httpForward: { host, port, scheme: 'HTTPS' } }],
  })

/** A server with a certificate for these names, that says what it was asked and how. */
const secureServer = async (t: TestContext, names: string, more: object = {}) => {
  const authority = createAuthority(t)
  const issued: Issued = authority.issue(names)
  const { port, connections } = await httpsUpstream(
    t,
    { ...issued, ALPNProtocols: ['http/1.1'], ...more },
    (incoming, answer) => {
      const socket = incoming.socket as TLSSocket
      let body = ''
      incoming.on('data', (chunk: Buffer) => {
        body += chunk
      })
      incoming.on('end', () => {
        const { host } = incoming.headers
        const servername: unknown = Reflect.get(socket, 'servername')
        answer.end(`[${JSON.stringify({ host, servername, alpn: socket.alpnProtocol, url: incoming.url, body })}]`)
      })
    },
  )
  return { port, connections, trusted: { upstreamTlsCaFile: authority.path } }
}

/** What the server saw of one request. */
const asked = async (t: TestContext, port: number, text: string): Promise<Record<string, unknown>> => {
  const client = await rawClient(t, port)
  client.send(text)
  const answer = await client.got(/\[(\{.*\})\]/)
  return JSON.parse(/\[(\{.*\})\]/.exec(answer)?.[1] ?? '{}')
}

test('a server with a certificate from a trusted issuer is asked over TLS, by its name', async (t) => {
  const { port, trusted } = await secureServer(t, 'DNS:localhost')
  const lab = await planeTo(t, port, trusted)
  const seen = await asked(t, lab.port, request('GET /orders?a=1'))
  assert.deepEqual(seen, {
    host: `localhost:${port}`,
    servername: 'localhost',
    alpn: 'http/1.1',
    url: '/orders?a=1',
    body: '',
  })
  const { decision, outcome } = await lab.recorded(1)
  assert.deepEqual([decision.kind, outcome.status, outcome.fault], ['forward', 200, undefined])
})

test('connections over TLS are kept and used again', async (t) => {
  const { port, connections, trusted } = await secureServer(t, 'DNS:localhost')
  const lab = await planeTo(t, port, trusted)
  for (const path of ['/1', '/2', '/3']) assert.equal((await asked(t, lab.port, request(`GET ${path}`)))['url'], path)
  assert.equal(connections(), 1)
})

test('a request that waits for 100 goes over TLS too, with its body', async (t) => {
  const { port, trusted } = await secureServer(t, 'DNS:localhost')
  const lab = await planeTo(t, port, trusted)
  const client = await rawClient(t, lab.port)
  client.send(request('POST /slow', 'Expect: 100-continue', 'Content-Length: 5'))
  await client.got('100 Continue\r\n\r\n')
  client.send('hello')
  assert.match(await client.got(/\]/), /"body":"hello"/)
})

test('an address proves itself by a certificate for the address', async (t) => {
  const { port, trusted } = await secureServer(t, 'IP:127.0.0.1')
  const lab = await planeTo(t, port, trusted, '127.0.0.1')
  assert.equal((await asked(t, lab.port, request('GET /')))['servername'], false)
})

/** The answer to a request whose upstream could not be reached, and what is recorded. */
const refusal = async (t: TestContext, lab: Awaited<ReturnType<typeof planeTo>>): Promise<string> => {
  const client = await rawClient(t, lab.port)
  client.send(request('GET /'))
  const text = await client.got(/^HTTP\/1\.1 50[\s\S]*\r\n\r\n.*\n$/)
  const { outcome } = await lab.recorded(1)
  assert.match(text, new RegExp(`x-understudy-reason: ${outcome.fault}\r\n`))
  return `${outcome.status} ${outcome.fault} ${text.slice(text.indexOf('\r\n\r\n') + 4)}`
}

test('an issuer that nobody trusts is refused, and the text says what can be done', async (t) => {
  const { port } = await secureServer(t, 'DNS:localhost')
  const lab = await planeTo(t, port)
  assert.match(
    await refusal(t, lab),
    /^502 upstream_tls understudy: upstream tls: localhost port \d+: unable to verify the first certificate; name the certificate of its issuer in upstreamTlsCaFile/,
  )
  assert.equal(await lab.metric('understudy_exchange_faults_total{fault="upstream_tls"}'), 1)
})

test('a certificate for another name is refused', async (t) => {
  const { port, trusted } = await secureServer(t, 'DNS:other.example')
  assert.match(
    await refusal(t, await planeTo(t, port, trusted)),
    /^502 upstream_tls .*DNS:other\.example; forward to a name/,
  )
})

test('with checking off, a certificate for another name from an unknown issuer will do', async (t) => {
  const { port } = await secureServer(t, 'DNS:other.example')
  const lab = await planeTo(t, port, { upstreamTlsVerify: false })
  assert.equal((await asked(t, lab.port, request('GET /x')))['url'], '/x')
})

test('a server that speaks plain HTTP is refused as such', async (t) => {
  const upstream = await httpUpstream(t, (_, answer) => answer.end())
  assert.match(
    await refusal(t, await planeTo(t, upstream.endpoint.port)),
    /^502 upstream_tls .*; it does not speak TLS there: use its TLS port, or scheme HTTP\n$/,
  )
})

test('a server that speaks nothing newer than TLS 1.1 is refused', async (t) => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const { port, trusted } = await secureServer(t, 'DNS:localhost', old)
  assert.match(await refusal(t, await planeTo(t, port, trusted)), /^502 upstream_tls .*TLSv1\.2/)
})

test('a server that hangs up during the handshake is a fault of TLS, one that keeps silent a timeout', async (t) => {
  const rude = await tcpUpstream(t, (socket) => socket.once('data', () => socket.destroy()))
  assert.match(await refusal(t, await planeTo(t, rude.endpoint.port)), /^502 upstream_tls .*closed the connection/)
  const silent = await tcpUpstream(t, (socket) => socket.resume())
  const impatient = await planeTo(t, silent.endpoint.port, { upstreamConnectTimeoutMs: 50 })
  assert.match(await refusal(t, impatient), /^504 upstream_timeout /)
})

test('a port that nobody listens at is refused, not a matter of TLS', async (t) => {
  const { port } = await closedPort(t)
  assert.match(await refusal(t, await planeTo(t, port, {}, '127.0.0.1')), /^502 upstream_refused /)
})

test('a server that closes an idle connection before it has answered is not asked again', async (t) => {
  let asked = 0
  const authority = createAuthority(t)
  const { port } = await httpsUpstream(t, authority.issue('DNS:localhost'), (incoming) => {
    asked++
    incoming.socket.destroy()
  })
  const lab = await planeTo(t, port, { upstreamTlsCaFile: authority.path })
  assert.match(await refusal(t, lab), /^502 upstream_(closed|reset) /)
  assert.equal(asked, 1)
})
