import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointsOf, parseResolvConf } from '../../../src/dns/resolv-conf.ts'

const DEFAULTS = { ndots: 1, timeoutS: 5, attempts: 2, isEdns0: false, isTcpOnly: false }

test('a file as Kubernetes writes it', () => {
  const text = `search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
`
  assert.deepEqual(parseResolvConf(text), {
    nameservers: [{ address: '10.96.0.10' }],
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    options: { ...DEFAULTS, ndots: 5 },
  })
})

test('comments, unknown keywords and indented lines are no settings', () => {
  const text = `# nameserver 10.0.0.1
; nameserver 10.0.0.2
  nameserver 10.0.0.3
nameserverx 10.0.0.4
sortlist 10.0.0.5
nameserver\t10.0.0.6   # the one
nameserver 10.0.0.7;not this
`
  assert.deepEqual(parseResolvConf(text).nameservers, [{ address: '10.0.0.6' }, { address: '10.0.0.7' }])
})

test('three nameservers are enough; what is no address is none', () => {
  const text = ['ns.test', '300.1.1.1', '', '10.0.0.1', 'FD00:0::1', '10.0.0.3', '10.0.0.4']
    .map((server) => `nameserver ${server}`)
    .join('\n')
  assert.deepEqual(parseResolvConf(text).nameservers, [
    { address: '10.0.0.1' },
    { address: 'fd00::1' },
    { address: '10.0.0.3' },
  ])
})

test('a link-local nameserver has its interface', () => {
  assert.deepEqual(parseResolvConf('nameserver fe80::1%eth0').nameservers, [{ address: 'fe80::1', scope: 'eth0' }])
})

test('a nameserver is asked at port 53; one that needs an interface cannot be', () => {
  const conf = parseResolvConf('nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver fd00::1\n')
  assert.deepEqual(endpointsOf(conf), [
    { address: '10.0.0.1', port: 53 },
    { address: 'fd00::1', port: 53 },
  ])
})

test('without a nameserver the local machine is asked', () => {
  assert.deepEqual(parseResolvConf('').nameservers, [{ address: '127.0.0.1' }])
})

test('of search and domain the last one counts', () => {
  assert.deepEqual(parseResolvConf('domain a.test b.test').search, ['a.test'])
  assert.deepEqual(parseResolvConf('domain a.test\nsearch b.test c.test').search, ['b.test', 'c.test'])
  assert.deepEqual(parseResolvConf('search b.test c.test\ndomain a.test').search, ['a.test'])
})

test('options have the limits of resolv.conf(5)', () => {
  const text = 'options ndots:99 timeout:99 attempts:99 edns0 use-vc rotate inet6 ndots:x timeout:-1\noptions trust-ad'
  assert.deepEqual(parseResolvConf(text).options, {
    ndots: 15,
    timeoutS: 30,
    attempts: 5,
    isEdns0: true,
    isTcpOnly: true,
  })
})
