import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { HttpExchange } from '../../../src/http1/exchange.ts'
import { DEFAULT_LIMITS, type Limits } from '../../../src/http1/limits.ts'
import { createBudget } from '../../../src/intercept/budget.ts'
import { createSessions } from '../../../src/intercept/sessions.ts'
import { createWatch, request, response, socketPair } from '../../support/plane-lab.ts'

const HEAD_MS = 30_000
const IDLE_MS = 75_000
const STALL_MS = 300_000

/** A session on a real connection, with a clock of its own. What it is asked goes to `onExchange`. */
const startSession = async (
  t: TestContext,
  onExchange: (exchange: HttpExchange) => void = () => undefined,
  limits: Limits = DEFAULT_LIMITS,
) => {
  const { ours, client } = await socketPair(t)
  const watch = createWatch()
  const budget = createBudget(1000, () => undefined)
  const malformed: (readonly unknown[])[] = []
  let nowMs = 1000
  let exchanges = 0
  const sessions = createSessions({
    limits,
    headTimeoutMs: HEAD_MS,
    idleTimeoutMs: IDLE_MS,
    stallTimeoutMs: STALL_MS,
    budget,
    onLimit: () => undefined,
    now: () => nowMs,
  })
  ours.on('data', () => watch.changed())
  ours.pause()
  sessions.serve(ours, Buffer.alloc(0), {
    exchange: (exchange) => {
      exchanges += 1
      onExchange(exchange)
      watch.changed()
    },
    malformed: (status, reason) => {
      malformed.push([status, reason])
    },
  })
  ours.on('close', () => watch.changed())
  return {
    ours,
    client,
    gone: () => watch.until('the session to end', () => sessions.size === 0),
    sessions,
    budget,
    malformed,
    /** Lets time pass, and has the deadlines looked at. */
    pass: (ms: number): void => {
      nowMs += ms
      sessions.tick(nowMs)
    },
    asked: (count: number) => watch.until(`exchange ${count}`, () => exchanges >= count),
    /** Waits until the session has been given this many bytes. */
    read: (bytes: number) => watch.until(`${bytes} bytes to be read`, () => ours.bytesRead >= bytes),
  }
}

const answer = (exchange: HttpExchange): void =>
  exchange.sendWhole(Buffer.from(response('answer', exchange.keepAlive ? 'X: kept' : 'Connection: close')), 6)

test('a head that does not become whole in time is a 408', async (t) => {
  const { client, pass, read, malformed, gone } = await startSession(t)
  client.send('GET / HTTP/1.1\r\nHost: slow')
  await read(26)
  pass(HEAD_MS)
  assert.deepEqual(malformed, [])
  pass(1)
  const { text, error } = await client.ended()
  assert.match(text, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*x-understudy-reason: request_timeout/)
  assert.equal(error, undefined)
  assert.deepEqual(malformed, [[408, 'request_timeout']])
  client.socket.end()
  await gone()
})

test('a head that trickles in does not win time with every byte', async (t) => {
  const { client, pass, read, malformed } = await startSession(t)
  const head = 'GET / HTTP/1.1\r\nHost: slow'
  for (let sent = 0; sent < 20; sent++) {
    client.send(head.charAt(sent))
    await read(sent + 1)
    pass(HEAD_MS / 20)
  }
  pass(1)
  assert.equal(malformed.length, 1)
})

test('an idle connection is closed after a while, and not before', async (t) => {
  const { client, pass, asked } = await startSession(t, answer)
  client.send(request('GET /'))
  await asked(1)
  await client.got('answer')
  pass(IDLE_MS)
  client.send(request('GET /'))
  await asked(2)
  await client.got(/answer[\s\S]*answer/)
  pass(IDLE_MS + 1)
  assert.equal((await client.ended()).error, undefined)
})

test('a body that stands still while somebody waits for it ends the exchange', async (t) => {
  const faults: unknown[] = []
  const { client, pass, asked, read } = await startSession(t, (exchange) => {
    exchange.onGone = (fault) => faults.push(fault)
    exchange.readBody({ data: () => true, end: () => undefined })
  })
  const head = request('POST /', 'Content-Length: 9')
  client.send(`${head}half`)
  await asked(1)
  await read(head.length + 4)
  pass(STALL_MS + 1)
  assert.deepEqual(faults, ['client_timeout'])
  assert.equal((await client.ended()).error, 'ECONNRESET')
})

test('a body that nobody waits for may take its time', async (t) => {
  const faults: unknown[] = []
  const { client, pass, asked } = await startSession(t, (exchange) => {
    exchange.onGone = (fault) => faults.push(fault)
  })
  client.send(`${request('POST /', 'Content-Length: 9')}half`)
  await asked(1)
  pass(STALL_MS * 2)
  assert.deepEqual(faults, [])
})

