import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInboundRoute, type InboundRouteOptions, outboundRoute } from '../../../src/act/route.ts'
import type { Flow } from '../../../src/flow.ts'

const FLOW: Flow = {
  cookie: 7n,
  workload: { id: 1, name: 'app' },
  direction: 'inbound',
  client: { address: '198.51.100.7', port: 40_000 },
  local: { address: '192.0.2.1', port: 15_100 },
  standsFor: 8080,
  fd: -1,
}
const OPTIONS: InboundRouteOptions = {
  ports: [{ port: 8080, proxyProtocol: 'none' }],
  addressFor: (wanted, port) => (wanted === '192.0.2.1' && port === 8080 ? '127.0.0.1' : 'nowhere'),
  keepsSource: () => false,
  forwarded: 'x-forwarded-for',
  marker: '',
  markerHeader: 'server',
}
const DECIDED = { address: '192.0.2.1', port: 8080 }
const APPLICATION = { address: '127.0.0.1', port: 8080 }
const FORWARDED = { forwarded: { style: 'x-forwarded-for', client: '198.51.100.7' } }

test('an inbound request goes to where the application listens, and names its client', () => {
  const route = createInboundRoute(OPTIONS)
  assert.deepEqual(route(FLOW, DECIDED, false), { destination: APPLICATION, source: '', appPort: 8080, ...FORWARDED })
})

test('an address of the settings is not looked up', () => {
  const ports = [{ port: 8080, to: '127.0.0.9', proxyProtocol: 'none' as const }]
  const { destination } = createInboundRoute({ ...OPTIONS, ports })(FLOW, DECIDED, false)
  assert.deepEqual(destination, { address: '127.0.0.9', port: 8080 })
})

test("with the client's own address on the connection no header names it", () => {
  const route = createInboundRoute({ ...OPTIONS, keepsSource: () => true })
  const kept = { destination: APPLICATION, source: '198.51.100.7', appPort: 8080 }
  assert.deepEqual(route(FLOW, DECIDED, false), kept)
})

test('the client that a load balancer names is the client', () => {
  const proxied = {
    version: 2 as const,
    source: { address: '203.0.113.9', port: 5 },
    destination: { address: '203.0.113.1', port: 80 },
  }
  const route = createInboundRoute({ ...OPTIONS, ports: [{ port: 8080, proxyProtocol: 'v1' }] })
  const { destination, forwarded, proxyHeader } = route({ ...FLOW, proxied }, proxied.destination, false)
  assert.deepEqual([destination, forwarded?.client], [APPLICATION, '203.0.113.9'])
  assert.equal(proxyHeader?.toString(), 'PROXY TCP4 203.0.113.9 192.0.2.1 5 8080\r\n')
})

test('where an expectation sends a request elsewhere it goes there, as from us, with header and marker', () => {
  const elsewhere = { address: 'staging.example', port: 80 }
  const route = createInboundRoute({ ...OPTIONS, marker: 'us', keepsSource: () => true })
  const marker = { name: 'server', value: 'us' }
  assert.deepEqual(route(FLOW, elsewhere, true), { destination: elsewhere, source: '', ...FORWARDED, marker })
})

test('an outbound connection keeps the source that the application had chosen', () => {
  const flow: Flow = { ...FLOW, direction: 'outbound' }
  assert.deepEqual(outboundRoute(flow, DECIDED, false), { destination: DECIDED, source: '' })
})
