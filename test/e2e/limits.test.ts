/** What reaches a limit of the data plane is dealt with and counted, once. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { Limit } from '../../src/record/metrics.ts'
import { createWatch, httpUpstream, rawClient, request, startPlane, tcpUpstream } from '../support/plane-lab.ts'

const lines = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: 1`)

const HEADS: readonly (readonly [situation: string, head: string, status: number, limit: Limit])[] = [
  ['a head that is too long', request('GET /', `X: ${'x'.repeat(5000)}`), 431, 'head_bytes'],
  ['a head that is too long and has no end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(5000)}`, 431, 'head_bytes'],
  ['a head of too many fields', request('GET /', ...lines(20)), 431, 'headers'],
]
for (const [situation, head, status, limit] of HEADS) {
  test(`${situation} is a ${status} and counted as ${limit}`, async (t) => {
    const lab = await startPlane(t, { config: { maxHeadBytes: 4096, maxHeaders: 20 } })
    const client = await rawClient(t, lab.port)
    client.send(head)
    assert.match((await client.ended()).text, new RegExp(`^HTTP/1.1 ${status} `))
    assert.deepEqual(await lab.limited(1), [limit])
    assert.equal(await lab.metric(`understudy_limit_hits_total{limit="${limit}"}`), 1)
    await lab.recorded(1)
  })
}

test('a target that is too long is a 414 and counted with the heads', async (t) => {
  const lab = await startPlane(t)
  const client = await rawClient(t, lab.port)
  client.send(request(`GET /${'x'.repeat(40_000)}`))
  assert.match((await client.ended()).text, /^HTTP\/1.1 414 /)
  assert.deepEqual(await lab.limited(1), ['head_bytes'])
  await lab.recorded(1)
})

test('as many fields and bytes as are allowed are no limit reached', async (t) => {
  const upstream = await httpUpstream(t, (_, outgoing) => outgoing.end('fine'))
  const head = request('GET /', ...lines(19))
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { maxHeadBytes: 4096, maxHeaders: 20 } })
  const client = await rawClient(t, lab.port)
  client.send(head.replace('X-0: 1', `X-0: ${'1'.repeat(4096 - head.length + 1)}`))
  await client.got('fine')
  assert.deepEqual(await lab.limited(0), [])
})

test('a line that may be a request and does not end is relayed, and counted', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', (chunk) => socket.write(`${chunk.length},`)))
  const lab = await startPlane(t, { saved: upstream.endpoint })
  const client = await rawClient(t, lab.port)
  client.send(`PURGE /${'x'.repeat(9000)}`)
  await client.got(',')
  assert.deepEqual(await lab.limited(1), ['peek_bytes'])
})

test('a request that waits for one of the connections to its destination is counted', async (t) => {
  const held: ServerResponse[] = []
  const watch = createWatch()
  const upstream = await httpUpstream(t, (_, outgoing) => {
    held.push(outgoing)
    watch.changed()
  })
  const lab = await startPlane(t, { saved: upstream.endpoint, config: { upstreamConnectionsPerDestination: 2 } })
  const asked = async () => {
    const client = await rawClient(t, lab.port)
    client.send(request('GET /'))
    return client
  }
  const clients = [await asked(), await asked()]
  await watch.until('two requests', () => held.length === 2)
  assert.deepEqual(await lab.limited(0), [])
  clients.push(await asked())
  assert.deepEqual(await lab.limited(1), ['upstream_connections'])
  held[0]?.end('answer')
  await watch.until('the third request', () => held.length === 3)
  for (const outgoing of held) outgoing.end('answer')
  for (const client of clients) await client.got('answer')
  // There is room again.
  const next = await asked()
  await watch.until('the fourth request', () => held.length === 4)
  held[3]?.end('answer')
  await next.got('answer')
  assert.deepEqual(await lab.limited(1), ['upstream_connections'])
  assert.equal(upstream.sockets.length, 2)
})
