import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { type AdminOptions, createAdmin } from '../../../src/record/admin.ts'
import { createFlowFeed, type FlowFeedOptions } from '../../../src/record/flows.ts'
import { exchangeLine } from '../../../src/record/line.ts'
import { createMetrics } from '../../../src/record/metrics.ts'
import { exchange, request, silent, turn } from './samples.ts'

const line = (path: string) => exchangeLine(exchange({ request: request({ path }) }))

const start = async (t: TestContext, changes: Partial<AdminOptions> = {}, feed: FlowFeedOptions = {}) => {
  const metrics = createMetrics({ version: '1.2.3' })
  const flows = createFlowFeed({ onDrop: (n) => metrics.dropped('flows', n), onReaders: metrics.subscribers, ...feed })
  const ready = () => ({ ok: true })
  const admin = createAdmin({ port: 0, version: '1.2.3', log: silent, metrics, flows, ready, ...changes })
  const { port } = await admin.listen()
  t.after(() => admin.close())
  return { admin, flows, metrics, port, url: `http://127.0.0.1:${port}` }
}

/** Everything that comes back on one raw connection until it closes. */
const raw = async (port: number, text: string): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

const refusal = async (listening: Promise<unknown>): Promise<UnderstudyError> => {
  const error = await listening.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof UnderstudyError)
  return error
}

test('a living process is healthy', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/healthz`)
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), { ok: true })
})

test('readiness is what it is told, with the reason', async (t) => {
  let ok = false
  const { url } = await start(t, { ready: () => (ok ? { ok } : { ok, why: 'programs are not attached' }) })
  const before = await fetch(`${url}/readyz`)
  assert.equal(before.status, 503)
  assert.deepEqual(await before.json(), { ok: false, why: 'programs are not attached' })
  ok = true
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
})

test('metrics come in the Prometheus text format', async (t) => {
  const { url, metrics } = await start(t)
  metrics.exchange(exchange())
  const response = await fetch(`${url}/metrics`)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await response.text(), /understudy_exchanges_total\{decision="mock",protocol="http\/1\.1"\} 1\n/)
})

test('a scrape that breaks answers 500 and the server goes on', async (t) => {
  const metrics = createMetrics({
    version: '1',
    readKernel: () => {
      throw new Error('gone')
    },
  })
  const { url } = await start(t, { metrics })
  assert.equal((await fetch(`${url}/metrics`)).status, 500)
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
})

test('the version is told', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/version`)
  assert.deepEqual(await response.json(), { name: 'understudy', version: '1.2.3', node: process.version })
})

test('an unknown path lists the known ones', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/nope`)
  assert.equal(response.status, 404)
  const { paths } = (await response.json()) as { paths: string[] }
  assert.deepEqual(paths, ['/healthz', '/readyz', '/metrics', '/flows', '/version'])
})

test('only GET and HEAD are taken', async (t) => {
  const { url } = await start(t)
  const response = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })
  assert.equal(response.status, 405)
  assert.equal(response.headers.get('allow'), 'GET, HEAD')
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(await head.text(), '')
  assert.equal((await fetch(`${url}/flows`, { method: 'HEAD' })).status, 200)
})

for (const host of ['evil.example', 'evil.example:9901', 'localhost.evil.example', '127.0.0.1.nip.io', '']) {
  test(`a request for the host "${host}" is refused`, async (t) => {
    const { port } = await start(t)
    const answer = await raw(port, `GET /flows?replay=10 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 403 /)
  })
}

for (const host of ['localhost', 'LOCALHOST:9901', '127.0.0.1:9901', '[::1]:9901', '[fd00::1]', '10.1.2.3']) {
  test(`a request for the host "${host}" is answered`, async (t) => {
    const { port } = await start(t)
    const answer = await raw(port, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 200 /)
  })
}