test('a body that is read past after its answer, and never comes, does not hold the connection for ever', async (t) => {
  const { client, pass, gone } = await startSession(t, answer)
  client.send(`${request('POST /', 'Content-Length: 9')}half`)
  await client.got('answer')
  pass(STALL_MS + 1)
  assert.equal((await client.ended()).error, 'ECONNRESET')
  await gone()
})

/** An answer that no socket takes at once. */
const LARGE = Buffer.from(response('x'.repeat(16 * 1024 * 1024)))

test('a client that does not take its answer is reset in the end', async (t) => {
  const { client, ours, pass, asked } = await startSession(t, (exchange) => exchange.sendWhole(LARGE, LARGE.length))
  client.socket.pause()
  client.send(request('GET /'))
  await asked(1)
  assert.equal(ours.writableNeedDrain, true)
  pass(STALL_MS)
  assert.equal(ours.destroyed, false)
  pass(1)
  assert.equal(ours.destroyed, true)
})

test('the last answer of a connection is given as much time as it needs', async (t) => {
  const { client, pass, asked } = await startSession(t, (exchange) => exchange.sendWhole(LARGE, LARGE.length))
  client.socket.pause()
  client.send(request('GET /', 'Connection: close'))
  await asked(1)
  pass(STALL_MS - 1)
  client.socket.resume()
  await client.gotBytes(LARGE.length)
  assert.equal((await client.ended()).error, undefined)
})

test('the last answer of a connection that nobody takes is given up in the end', async (t) => {
  const { client, ours, pass, asked } = await startSession(t, (exchange) => exchange.sendWhole(LARGE, LARGE.length))
  client.socket.pause()
  client.send(request('GET /', 'Connection: close'))
  await asked(1)
  pass(STALL_MS + 1)
  assert.equal(ours.destroyed, true)
})

test('a client that never ends its side is dropped a while after ours was ended', async (t) => {
  const { client, ours, pass } = await startSession(t, answer)
  client.send(request('GET /', 'Connection: close'))
  await client.ended()
  pass(2000)
  assert.equal(ours.destroyed, false)
  pass(1)
  assert.equal(ours.destroyed, true)
})

test('a head as long as the limit allows is read to its end', async (t) => {
  const { client, asked } = await startSession(t, answer, { ...DEFAULT_LIMITS, maxHeadBytes: 512 * 1024 })
  client.send(request('GET /', `X-Long: ${'x'.repeat(400 * 1024)}`))
  await asked(1)
  await client.got('answer')
})

test('draining closes an idle connection, and a busy one after its answer', async (t) => {
  const busy: HttpExchange[] = []
  const first = await startSession(t, (exchange) => busy.push(exchange))
  const second = await startSession(t, answer)
  first.client.send(request('GET /') + request('GET /never'))
  await first.asked(1)
  first.sessions.drain()
  second.sessions.drain()
  assert.equal((await second.client.ended()).text, '')
  for (const exchange of busy) answer(exchange)
  assert.match((await first.client.ended()).text, /Connection: close[\s\S]*answer$/)
  assert.equal(busy.length, 1)
})

test('what is held for matching is given back, however the exchange ends', async (t) => {
  const { client, asked, budget, gone, read } = await startSession(t, (exchange) => {
    exchange.onGone = () => undefined
    exchange.collectBody(1000, () => answer(exchange))
  })
  const whole = `${request('POST /', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`
  client.send(whole)
  await client.got('answer')
  assert.equal(budget.taken, 0)
  const part = `${request('POST /', 'Transfer-Encoding: chunked')}5\r\nhello\r\n`
  client.send(part)
  await asked(2)
  await read(whole.length + part.length)
  assert.equal(budget.taken, 5)
  client.socket.resetAndDestroy()
  await gone()
  assert.equal(budget.taken, 0)
})

test('nothing is asked of the next request before the current one is answered', async (t) => {
  const open: HttpExchange[] = []
  const { client, asked, read } = await startSession(t, (exchange) => open.push(exchange))
  const two = request('GET /1') + request('GET /2')
  client.send(two)
  await read(two.length)
  assert.equal(open.length, 1)
  for (const exchange of open.splice(0)) answer(exchange)
  await asked(2)
})

test('a connection that is handed over is no session any more, and takes along what came early', async (t) => {
  let taken: ReturnType<HttpExchange['takeOver']> | undefined
  const { client, asked, sessions, ours } = await startSession(t, (exchange) => {
    taken = exchange.takeOver()
    taken.socket.pause()
  })
  client.send(`${request('GET /', 'Connection: upgrade', 'Upgrade: x')}early`)
  await asked(1)
  assert.equal(sessions.size, 0)
  assert.equal(taken?.socket, ours)
  assert.equal(taken?.rest.toString(), 'early')
})
