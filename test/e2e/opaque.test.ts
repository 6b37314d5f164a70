/** Bytes that are not HTTP: carried intact both ways, ends and resets included. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { promisify } from 'node:util'
import {
  closedPort,
  createWatch,
  listen,
  mockOf,
  type RawClient,
  rawClient,
  request,
  startPlane,
  tcpUpstream,
  within,
} from '../support/plane-lab.ts'

const MIB = 1024 * 1024
const FIRST = '\x00\x01opaque'

/** An upstream whose connections keep what they are sent. */
const keeping = async (t: TestContext, greet?: (socket: Socket) => void) => {
  const watch = createWatch()
  let text = ''
  let error: string | undefined
  let hasEnded = false
  const upstream = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      watch.changed()
    })
    socket.on('end', () => {
      hasEnded = true
      watch.changed()
    })
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code
    })
    socket.on('close', watch.changed)
    greet?.(socket)
  })
  return {
    ...upstream,
    got: (wanted: string) => watch.until(`the upstream to get ${wanted}`, () => text.includes(wanted)),
    gotEnd: () => watch.until('the upstream to get an end', () => hasEnded),
    gotError: async () => {
      await watch.until('the upstream to get an error', () => error !== undefined)
      return error
    },
    get text() {
      return text
    },
  }
}

/** A relay with bytes gone both ways. */
const relaying = async (t: TestContext, config: object = {}) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config })
  const client = await rawClient(t, lab.port)
  client.send(FIRST)
  await upstream.got(FIRST)
  const server = await upstream.connection(1)
  server.write('ready')
  await client.got('ready')
  return { upstream, lab, client, server }
}

test('an unknown protocol is relayed both ways, counted and recorded once', async (t) => {
  const { upstream, lab, client, server } = await relaying(t)
  client.send('more')
  await upstream.got('more')
  client.socket.end()
  await upstream.gotEnd()
  server.end()
  await client.ended()
  const { outcome, decision, protocol, request: head, startedAtMs } = await lab.recorded(1)
  assert.deepEqual(decision, { kind: 'relay', destination: upstream.endpoint })
  assert.equal(protocol, 'opaque')
  assert.equal(head, undefined)
  assert.deepEqual([outcome.requestBytes, outcome.responseBytes], [FIRST.length + 4, 5])
  assert.deepEqual([outcome.status, outcome.fault], [undefined, undefined])
  assert.ok(outcome.durationMs >= 0 && startedAtMs > 0)
  await lab.emptied()
})

test('every byte arrives, both ways at once', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.pipe(socket))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  const sent = Buffer.concat([Buffer.from([0, 1, 2, 255]), randomBytes(20 * MIB)])
  client.socket.end(sent)
  const got = await client.gotBytes(sent.length)
  await client.ended()
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  assert.equal(hash(got), hash(sent))
  const { outcome } = await lab.recorded(1)
  assert.deepEqual([outcome.requestBytes, outcome.responseBytes], [sent.length, sent.length])
})

test('a server that speaks first is heard while its client keeps silent', async (t) => {
  const upstream = await keeping(t, (socket) => socket.write('220 ready\r\n'))
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  await client.got('220 ready\r\n')
  client.send('EHLO me\r\n')
  await upstream.got('EHLO me\r\n')
  client.socket.end()
  ;(await upstream.connection(1)).end('bye')
  assert.match((await client.ended()).text, /bye$/)
  assert.equal((await lab.recorded(1)).outcome.responseBytes, '220 ready\r\nbye'.length)
  assert.equal(upstream.sockets.length, 1)
})

test('a client that speaks first in a text protocol is relayed', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  client.send('PING\r\n')
  await upstream.got('PING\r\n')
})

test('bytes that could have begun a request are relayed once they stay unfinished', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  client.send('HELO there')
  await upstream.got('HELO there')
})

test('bytes that come in pieces after the client was found silent are relayed too', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  await upstream.connection(1) // dialled because of the silence
  client.send('STAT')
  await upstream.got('STAT')
})

test('a silent client turns out to speak HTTP, and is mocked', async (t) => {
  const upstream = await keeping(t)
  const setup = { saved: upstream.endpoint, config: { peekTimeoutMs: 1 }, expectations: [mockOf('/m', 'mock')] }
  const lab = await startPlane(t, setup)
  const client = await rawClient(t, lab.port)
  await upstream.connection(1)
  client.send(request('GET /m'))
  await client.got('mock')
  await upstream.ended(1)
  assert.equal(upstream.text, '')
})

