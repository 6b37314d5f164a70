/** What every strategy promises, whatever its evidence. A new one gets a row of evidence here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, Flow } from '../../src/flow.ts'
import { createChain, createStrategies, type EvidencePorts } from '../../src/resolve/chain.ts'
import { namedEndpoint } from '../../src/resolve/named-endpoint.ts'
import { type Evidence, STRATEGY_NAMES, type Strategy } from '../../src/resolve/strategy.ts'

const EMPTY: Flow = {
  cookie: 0n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 40_000 },
  local: { address: '127.0.0.1', port: 15_001 },
  fd: -1,
}
const OWN: Endpoint = { address: '127.0.0.1', port: 15_001 }
const isOwn = ({ address, port }: Endpoint): boolean => address === OWN.address && port === OWN.port

/** Ports as adapters give them: what they find is told by a flow's cookie, so that one chain serves all cases. */
const evidenceOf = new Map<bigint, Evidence>()
const read = (flow: Flow): Evidence => evidenceOf.get(flow.cookie) ?? { kind: 'none', why: 'no entry' }
const nameOfCookie = new Map<number, string>()
const PORTS: EvidencePorts = {
  proxyHeaders: true,
  transparent: true,
  inbound: true,
  soOriginalDst: read,
  conntrack: read,
  nameOf: (workload) => nameOfCookie.get(workload.id),
}
const STRATEGIES = createStrategies(PORTS)

let cookies = 100n
const kernelTable = (evidence: Evidence): Flow => {
  cookies += 1n
  evidenceOf.set(cookies, evidence)
  return { ...EMPTY, cookie: cookies }
}
const table = (destination: Endpoint): Flow => kernelTable({ kind: 'found', destination })

/** Strategy → a flow whose evidence leads to this endpoint, as the adapters would hand it over. */
const EVIDENCE: Readonly<Record<string, (destination: Endpoint) => Flow>> = {
  'proxy-protocol': (destination) => ({ ...EMPTY, proxied: { version: 2, destination } }),
  tproxy: (destination) => ({ ...EMPTY, isTransparent: true, local: destination }),
  ebpf: (destination) => ({
    ...EMPTY,
    cookie: 7n,
    saved: {
      // Decoding has made v4-mapped addresses plain: see the layout's own tests.
      destination,
      process: { pid: 1, name: 'app' },
      clientCookie: 6n,
      connectedAtNs: 1n,
      sourceBound: false,
      via: 'map',
    },
  }),
  listener: ({ address, port }) => ({ ...EMPTY, local: { address, port: 15_100 }, standsFor: port }),
  'so-original-dst': table,
  conntrack: table,
  dns: ({ address, port }) => {
    const id = nameOfCookie.size + 10
    nameOfCookie.set(id, address)
    return { ...EMPTY, workload: { id, name: 'test' }, local: { address: '240.241.0.1', port } }
  },
  host: ({ address, port }) => {
    const named = namedEndpoint(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, 80)
    return named ? { ...EMPTY, named } : EMPTY
  },
}
const flowFor = (strategy: Strategy, destination: Endpoint): Flow => {
  const row = EVIDENCE[strategy.name]
  assert.ok(row, `${strategy.name} has no row of evidence`)
  return row(destination)
}

test('every strategy of the chain has its row of evidence', () => {
  assert.deepEqual(Object.keys(EVIDENCE), [...STRATEGY_NAMES])
  assert.deepEqual(
    STRATEGIES.map(({ name }) => name),
    [...STRATEGY_NAMES],
  )
})

const ELSEWHERE: readonly Endpoint[] = [
  { address: '192.0.2.7', port: 8080 },
  { address: '2001:db8::7', port: 443 },
  { address: '192.0.2.7', port: 65_535 },
]

for (const strategy of STRATEGIES) {
  for (const elsewhere of ELSEWHERE)
    test(`${strategy.name}: evidence leads to ${elsewhere.address} port ${elsewhere.port}`, () => {
      const answer = strategy.resolve(flowFor(strategy, elsewhere), [])
      assert.deepEqual(answer, { kind: 'found', destination: elsewhere })
    })

  test(`${strategy.name}: the same flow gets the same answer`, () => {
    for (const flow of [EMPTY, flowFor(strategy, { address: '192.0.2.7', port: 8080 })])
      assert.deepEqual(strategy.resolve(flow, []), strategy.resolve(flow, []))
  })

  test(`${strategy.name}: no evidence is a pass with a reason, not a throw`, () => {
    const answer = strategy.resolve(EMPTY, [])
    assert.equal(answer.kind, 'pass')
    assert.ok(answer.kind === 'pass' && answer.why.length > 0)
  })

  test(`${strategy.name}: our own address is never the answer of the chain`, () => {
    const chain = createChain({ isOwn }, [strategy])
    const flow = flowFor(strategy, OWN)
    const resolution = chain.late(flow, chain.early(flow))
    assert.equal(resolution.destination, undefined)
    assert.deepEqual(resolution.trail, [
      { strategy: strategy.name, answer: { kind: 'pass', why: 'that is ourselves', dialled: OWN } },
    ])
  })

  test(`${strategy.name}: switched off, it is not asked`, () => {
    const others = createStrategies(PORTS, [strategy.name])
    assert.deepEqual(
      others.map(({ name }) => name),
      STRATEGY_NAMES.filter((name) => name !== strategy.name),
    )
  })
}

for (const name of ['so-original-dst', 'conntrack'])
  test(`${name}: evidence that cannot be read is a fault, and the next strategy is asked`, () => {
    const flow = kernelTable({ kind: 'broken', error: new Error('cut short') })
    const named = { ...flow, named: { address: '192.0.2.7', port: 80 } }
    const chain = createChain({ isOwn }, createStrategies(PORTS))
    const resolution = chain.late(named, chain.early(named))
    assert.equal(resolution.resolvedBy, 'host')
    assert.equal(resolution.trail.find((attempt) => attempt.strategy === name)?.answer.kind, 'fault')
  })

for (const mapped of ['::ffff:192.0.2.7', '::ffff:c000:207'])
  test(`host: ${mapped} and the IPv4 address it is get the same answer`, () => {
    const [host] = STRATEGIES.filter(({ name }) => name === 'host')
    const plain = EVIDENCE['host']?.({ address: '192.0.2.7', port: 80 }) ?? EMPTY
    const other = EVIDENCE['host']?.({ address: mapped, port: 80 }) ?? EMPTY
    assert.deepEqual(host?.resolve(other, []), host?.resolve(plain, []))
  })
