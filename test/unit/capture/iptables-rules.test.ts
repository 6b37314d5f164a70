import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chainsOf,
  firstCounted,
  iptablesRedirect,
  iptablesTproxy,
  removeChains,
} from '../../../src/capture/iptables-rules.ts'
import { slotAt } from '../../../src/capture/policy-routing.ts'

const OPTIONS = {
  id: '1-a',
  cgroup: { folder: '/sys/fs/cgroup/run', path: 'run', level: 1 },
  scope: {
    interceptLoopback: false,
    interceptLinkLocal: true,
    excludePorts: [{ from: 8000, to: 8100 }],
    excludeCidrs: [
      { address: '10.0.0.0', prefix: 8 },
      { address: 'fd00::', prefix: 8 },
    ],
  },
  ports: { port4: 15001, port6: 15002 },
}

test('redirection is two chains of our own and one jump, all at once', () => {
  assert.equal(
    iptablesRedirect(OPTIONS, 4),
    [
      '*nat',
      ':UNDERSTUDY-1-a - [0:0]',
      ':UNDERSTUDY+1-a - [0:0]',
      '-A UNDERSTUDY+1-a -d 127.0.0.0/8 -p tcp -j RETURN',
      '-A UNDERSTUDY+1-a -p tcp --dport 8000:8100 -j RETURN',
      '-A UNDERSTUDY+1-a -d 10.0.0.0/8 -p tcp -j RETURN',
      '-A UNDERSTUDY+1-a -d 224.0.0.0/4 -p tcp -j RETURN',
      '-A UNDERSTUDY+1-a -d 255.255.255.255/32 -p tcp -j RETURN',
      '-A UNDERSTUDY+1-a -p tcp --dport 0 -j RETURN',
      '-A UNDERSTUDY+1-a -p tcp -j REDIRECT --to-ports 15001',
      '-A UNDERSTUDY-1-a -m cgroup --path "run" -j UNDERSTUDY+1-a',
      '-I OUTPUT 1 -p tcp -m comment --comment "understudy 1-a" -j UNDERSTUDY-1-a',
      'COMMIT',
      '',
    ].join('\n'),
  )
})

test('IPv6 has its own networks and its own listener', () => {
  const text = iptablesRedirect(OPTIONS, 6)
  assert.match(text, /-d ::1\/128 .*\n/)
  assert.match(text, /-d fd00:0:0:0:0:0:0:0\/8 -p tcp -j RETURN\n/)
  assert.match(text, /--to-ports 15002\n/)
  assert.doesNotMatch(text, /10\.0\.0\.0|127\.0\.0\.0/)
})

test('quotes and backslashes in the name of a cgroup stay in it', () => {
  const cgroup = { ...OPTIONS.cgroup, path: 'a"b\\c d' }
  assert.ok(iptablesRedirect({ ...OPTIONS, cgroup }, 4).includes('--path "a\\"b\\\\c d"'))
})

test('tproxy has its own chain for what comes back', () => {
  const text = iptablesTproxy(OPTIONS, 6, slotAt(0))
  assert.match(text, /^\*mangle\n/)
  assert.match(
    text,
    /-A UNDERSTUDY=1-a -i lo .*--mark 12368 -j TPROXY --on-ip ::1 --on-port 15002 --tproxy-mark 12368\n/,
  )
  assert.match(text, /-I PREROUTING 1 .*-j UNDERSTUDY=1-a\n-I OUTPUT 1 .*-j UNDERSTUDY-1-a\n/)
})

test('what is made has a name that fits the kernel’s limit, and the jump is removed as it was made', () => {
  const id = `4194304-${Number.MAX_SAFE_INTEGER.toString(36).slice(0, 8)}`
  for (const chain of Object.values(chainsOf(id))) assert.ok(chain.length <= 28, chain)
  const jump = /^-I (OUTPUT) 1 (.*)$/m.exec(iptablesRedirect({ ...OPTIONS, id }, 4))
  assert.ok(removeChains(id, false).includes(`iptables -w 5 -t nat -D ${jump?.[1]} ${jump?.[2]} `))
})

test('the packets of the first rule are read, and none where there is no rule', () => {
  const head = 'Chain X (1 references)\n    pkts      bytes target     prot opt in     out     source'
  assert.equal(firstCounted(`${head}\n      12      720 Y  all  --  *  *  0.0.0.0/0  0.0.0.0/0  cgroup run\n`), 12)
  assert.equal(firstCounted(`${head}\n`), undefined)
  assert.equal(firstCounted(''), undefined)
})