test('a TLS handshake goes through untouched', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  await promisify(execFile)('openssl', [...made, '-subj', '/CN=tls.test', '-keyout', key, '-out', cert])
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    socket.on('error', () => undefined)
    socket.end(`hello over ${socket.getProtocol()}`)
  })
  const port = await listen(server)
  t.after(() => server.close())
  const lab = await startPlane(t, { saved: { address: '127.0.0.1', port } })
  const client = connectTls({ port: lab.port, host: '127.0.0.1', ca: readFileSync(cert), servername: 'tls.test' })
  await within('the handshake', once(client, 'secureConnect'))
  assert.equal(client.authorized, true)
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk)
  assert.match(Buffer.concat(chunks).toString(), /^hello over TLSv1\.3$/)
  assert.equal((await lab.recorded(1)).protocol, 'tls')
})

test('TLS through the explicit proxy is relayed to the tunnel it was meant for', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { direction: 'direct' })
  const client = await rawClient(t, lab.port)
  client.send(`CONNECT 127.0.0.1:${upstream.endpoint.port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await client.got('established\r\n\r\n')
  client.send('\x16\x03\x01\x00\x05hello')
  await upstream.got('\x16\x03\x01\x00\x05hello')
  client.socket.end()
  ;(await upstream.connection(1)).end()
  const { protocol, resolution } = await lab.recorded(1)
  assert.deepEqual([protocol, resolution.resolvedBy], ['tls', 'host'])
})

test('HTTP/2 with prior knowledge is relayed', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  await upstream.got('SM\r\n\r\n')
  client.socket.end()
  ;(await upstream.connection(1)).end()
  assert.equal((await lab.recorded(1)).protocol, 'http/2')
})

test('a client that ends its side still gets what the server has to say', async (t) => {
  const { upstream, lab, client, server } = await relaying(t)
  client.socket.end('last words')
  await upstream.gotEnd()
  assert.match(upstream.text, /last words$/)
  server.write('and more')
  await client.got('and more')
  server.end('!')
  assert.match((await client.ended()).text, /and more!$/)
  assert.equal((await lab.recorded(1)).outcome.fault, undefined)
})

test('a server that ends its side still gets what the client has to say', async (t) => {
  const { upstream, lab, client, server } = await relaying(t)
  server.end('last words')
  assert.match((await client.ended()).text, /last words$/)
  client.send('and more')
  await upstream.got('and more')
  client.socket.end('!')
  await upstream.gotEnd()
  assert.match(upstream.text, /and more!$/)
  assert.equal((await lab.recorded(1)).outcome.fault, undefined)
})

test('a client that ends its side at once, without a byte, hears the server out', async (t) => {
  const upstream = await keeping(t, (socket) => socket.end('Sat Nov 21 2026\r\n'))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.socket.end()
  const { text, error } = await client.ended()
  assert.equal(text, 'Sat Nov 21 2026\r\n')
  assert.equal(error, undefined)
  assert.equal((await lab.recorded(1)).outcome.responseBytes, 17)
})

test('a server that ends its side before anyone spoke still hears the client', async (t) => {
  const upstream = await keeping(t, (socket) => socket.end())
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  await client.ended()
  client.socket.end(FIRST)
  await upstream.gotEnd()
  assert.equal(upstream.text, FIRST)
  await lab.recorded(1)
})

test('a reset by the client arrives as a reset at the server', async (t) => {
  const { upstream, lab, client } = await relaying(t)
  client.socket.resetAndDestroy()
  assert.equal(await upstream.gotError(), 'ECONNRESET')
  assert.equal((await lab.recorded(1)).outcome.fault, 'client_reset')
  await lab.emptied()
})

test('a reset by the server arrives as a reset at the client', async (t) => {
  const { lab, client, server } = await relaying(t)
  server.resetAndDestroy()
  assert.equal((await client.ended()).error, 'ECONNRESET')
  assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_reset')
  await lab.emptied()
})

test('a reset behind an end shows once the server speaks again, and leaves nothing open', async (t) => {
  const { upstream, lab, client, server } = await relaying(t)
  client.socket.end()
  await once(client.socket, 'finish')
  client.socket.resetAndDestroy()
  await upstream.gotEnd()
  for (let i = 0; i < 20 && !server.destroyed; i++) server.write(Buffer.alloc(MIB))
  assert.match((await upstream.gotError()) ?? '', /^(ECONNRESET|EPIPE)$/)
  assert.equal((await lab.recorded(1)).outcome.fault, 'client_reset')
  await lab.emptied()
})

test('a reset by a server that nobody has spoken to yet arrives as a reset, and is recorded', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  ;(await upstream.connection(1)).resetAndDestroy()
  assert.equal((await client.ended()).error, 'ECONNRESET')
  assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_reset')
})

test('a reset by a silent client arrives as a reset', async (t) => {
  const upstream = await keeping(t)
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { peekTimeoutMs: 1 } })
  const client = await rawClient(t, lab.port)
  await upstream.connection(1)
  client.socket.resetAndDestroy()
  await upstream.ended(1)
  await lab.emptied()
})

for (const [kind, speak] of [
  ['speaks first', (client: RawClient) => client.send(FIRST)],
  ['is silent', () => undefined],
] as const)
  test(`a refused upstream is a reset for a client that ${kind}, recorded once`, async (t) => {
    const lab = await startPlane(t, { saved: await closedPort(t), config: { peekTimeoutMs: 1 } })
    const client = await rawClient(t, lab.port)
    speak(client)
    assert.equal((await client.ended()).error, 'ECONNRESET')
    const { outcome, decision } = await lab.recorded(1)
    assert.equal(decision.kind, 'relay')
    assert.equal(outcome.fault, 'upstream_refused')
    assert.deepEqual([outcome.requestBytes, outcome.responseBytes], [0, 0])
    await lab.emptied()
  })

test('a refused upstream is no reason to drop a silent client that may still be mocked', async (t) => {
  const setup = { saved: await closedPort(t), config: { peekTimeoutMs: 1 } }
  const lab = await startPlane(t, { ...setup, expectations: [mockOf('/m', 'mock')] })
  const client = await rawClient(t, lab.port)
  // By the time a later one has been refused without mocks, this one has been refused with them.
  const later = await rawClient(t, (await startPlane(t, setup)).port)
  await later.ended()
  client.send(request('GET /m'))
  await client.got('mock')
})

test('a silent client that nobody will speak to is closed in the end', async (t) => {
  const lab = await startPlane(t, { direction: 'direct', config: { peekTimeoutMs: 1, clientIdleTimeoutMs: 5 } })
  const client = await rawClient(t, lab.port)
  const { text, error } = await client.ended()
  assert.deepEqual([text, error], ['', undefined])
  await lab.emptied()
  assert.equal(lab.exchanges.length, 0)
})

for (const [what, setup] of [
  ['where unmatched traffic must not leave', { config: { onUnmatched: 'refuse', peekTimeoutMs: 1 } }],
  ['where nothing says where they were going', { direction: 'direct' }],
] as const)
  test(`opaque bytes are reset ${what}, and no upstream is dialled`, async (t) => {
    const upstream = await keeping(t, (socket) => socket.write('220'))
    const lab = await startPlane(t, { ...setup, ...('config' in setup ? { saved: upstream.endpoint } : {}) })
    const client = await rawClient(t, lab.port)
    client.send(FIRST)
    assert.equal((await client.ended()).error, 'ECONNRESET')
    const { decision } = await lab.recorded(1)
    assert.equal(decision.kind, 'refuse')
    assert.equal(upstream.sockets.length, 0)
  })

test('a receiver that does not read makes its sender wait, each way', async (t) => {
  for (const way of ['up', 'down']) {
    const { client, server } = await relaying(t)
    const [from, to] = way === 'up' ? [client.socket, server] : [server, client.socket]
    to.pause()
    const block = Buffer.alloc(256 * 1024)
    let idleTurns = 0
    let before = -1
    while (idleTurns < 300 && before < 100 * MIB) {
      if (!from.writableNeedDrain) from.write(block)
      await new Promise((resolve) => setImmediate(resolve))
      const taken = from.bytesWritten - from.writableLength
      idleTurns = taken === before ? idleTurns + 1 : 0
      before = taken
    }
    assert.ok(before < 40 * MIB, `${before} bytes were taken ${way}`)
    from.resetAndDestroy()
    to.destroy()
  }
})

test('an idle relay that is open both ways outlives the time limit of a half-closed one', async (t) => {
  const { upstream, lab, client, server } = await relaying(t, { upstreamIdleTimeoutMs: 20 })
  const halfClosed = await rawClient(t, lab.port)
  halfClosed.socket.end(FIRST)
  assert.equal((await halfClosed.ended()).error, 'ECONNRESET') // its time was over, and so would have been the other's
  client.send('still here')
  await upstream.got('still here')
  server.write('me too')
  await client.got('me too')
})

test('a half-closed relay that stands still is ended on both sides', async (t) => {
  const { upstream, lab, client } = await relaying(t, { upstreamIdleTimeoutMs: 20 })
  client.socket.end()
  assert.equal((await client.ended()).error, 'ECONNRESET')
  await upstream.gotEnd()
  assert.equal((await lab.recorded(1)).outcome.fault, 'upstream_timeout')
  await lab.emptied()
})
