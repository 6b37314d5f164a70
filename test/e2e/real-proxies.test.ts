/** PROXY headers as HAProxy, nginx and curl write them. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Exchange } from '../../src/flow.ts'
import { writeHeader } from '../../src/proxy-protocol/write.ts'
import { httpUpstream, mockOf, type PlaneSetup, rawClient, request, startPlane, within } from '../support/plane-lab.ts'
import { startHaproxy, startNginxStream } from '../support/real-proxies.ts'

const UNDERSTUDY = fileURLToPath(new URL('../../bin/understudy', import.meta.url))
const MOCK = mockOf('/m', 'mock')

const start = (t: TestContext, setup: PlaneSetup = {}) =>
  startPlane(t, { direction: 'direct', config: { proxyProtocolFrom: ['127.0.0.0/8'] }, expectations: [MOCK], ...setup })

/** The record has both ends of the client's own connection, to the proxy that stands in front of us. */
const assertSeen = ({ flow, resolution }: Exchange, version: 1 | 2, clientPort: number, proxyPort: number): void => {
  const destination = { address: '127.0.0.1', port: proxyPort }
  assert.deepEqual(flow.client, { address: '127.0.0.1', port: clientPort })
  assert.deepEqual(flow.proxied, { version, source: flow.client, destination })
  assert.equal(resolution.resolvedBy, 'proxy-protocol')
  assert.deepEqual(resolution.destination, destination)
}

for (const [version, server] of [
  [1, 'send-proxy'],
  [2, 'send-proxy-v2'],
  [2, 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority'],
] as const)
  test(`HAProxy with ${server} says who its client is`, async (t) => {
    const lab = await start(t)
    const proxy = await startHaproxy(t, lab.port, { server })
    const client = await rawClient(t, proxy.port)
    client.send(request('GET /m'))
    await client.got('mock')
    assertSeen(await lab.recorded(1), version, client.socket.localPort ?? 0, proxy.port)
  })

test('where HAProxy says that its client was going is where requests go', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('the server'))
  const lab = await start(t)
  const proxy = await startHaproxy(t, lab.port, { bind: 'accept-proxy', server: 'send-proxy-v2' })
  const source = { address: '2001:db8::1', port: 1025 }
  const client = await rawClient(t, proxy.port)
  client.send(writeHeader(1, source, upstream.endpoint))
  client.send(request('GET /'))
  await client.got('the server')
  const { flow, decision } = await lab.recorded(1)
  assert.deepEqual(flow.proxied, { version: 2, source, destination: upstream.endpoint })
  assert.deepEqual(decision, { kind: 'forward', destination: upstream.endpoint })
})

test('what would go round for ever between HAProxy and us ends at its second turn', async (t) => {
  const lab = await start(t)
  const proxy = await startHaproxy(t, lab.port, { server: 'send-proxy' })
  const client = await rawClient(t, proxy.port)
  client.send(request('GET /'))
  await client.got(/^HTTP\/1\.1 502 [\s\S]*x-understudy-reason: upstream_(closed|reset)/)
  const first = await lab.recorded(2) // it ends last
  const [second] = lab.exchanges
  assert.deepEqual(second?.decision, { kind: 'refuse', status: 400, reason: 'proxy_header_refused' })
  assertSeen(first, 1, client.socket.localPort ?? 0, proxy.port)
  assert.equal(await lab.metric('understudy_proxy_headers_total{result="loop"}'), 1)
})

test('a health check of HAProxy is answered; its header names nobody', async (t) => {
  const lab = await start(t)
  const server = 'send-proxy-v2 check check-send-proxy inter 1h'
  await startHaproxy(t, lab.port, { server, backend: 'option httpchk GET /m' })
  const { flow, outcome } = await lab.recorded(1)
  assert.deepEqual(flow.proxied, { version: 2 })
  assert.equal(outcome.status, 200)
})

test('HAProxy is refused where it is not trusted', async (t) => {
  const lab = await start(t, { config: { proxyProtocolFrom: ['192.0.2.0/24'] } })
  const proxy = await startHaproxy(t, lab.port, { server: 'send-proxy' })
  const client = await rawClient(t, proxy.port)
  client.send(request('GET /m'))
  assert.equal((await client.ended()).text, '')
  assert.equal((await lab.recorded(1)).outcome.fault, 'proxy_header_refused')
})

test('a stream of nginx says who its client is', async (t) => {
  const lab = await start(t)
  const proxy = await startNginxStream(t, lab.port)
  const client = await rawClient(t, proxy.port)
  client.send(request('GET /m'))
  await client.got('mock')
  assertSeen(await lab.recorded(1), 1, client.socket.localPort ?? 0, proxy.port)
})

/** `understudy serve` as a process of its own; gives its port, and ends it to have its records. */
const serve = async (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-serve-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'records')
  const env = { ...process.env, UNDERSTUDY_PROXY_PROTOCOL_FROM: '127.0.0.0/8, ::1', UNDERSTUDY_ADMIN_ENABLED: 'false' }
  const child = spawn(UNDERSTUDY, ['serve', '--port', '0', '--record', file], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const gone = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const [line] = await within('understudy to serve', once(createInterface(child.stderr), 'line'))
  const { port } = JSON.parse(line) as { port: number }
  return {
    port,
    records: async () => {
      child.kill('SIGTERM')
      await within('understudy to end', gone)
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
      return lines.map((text) => JSON.parse(text) as Record<string, unknown>)
    },
  }
}

test('curl says who it is to understudy serve, and so does HAProxy in front of it', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('the server'))
  const understudy = await serve(t)
  const proxy = await startHaproxy(t, understudy.port, { bind: 'accept-proxy', server: 'send-proxy-v2' })
  const curl = async (port: number): Promise<string> => {
    const to = ['--connect-to', `::127.0.0.1:${port}`, `http://127.0.0.1:${upstream.endpoint.port}/`]
    const args = ['-sS', '--max-time', '15', '--haproxy-protocol', '-w', '\n%{local_port}', ...to]
    return (await promisify(execFile)('curl', args, { env: { PATH: process.env['PATH'] ?? '' } })).stdout
  }
  const [text, clientPort] = (await curl(understudy.port)).split('\n')
  assert.equal(text, 'the server')

  const source = { address: '192.0.2.1', port: 1025 }
  const client = await rawClient(t, proxy.port)
  client.send(writeHeader(2, source, upstream.endpoint))
  client.send(request('GET /'))
  await client.got('the server')
  client.socket.end()

  const [direct, behind] = await understudy.records()
  assert.equal(direct?.['client'], `127.0.0.1:${clientPort}`)
  // curl was going to the address it connected to, which is ours: what it asks for decides.
  const trail = direct?.['trail'] as readonly { strategy: string; answer: string; detail: string }[]
  assert.deepEqual(trail[0], { strategy: 'proxy-protocol', answer: 'pass', detail: 'that is ourselves' })
  assert.equal(direct?.['resolvedBy'], 'host')
  assert.equal(behind?.['client'], '192.0.2.1:1025')
  assert.equal(behind?.['resolvedBy'], 'proxy-protocol')
  assert.equal(behind?.['originalDestination'], `127.0.0.1:${upstream.endpoint.port}`)
})