test('an oversized head is refused', async (t) => {
  const { port } = await start(t)
  const answer = await raw(port, `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 431 /)
})

test('the live stream replays, goes on, and ends at its limit', async (t) => {
  const { url, flows } = await start(t)
  for (const path of ['/1', '/2']) flows.publish(line(path))
  const response = await fetch(`${url}/flows?replay=1&limit=2`)
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
  flows.publish(line('/3'))
  const records = (await response.text()).trimEnd().split('\n')
  assert.deepEqual(
    records.map((record) => JSON.parse(record).path),
    ['/2', '/3'],
  )
})

test('the head of the stream arrives before any record does', async (t) => {
  const { url, admin } = await start(t)
  const response = await fetch(`${url}/flows`)
  assert.equal(response.status, 200)
  const ended = response.text()
  await admin.close()
  await assert.doesNotReject(ended.catch(() => {}))
})

test('a stream asked for in a way it does not know is refused', async (t) => {
  const { url } = await start(t)
  for (const query of ['replay=x', 'replay=-1', 'limit=0', 'limit=1.5', 'follow=1']) {
    assert.equal((await fetch(`${url}/flows?${query}`)).status, 400, query)
  }
})

test('one reader too many gets 503 and is counted; one that leaves makes room', async (t) => {
  let left: (() => void) | undefined
  const onReaders = (count: number) => {
    if (count === 0) left?.()
  }
  const { url, metrics } = await start(t, {}, { maxReaders: 1, onReaders })
  const stop = new AbortController()
  await fetch(`${url}/flows`, { signal: stop.signal })
  assert.equal((await fetch(`${url}/flows`)).status, 503)
  assert.match(await metrics.text(), /understudy_limit_hits_total\{limit="flow_subscribers"\} 1\n/)
  const gone = new Promise<void>((resolve) => {
    left = resolve
  })
  stop.abort()
  await gone
  assert.equal((await fetch(`${url}/flows`, { signal: AbortSignal.timeout(5000) })).status, 200)
})

test('a reader that stops reading loses records, which are counted, and nobody waits for it', {
  timeout: 30_000,
}, async (t) => {
  const { port, flows, metrics, url } = await start(t)
  const slow = connect(port, '127.0.0.1')
  t.after(() => slow.destroy())
  slow.write('GET /flows HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(slow, 'data')
  slow.pause()
  const big = line(`/${'x'.repeat(2000)}`)
  const dropped = async () =>
    Number(/understudy_records_dropped_total\{sink="flows"\} (\d+)/.exec(await metrics.text())?.[1])
  while ((await dropped()) === 0) {
    for (let i = 0; i < 500; i++) flows.publish(big)
    await turn()
  }
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
})

test('a port that is taken is an operator error that names it and who has it', async (t) => {
  const { port, metrics, flows } = await start(t)
  const options = { port, version: '1', log: silent, metrics, flows, ready: () => ({ ok: true }) }
  const error = await refusal(createAdmin({ ...options, whoListens: (at) => `pid 42 on ${at}` }).listen())
  assert.equal(error.code, 'PORT_IN_USE')
  assert.equal(error.message, `the admin address 127.0.0.1:${port} is already used by pid 42 on ${port}`)
  assert.match(error.remedy ?? '', /adminPort/)
})

test('an address of another machine is an operator error', async () => {
  const metrics = createMetrics({ version: '1' })
  const options = { port: 0, version: '1', log: silent, metrics, flows: createFlowFeed(), ready: () => ({ ok: true }) }
  const error = await refusal(createAdmin({ ...options, host: '192.0.2.1' }).listen())
  assert.equal(error.code, 'ADDRESS_UNAVAILABLE')
})

test('closing twice, and with a request under way, is fine', async (t) => {
  const { admin, port } = await start(t)
  const open = httpRequest({ port, host: '127.0.0.1', path: '/flows' }).end()
  open.on('error', () => {})
  await once(open, 'response')
  await admin.close()
  await admin.close()
})
