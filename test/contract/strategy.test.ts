/** What every strategy promises, whatever its evidence. A new one gets a row of evidence here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, Flow } from '../../src/flow.ts'
import { namedEndpoint } from '../../src/pipeline.ts'
import { createChain, STRATEGIES } from '../../src/resolve/chain.ts'

const EMPTY: Flow = {
  cookie: 0n,
  workload: { id: 1, name: 'test' },
  direction: 'outbound',
  client: { address: '127.0.0.1', port: 40_000 },
  local: { address: '127.0.0.1', port: 15_001 },
}
const OWN: Endpoint = { address: '127.0.0.1', port: 15_001 }
const isOwn = ({ address, port }: Endpoint): boolean => address === OWN.address && port === OWN.port

/** Strategy → a flow whose evidence leads to this endpoint, as the adapters would hand it over. */
const EVIDENCE: Readonly<Record<string, (destination: Endpoint) => Flow>> = {
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
  host: ({ address, port }) => {
    const named = namedEndpoint(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, 80)
    return named ? { ...EMPTY, named } : EMPTY
  },
}

test('every strategy of the chain has its row of evidence', () => {
  assert.deepEqual(
    STRATEGIES.map(({ name }) => name),
    Object.keys(EVIDENCE),
  )
})

for (const strategy of STRATEGIES) {
  const evidence = EVIDENCE[strategy.name] ?? (() => EMPTY)
  const elsewhere: Endpoint = { address: '192.0.2.7', port: 8080 }

  test(`${strategy.name}: evidence leads to the destination`, () => {
    assert.deepEqual(strategy.resolve(evidence(elsewhere)), { kind: 'found', destination: elsewhere })
  })

  test(`${strategy.name}: the same flow gets the same answer`, () => {
    for (const flow of [EMPTY, evidence(elsewhere)]) assert.deepEqual(strategy.resolve(flow), strategy.resolve(flow))
  })

  test(`${strategy.name}: no evidence is a pass with a reason, not a throw`, () => {
    const answer = strategy.resolve(EMPTY)
    assert.equal(answer.kind, 'pass')
    assert.ok(answer.kind === 'pass' && answer.why.length > 0)
  })

  test(`${strategy.name}: our own address is never the answer of the chain`, () => {
    const chain = createChain(isOwn, [strategy])
    const flow = evidence(OWN)
    const resolution = chain.late(flow, chain.early(flow))
    assert.equal(resolution.destination, undefined)
    assert.deepEqual(resolution.trail, [
      { strategy: strategy.name, answer: { kind: 'pass', why: 'that is ourselves' } },
    ])
  })
}

for (const mapped of ['::ffff:192.0.2.7', '::ffff:c000:207'])
  test(`host: ${mapped} and the IPv4 address it is get the same answer`, () => {
    const [host] = STRATEGIES.filter(({ name }) => name === 'host')
    const plain = EVIDENCE['host']?.({ address: '192.0.2.7', port: 80 }) ?? EMPTY
    const other = EVIDENCE['host']?.({ address: mapped, port: 80 }) ?? EMPTY
    assert.deepEqual(host?.resolve(other), host?.resolve(plain))
  })
