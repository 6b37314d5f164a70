import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileExpectation } from '../../../../src/decide/matching/expectation.ts'
import { createExpectedHosts, expectedHosts } from '../../../../src/decide/matching/expected-hosts.ts'
import { storeOf } from '../build.ts'

const hostsOf = (...headers: readonly { name: string; values: readonly string[] }[][]): string[] => [
  ...expectedHosts(
    headers.map((pairs, i) =>
      compileExpectation(
        {
          priority: 0,
          httpRequest: { headers: pairs },
          action: { kind: 'forward', to: { address: '127.0.0.1', port: 1 }, delayMs: 0 },
          remainingTimes: Number.POSITIVE_INFINITY,
          timeToLiveMs: Number.POSITIVE_INFINITY,
        },
        `${i}`,
      ),
    ),
  ).keys(),
]
const host = (...values: string[]) => [{ name: 'host', values }]

const CASES: readonly (readonly [string, string, readonly string[]])[] = [
  ['a bare name', 'orders', ['orders']],
  ['a name with dots', 'orders.shop.svc.cluster.local', ['orders.shop.svc.cluster.local']],
  ['dots escaped, as for the matcher', 'orders\\.example\\.com', ['orders.example.com']],
  ['capitals', 'Orders.Example.COM', ['orders.example.com']],
  ['a port', 'orders.example.com:8080', ['orders.example.com']],
  ['an IPv4 address', '192.0.2.1', []],
  ['an IPv4 address and a port', '192.0.2.1:80', []],
  ['an IPv6 address', '[2001:db8::1]', []],
  ['a pattern', '.*\\.example\\.com', []],
  ['alternatives', 'a|b', []],
  ['what it must not be', '!orders', []],
  ['nothing', '', []],
  ['a label that is too long', `${'a'.repeat(64)}.com`, []],
  ['a name that is too long', `${'a.'.repeat(127)}com`, []],
]

for (const [situation, value, hosts] of CASES)
  test(`${situation}: "${value.slice(0, 40)}" names ${hosts.length === 0 ? 'no host' : hosts.join()}`, () => {
    assert.deepEqual(hostsOf(host(value)), hosts)
  })

test('each host is named once, whoever names it, and only by the host header', () => {
  const others = [{ name: 'x-host', values: ['other'] }]
  assert.deepEqual(hostsOf(host('a', 'b'), [{ name: 'Host', values: ['A'] }], others, []), ['a', 'b'])
})

test('an expectation for any request names no host', () => {
  const any = compileExpectation(
    {
      priority: 0,
      action: { kind: 'forward', to: { address: '127.0.0.1', port: 1 }, delayMs: 0 },
      remainingTimes: 1,
      timeToLiveMs: 1,
    },
    'any',
  )
  assert.deepEqual([...expectedHosts([any])], [])
})

test('a host that only other namespaces expect is not expected here', () => {
  const scope = { labels: undefined, direction: undefined, destination: undefined, process: undefined }
  const store = storeOf({
    httpRequest: { headers: host('orders') },
    conditions: {
      scope: { ...scope, namespaces: ['shop'] },
      scenario: undefined,
      percentage: 100,
      rateLimit: undefined,
    },
  })
  const isExpected = createExpectedHosts(store, () => 0)
  assert.equal(isExpected('orders', { id: 1, name: 'web', namespace: 'shop' }), true)
  assert.equal(isExpected('orders', { id: 2, name: 'web', namespace: 'billing' }), false)
  assert.equal(isExpected('payments', { id: 1, name: 'web', namespace: 'shop' }), false)
})
