import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Dial, directDial, refusingOwn } from '../../../src/act/dial.ts'
import { codedError } from '../../../src/act/fault.ts'
import { connectWithin, createUpstreams, hadAnswered } from '../../../src/act/upstreams.ts'
import type { Endpoint } from '../../../src/flow.ts'
import { closedPort, tcpUpstream, within } from '../../support/plane-lab.ts'

const upstreamsFor = (t: TestContext, destinations: number, onEvicted = () => undefined) => {
  const upstreams = createUpstreams(directDial, {
    connectTimeoutMs: 1000,
    headersTimeoutMs: 1000,
    bodyTimeoutMs: 1000,
    keepAliveMs: 1000,
    connectionsPerDestination: 2,
    destinations,
    onEvicted,
    onFull: () => undefined,
    maxHeadBytes: 1024,
  })
  t.after(() => upstreams.close())
  return upstreams
}
const place = (port: number): Endpoint => ({ address: '192.0.2.1', port })

test('a destination keeps its pool, another one and another source get their own', (t) => {
  const upstreams = upstreamsFor(t, 8)
  const pool = upstreams.pool(place(1), {})
  assert.equal(upstreams.pool(place(1), {}), pool)
  assert.notEqual(upstreams.pool(place(2), {}), pool)
  assert.notEqual(upstreams.pool(place(1), { source: '192.0.2.9' }), pool)
  assert.equal(upstreams.pool(place(1), {}), pool)
  assert.equal(upstreams.size, 3)
})

test('a connection over TLS is shared with nobody who asked for another name, or for none', (t) => {
  const upstreams = upstreamsFor(t, 8)
  const pool = upstreams.pool(place(1), { secureName: 'a.test' })
  assert.equal(upstreams.pool(place(1), { secureName: 'a.test' }), pool)
  assert.notEqual(upstreams.pool(place(1), { secureName: 'b.test' }), pool)
  assert.notEqual(upstreams.pool(place(1), {}), pool)
  assert.equal(upstreams.size, 3)
})

test('each PROXY header has its own pool', (t) => {
  const upstreams = upstreamsFor(t, 8)
  const from = (text: string) => ({ proxyHeader: Buffer.from(text) })
  const pool = upstreams.pool(place(1), from('PROXY a'))
  assert.equal(upstreams.pool(place(1), from('PROXY a')), pool)
  assert.notEqual(upstreams.pool(place(1), from('PROXY b')), pool)
  assert.notEqual(upstreams.pool(place(1), {}), pool)
  assert.equal(upstreams.size, 3)
})

test('one destination too many costs the least recently used its pool, and is counted', (t) => {
  let evicted = 0
  const upstreams = upstreamsFor(t, 2, () => {
    evicted += 1
  })
  const first = upstreams.pool(place(1), {})
  const second = upstreams.pool(place(2), {})
  upstreams.pool(place(1), {})
  upstreams.pool(place(3), {})
  assert.equal(upstreams.size, 2)
  assert.equal(evicted, 1)
  assert.equal(upstreams.pool(place(1), {}), first)
  assert.notEqual(upstreams.pool(place(2), {}), second)
})

const dialled = (dial: Dial, destination: Endpoint, timeoutMs = 5000): Promise<string | undefined> =>
  within(
    'the dial',
    new Promise((resolve) => {
      connectWithin(dial, destination, {}, timeoutMs, (error, socket) => {
        socket?.destroy()
        resolve(error && String(Reflect.get(error, 'code')))
      })
    }),
  )

test('a connection in time is handed over, a refused one is told', async (t) => {
  const upstream = await tcpUpstream(t, () => undefined)
  assert.equal(await dialled(directDial, upstream.endpoint), undefined)
  assert.equal(await dialled(directDial, await closedPort(t)), 'ECONNREFUSED')
})

test('a connection that never opens is given up', async () => {
  // A socket that nobody ever connects: as silent as a network that drops what it is sent.
  const silent: Dial = (_, __, done) => done(undefined, new Socket())
  assert.equal(await dialled(silent, place(1), 10), 'ETIMEDOUT')
})

test('a name that cannot be looked up is told', async () => {
  const unknown: Dial = (_, __, done) => done(codedError('ENOTFOUND', 'no such name'))
  assert.equal(await dialled(unknown, place(1)), 'ENOTFOUND')
})

test('a connection that turns out to lead to ourselves is broken off', async (t) => {
  const upstream = await tcpUpstream(t, () => undefined)
  const { port } = upstream.endpoint
  const asked: Endpoint[] = []
  const isOwn = (endpoint: Endpoint): boolean => asked.push(endpoint) > 0
  assert.equal(await dialled(refusingOwn(directDial, isOwn), { address: 'localhost', port }), 'ELOOP')
  assert.deepEqual(asked, [{ address: '127.0.0.1', port }])
})

test('an error tells whether its connection had answered before', () => {
  assert.equal(hadAnswered(Object.assign(new Error('x'), { socket: { bytesRead: 1 } })), true)
  assert.equal(hadAnswered(Object.assign(new Error('x'), { socket: { bytesRead: 0 } })), false)
  assert.equal(hadAnswered(new Error('x')), false)
  assert.equal(hadAnswered('x'), false)
})
