import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAttribution, type Owner } from '../../../src/agent/connections.ts'
import type { ConnectionSummary, Verdict, Workload } from '../../../src/flow.ts'
import type { OpenConnection } from '../../../src/kernel/open-connections.ts'

const WORKLOAD: Workload = { id: 4, name: 'web', namespace: 'shop', uid: 'u-web' }
const WEB: Owner = { name: 'web', namespace: 'shop', uid: 'u-web', workload: WORKLOAD }
const PLAIN: Owner = { name: 'plain', namespace: 'shop', uid: 'u-plain' }
const DESTINATION = { address: '203.0.113.9', port: 443 }

/** Cgroup 11 and namespace 21 are of `web`, 12 and 22 of `plain`. */
const make = () => {
  const asked: string[] = []
  const attribution = createAttribution({
    ofCgroup: (id) =>
      new Map([
        [11n, WEB],
        [12n, PLAIN],
      ]).get(id),
    ofNetns: (cookie) =>
      new Map([
        [21n, WEB],
        [22n, PLAIN],
      ]).get(cookie),
    namesOf: ({ id }, address) => {
      asked.push(`${id} ${address}`)
      return address === DESTINATION.address ? ['shop.example', 'www.shop.example'] : []
    },
  })
  return { attribution, asked }
}

const summary = (changes: Partial<ConnectionSummary>): ConnectionSummary =>
  ({ kind: 'closed', destination: DESTINATION, verdict: 'redirected', ...changes }) as ConnectionSummary
const open = (changes: Partial<OpenConnection>): OpenConnection => ({
  ...{ netnsCookie: 0n, cgroupId: 0n, destination: DESTINATION, verdict: 'redirected' },
  ...{ established: true, connectedAtNs: 1n },
  ...changes,
})
const NAMES = ['shop.example', 'www.shop.example']
const webIs = { workload: { name: 'web', namespace: 'shop', uid: 'u-web' }, names: NAMES }
const plainIs = { workload: { name: 'plain', namespace: 'shop', uid: 'u-plain' } }

test('a connection is that of the pod whose cgroup it was made in, with the names that pod has asked for', () => {
  const { attribution, asked } = make()
  const given = summary({ cgroupId: 11n, netnsCookie: 22n })
  assert.deepEqual(attribution.attribute(given), { ...given, ...webIs })
  assert.deepEqual(asked, ['4 203.0.113.9'])
})

test('of a cgroup that nobody knows, or is not told, the network namespace tells the pod', () => {
  const { attribution } = make()
  for (const cgroupId of [0n, 99n]) {
    const given = summary({ cgroupId, netnsCookie: 21n })
    assert.deepEqual(attribution.attribute(given), { ...given, ...webIs })
  }
  const without = summary({ netnsCookie: 21n })
  assert.deepEqual(attribution.attribute(without), { ...without, ...webIs })
})

test('a pod that is not intercepted has no names: nobody has asked for it', () => {
  const { attribution, asked } = make()
  const given = summary({ cgroupId: 12n, verdict: 'direct' as Verdict })
  assert.deepEqual(attribution.attribute(given), { ...given, ...plainIs })
  assert.deepEqual(asked, [])
})

test('an address that DNS has not told has no names', () => {
  const { attribution } = make()
  const given = summary({ cgroupId: 11n, destination: { address: '198.51.100.1', port: 80 } })
  assert.ok(!('names' in (attribution.attribute(given) ?? {})))
})

test('what is nobody’s is counted, and told as it is', () => {
  const { attribution } = make()
  const given = summary({ cgroupId: 99n, netnsCookie: 98n })
  assert.deepEqual(attribution.attribute(given), given)
  assert.deepEqual(attribution.attribute(summary({})), summary({}))
})

test('our own connections and those of self-tests are nobody’s, and not counted', () => {
  const { attribution } = make()
  assert.equal(attribution.attribute(summary({ cgroupId: 11n, verdict: 'own_traffic' })), undefined)
  for (const address of ['192.0.2.117', '2001:db8:75:73::7']) {
    const destination = { address, port: 7 }
    assert.equal(attribution.attribute(summary({ cgroupId: 11n, destination })), undefined)
    assert.equal(attribution.open(open({ cgroupId: 11n, destination })), undefined)
  }
  assert.equal(attribution.open(open({ cgroupId: 11n, verdict: 'own_traffic' })), undefined)
  const near = summary({ cgroupId: 11n, destination: { address: '192.0.2.118', port: 7 } })
  assert.ok(attribution.attribute(near))
})

test('a connection that is open has its pod and where it was dialled; one that is still being made is left out', () => {
  const { attribution } = make()
  const dialled = { address: '10.96.0.10', port: 80 }
  assert.equal(attribution.open(open({ cgroupId: 11n, established: false })), undefined)
  const where = { destination: DESTINATION, verdict: 'redirected' }
  assert.deepEqual(attribution.open(open({ cgroupId: 11n })), { ...where, ...webIs })
  assert.deepEqual(attribution.open(open({ netnsCookie: 22n, dialled })), { ...where, dialled, ...plainIs })
  assert.deepEqual(attribution.open(open({ cgroupId: 99n })), where)
})
