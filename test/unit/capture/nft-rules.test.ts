import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countedBy, nftRedirect, nftTproxy } from '../../../src/capture/nft-rules.ts'
import { slotAt } from '../../../src/capture/policy-routing.ts'

const OPTIONS = {
  id: '1-a',
  cgroup: { folder: '/sys/fs/cgroup/unified/system/run', path: 'system/run', level: 2 },
  scope: {
    interceptLoopback: true,
    interceptLinkLocal: true,
    excludePorts: [
      { from: 22, to: 22 },
      { from: 8000, to: 8100 },
    ],
    excludeCidrs: [],
  },
  ports: { port4: 15001, port6: 15002 },
}

test('redirection is a table with an owner whose last command sends connections to the listeners', () => {
  assert.deepEqual(nftRedirect(OPTIONS), [
    'add table inet understudy-1-a { flags owner; }',
    'add chain inet understudy-1-a decide',
    'add rule inet understudy-1-a decide ip daddr { 127.0.0.0/8 } tcp dport { 15001, 15002 } return',
    'add rule inet understudy-1-a decide ip6 daddr { ::1/128 } tcp dport { 15001, 15002 } return',
    'add rule inet understudy-1-a decide ip6 daddr { fe80::/10 } return',
    'add rule inet understudy-1-a decide tcp dport { 22, 8000-8100 } return',
    'add rule inet understudy-1-a decide ip daddr { 224.0.0.0/4, 255.255.255.255/32 } return',
    'add rule inet understudy-1-a decide ip6 daddr { ff00::/8 } return',
    'add rule inet understudy-1-a decide tcp dport { 0 } return',
    'add rule inet understudy-1-a decide meta nfproto ipv4 meta l4proto tcp redirect to :15001',
    'add rule inet understudy-1-a decide meta nfproto ipv6 meta l4proto tcp redirect to :15002',
    'add chain inet understudy-1-a out { type nat hook output priority -102; policy accept; }',
    'add rule inet understudy-1-a out meta l4proto tcp socket cgroupv2 level 2 "unified/system/run" counter jump decide',
  ])
})

test('without a listener for IPv6 there is no rule for it', () => {
  const text = nftRedirect({ ...OPTIONS, ports: { port4: 15001, port6: 0 } }).join('\n')
  assert.doesNotMatch(text, /nfproto ipv6|to :0/)
})

test('a cgroup outside of the folder that nft looks in is still found from there', () => {
  const cgroup = { folder: '/mnt/cgroup2/run', path: 'run', level: 1 }
  assert.match(nftRedirect({ ...OPTIONS, cgroup }).at(-1) ?? '', /level 1 "\.\.\/\.\.\/\.\.\/mnt\/cgroup2\/run"/)
})

test('a deeper cgroup has its say first, but never before connection tracking', () => {
  const priorityAt = (level: number): number => {
    const text = nftRedirect({ ...OPTIONS, cgroup: { ...OPTIONS.cgroup, level } }).join('\n')
    return Number(/priority (-\d+)/.exec(text)?.[1])
  }
  assert.ok(priorityAt(5) < priorityAt(4))
  assert.ok(priorityAt(1000) > -200)
})

test('tproxy marks what is the command’s and gives what is marked to the listeners', () => {
  const text = nftTproxy(OPTIONS, slotAt(2)).join('\n')
  assert.match(text, /decide meta nfproto ipv4 ct state new ct mark set 12370 meta mark set 12370\n/)
  assert.match(
    text,
    /pre iifname "lo" meta nfproto ipv4 meta l4proto tcp meta mark 12370 tproxy ip to 127\.0\.0\.1:15001\n/,
  )
  assert.match(
    text,
    /pre iifname "lo" meta nfproto ipv6 meta l4proto tcp meta mark 12370 tproxy ip6 to \[::1\]:15002\n/,
  )
  assert.match(text, /hook prerouting.*hook output.*counter jump decide$/s)
})

test('the counter of the rule that looks for the cgroup is read, and no other', () => {
  const rule = (packets: number) =>
    `meta l4proto tcp socket cgroupv2 level 2 "x" counter packets ${packets} bytes 9 jump`
  assert.equal(countedBy(`counter packets 7 bytes 1\n${rule(3)}`), 3)
  assert.equal(countedBy(rule(0)), 0)
  assert.equal(countedBy(''), undefined)
})
