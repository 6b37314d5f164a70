import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Proof } from '../../../src/cli/proof.ts'
import { type KernelProofs, type StrategyFinding, strategyFindings } from '../../../src/cli/strategies.ts'
import { STRATEGY_NAMES, type StrategyName } from '../../../src/resolve/strategy.ts'

const answeredBy = (resolvedBy: string, ...passed: readonly [string, string][]): Proof => ({
  state: 'ok',
  said: 'a connection was intercepted',
  remedy: '',
  exchange: {
    resolvedBy,
    trail: [
      ...passed.map(([strategy, detail]) => ({ strategy, answer: 'pass', detail })),
      { strategy: resolvedBy, answer: 'found', detail: '127.0.0.9:9' },
    ],
  },
})
const failing = (said: string, remedy = ''): Proof => ({ state: 'missing', said, remedy })

const SERVE = { proxyProtocol: answeredBy('proxy-protocol'), host: answeredBy('host') }
const KERNEL: KernelProofs = {
  captures: {
    ebpf: answeredBy('ebpf'),
    nft: answeredBy('so-original-dst'),
    iptables: answeredBy('so-original-dst'),
    tproxy: answeredBy('tproxy'),
  },
  conntrack: { capture: 'nft', proof: answeredBy('conntrack') },
  readsFile: false,
  dns: answeredBy('dns'),
  inbound: { tc: answeredBy('listener'), sk_lookup: answeredBy('listener') },
}
const withCaptures = (changed: Partial<KernelProofs['captures']>): KernelProofs => ({
  ...KERNEL,
  captures: { ...KERNEL.captures, ...changed },
})

const rowOf = (name: StrategyName, kernel: Parameters<typeof strategyFindings>[1], serve = SERVE): StrategyFinding => {
  const found = strategyFindings(serve, kernel).find((row) => row.name === name)
  assert.ok(found)
  return found
}

test('where all is proved, all are ok, in the order in which they are asked', () => {
  const rows = strategyFindings(SERVE, KERNEL)
  assert.deepEqual(
    rows.map(({ name, state, remedy }) => [name, state, remedy]),
    STRATEGY_NAMES.map((name) => [name, 'ok', '']),
  )
  assert.equal(new Set(rows.map(({ said }) => said)).size, rows.length)
})

test('without root only what needs none is known', () => {
  const rows = strategyFindings(SERVE, { why: 'needs root', remedy: 'Run it with sudo.' })
  const unknown = ['unknown', 'not tried: needs root', 'Run it with sudo.']
  assert.deepEqual(
    rows.filter(({ state }) => state === 'ok').map(({ name }) => name),
    ['proxy-protocol', 'host'],
  )
  for (const { state, said, remedy } of rows.slice(1, -1)) assert.deepEqual([state, said, remedy], unknown)
})

test('a proof that failed says why and what helps', () => {
  const broken = withCaptures({ tproxy: failing('no ip', 'Install iproute2.') })
  const { state, said, remedy } = rowOf('tproxy', broken)
  assert.deepEqual([state, said, remedy], ['missing', 'no ip', 'Install iproute2.'])
  const deaf = { ...SERVE, host: failing('not answered', 'Look.') }
  assert.deepEqual(rowOf('host', KERNEL, deaf), {
    name: 'host',
    state: 'missing',
    said: 'not answered',
    remedy: 'Look.',
  })
})

test('rules of iptables prove as well as those of nft', () => {
  const { state, said } = rowOf('so-original-dst', withCaptures({ nft: failing('no nft', 'Install nft.') }))
  assert.deepEqual([state, said], ['ok', 'the accepted socket told, behind rules of iptables'])
})

test('one way of inbound interception is enough to prove the listener', () => {
  const lookup = { ...KERNEL, inbound: { ...KERNEL.inbound, tc: failing('no such hook') } }
  assert.equal(rowOf('listener', lookup).state, 'ok')
  const neither = { tc: failing('no such hook'), sk_lookup: failing('no sockmap', 'Linux 5.9') }
  const { state, said, remedy } = rowOf('listener', { ...KERNEL, inbound: neither })
  assert.deepEqual([state, said, remedy], ['missing', 'no sockmap', 'Linux 5.9'])
})

test('a socket that says nothing, while the table does, is named with what it said', () => {
  const led = answeredBy('conntrack', ['so-original-dst', 'no connection tracking'])
  const { state, said, remedy } = rowOf('so-original-dst', withCaptures({ nft: led, iptables: led }))
  assert.equal(state, 'missing')
  assert.match(said, /: no connection tracking$/)
  assert.match(remedy, /modprobe nf_conntrack\)/)
})

test('a table that does not know the connection is told even where the socket did not know it either', () => {
  const silent = (...passed: [string, string][]): Proof => ({
    ...answeredBy('host', ...passed),
    state: 'missing',
  })
  const led = silent(['so-original-dst', 'a'], ['conntrack', 'b'])
  const kernel = { ...withCaptures({ nft: led, iptables: led }), conntrack: undefined }
  assert.match(rowOf('so-original-dst', kernel).said, /: a$/)
  const { state, said, remedy } = rowOf('conntrack', kernel)
  assert.equal(state, 'missing')
  assert.match(said, /: b$/)
  assert.match(remedy, /modprobe nf_conntrack_netlink/)
})

test('where no rules can be made, nothing is claimed of either, and the first remedy is given', () => {
  const captures = { nft: failing('no nft', 'Install nft.'), iptables: failing('no iptables', 'Install iptables.') }
  const kernel = { ...withCaptures(captures), conntrack: undefined }
  for (const name of ['so-original-dst', 'conntrack'] as const) {
    const { state, said, remedy } = rowOf(name, kernel)
    assert.deepEqual([state, remedy], ['unknown', 'Install nft.'])
    assert.match(said, /nft: no nft; iptables: no iptables$/)
  }
})

test('a table that is read as a file works, and is told with what would be quicker', () => {
  const { state, said, remedy } = rowOf('conntrack', { ...KERNEL, readsFile: true })
  assert.equal(state, 'ok')
  assert.match(said, /^\/proc\/net\/nf_conntrack told.*netlink is refused/)
  assert.match(remedy, /nf_conntrack_netlink.*CAP_NET_ADMIN/)
})
