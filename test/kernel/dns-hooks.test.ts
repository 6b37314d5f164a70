import assert from 'node:assert/strict'
import {
  argv,
  ask,
  askAndStay,
  begin,
  endpoint,
  parse,
  type Question,
  serveNames,
  WORLD_ANSWER,
} from '../support/asker.ts'
import { OUR_ANSWER } from '../support/dns-listener.ts'
import { fixture, labTest, NET, until } from '../support/lab.ts'
import { lookUp, missingFor, RESOLVERS } from '../support/resolvers.ts'

const kernelTest = labTest('dns')
const STUB_ANSWER = '192.0.2.153'
const NEIGHBOUR4 = '10.88.1.3'
const MAPPED = `::ffff:${NET.served4}`

interface Way {
  readonly situation: string
  readonly question: Question
  /** The source that the listener sees. */
  readonly source: string
  /** What getsockname says of the address, where the socket is connected. */
  readonly local?: string
}

const WAYS: readonly Way[] = [
  {
    situation: 'a connected socket',
    question: { servers: [[NET.served4, 53]], connect: true },
    source: NET.app4,
    local: NET.app4,
  },
  { situation: 'a socket that is not connected', question: { servers: [[NET.served4, 53]] }, source: '127.0.0.1' },
  {
    situation: 'a connected IPv6 socket',
    question: { servers: [[NET.served6, 53]], family: 6, connect: true },
    source: NET.app6,
    local: NET.app6,
  },
  {
    situation: 'an IPv6 socket that is not connected',
    question: { servers: [[NET.served6, 53]], family: 6 },
    source: '::1',
  },
  {
    situation: 'an IPv6 socket connected to an IPv4 server',
    question: { servers: [[MAPPED, 53]], family: 6, connect: true },
    source: NET.app4,
    local: `::ffff:${NET.app4}`,
  },
  {
    situation: 'an IPv6 socket that sends to an IPv4 server',
    question: { servers: [[MAPPED, 53]], family: 6 },
    source: '127.0.0.1',
  },
  {
    situation: 'an IPv6 socket connected to an IPv4 socket address',
    question: { servers: [[NET.served4, 53]], family: 6, connect: true, plain: true },
    source: NET.app4,
    local: `::ffff:${NET.app4}`,
  },
  {
    situation: 'an IPv6 socket that sends to an IPv4 socket address',
    question: { servers: [[NET.served4, 53]], family: 6, plain: true },
    source: '127.0.0.1',
  },
  {
    situation: 'a connected socket that is bound to an address and a port',
    question: { servers: [[NET.served4, 53]], connect: true, bind: [NET.app4, 7353] },
    source: NET.app4,
    local: NET.app4,
  },
  {
    situation: 'a bound socket that is not connected',
    question: { servers: [[NET.served4, 53]], bind: [NET.app4, 7354] },
    source: NET.app4,
  },
  {
    situation: 'a bound IPv6 socket that is not connected',
    question: { servers: [[NET.served6, 53]], family: 6, bind: [NET.app6, 7355] },
    source: NET.app6,
  },
  {
    situation: 'an IPv6 socket bound to an IPv4 address',
    question: { servers: [[MAPPED, 53]], family: 6, bind: [`::ffff:${NET.app4}`, 7356] },
    source: NET.app4,
  },
  {
    situation: 'a connected socket that is bound to a port only',
    question: { servers: [[NET.served4, 53]], connect: true, bind: ['0.0.0.0', 7357] },
    source: '127.0.0.1',
    local: '127.0.0.1',
  },
  {
    situation: 'a connected socket that asks a stub on loopback, where nobody listens',
    question: { servers: [['127.0.0.53', 53]], connect: true },
    source: '127.0.0.1',
    local: '127.0.0.1',
  },
  {
    situation: 'an IPv6 socket that asks a stub on ::1, where nobody listens',
    question: { servers: [['::1', 53]], family: 6 },
    source: '::1',
  },
  {
    situation: 'a socket that asks a link-local IPv4 server',
    question: { servers: [[NET.linkLocal4, 53]] },
    source: '127.0.0.1',
  },
]

for (const { situation, question, source, local } of WAYS) {
  kernelTest(`${situation} is answered by us in the name of the server it asked`, async (lab, context) => {
    const { plane, dns } = await begin(lab, context)
    const [address, port] = question.servers[0] ?? []
    const seen = await ask(lab, question)
    assert.deepEqual(seen.answers, [OUR_ANSWER], JSON.stringify(seen))
    const shown = `${question.plain ? '::ffff:' : ''}${address} ${port}`
    assert.deepEqual(seen.from, [shown])
    assert.equal(seen.peer, question.connect ? shown : undefined)
    if (local) assert.equal(seen.local?.split(' ')[0], local)
    if (question.bind) assert.equal(seen.local?.split(' ')[1], String(question.bind[1]))
    assert.deepEqual(
      dns.questions.map(({ over, name, asked }) => ({ over, name, asked })),
      [{ over: 'udp', name: 'n1.example.test', asked: endpoint(String(address)) }],
    )
    assert.deepEqual(dns.questions[0]?.peer, endpoint(source, Number(seen.local?.split(' ')[1])))
    const counted = plane.counted()
    // bpf_bind refuses a socket that has a port already; that is not even tried
    assert.deepEqual(counted, { dns_redirected: 1 })
  })
}

kernelTest('a source address that the host does not have is given up, not the question', async (lab, context) => {
  const { plane, dns } = await begin(lab, context, { policy: { source4: '203.0.113.7', source6: '2001:db8:bad::7' } })
  const seen = await ask(lab, { servers: [[NET.served4, 53]], connect: true })
  const seen6 = await ask(lab, { servers: [[NET.served6, 53]], family: 6, connect: true })
  assert.deepEqual([seen.answers, seen.local?.split(' ')[0]], [[OUR_ANSWER], '127.0.0.1'])
  assert.deepEqual([seen6.answers, seen6.local?.split(' ')[0]], [[OUR_ANSWER], '::1'])
  assert.deepEqual(
    dns.questions.map(({ asked }) => asked),
    [endpoint(NET.served4), endpoint(NET.served6)],
  )
  assert.deepEqual(plane.counted(), { dns_redirected: 2, source_not_bound: 2 })
})

kernelTest('a stub resolver that listens on 127.0.0.53 is intercepted all the same', async (lab, context) => {
  await serveNames(lab, context, 'app', STUB_ANSWER, '127.0.0.53')
  const { plane, dns } = await begin(lab, context)
  assert.deepEqual((await ask(lab, { servers: [['127.0.0.53', 53]] })).answers, [OUR_ANSWER])
  const over = await lookUp(lab, 'glibc', 'shop.example.test', {
    resolvConf: 'nameserver 127.0.0.53\noptions use-vc\n',
  })
  assert.deepEqual(over.addresses, [OUR_ANSWER], over.finished.stderr)
  assert.deepEqual(new Set(dns.questions.map(({ asked }) => asked?.address)), new Set(['127.0.0.53']))
  // the stub itself, whose cgroup is another, still answers whom nobody intercepts
  const outside = await lab.run('app', argv({ servers: [['127.0.0.53', 53]] }))
  assert.deepEqual(parse(outside.stdout).answers, [STUB_ANSWER])
  dns.close()
  assert.deepEqual((await ask(lab, { servers: [['127.0.0.53', 53]] })).answers, [STUB_ANSWER])
  assert.equal(plane.counted()['dns_no_agent'], 1)
})

kernelTest('one socket asks two servers in turn, and each answer names one of them', async (lab, context) => {
  const { dns } = await begin(lab, context)
  const servers = [
    [NET.served4, 53],
    [NEIGHBOUR4, 53],
  ]
  const seen = await ask(lab, { servers })
  assert.deepEqual(seen.answers, [OUR_ANSWER, OUR_ANSWER])
  for (const from of seen.from) assert.ok([`${NET.served4} 53`, `${NEIGHBOUR4} 53`].includes(from), from)
  assert.deepEqual(dns.questions.at(-1)?.asked, endpoint(NEIGHBOUR4))
})

kernelTest('one socket asks over IPv4 and IPv6 at once, and each record stays', async (lab, context) => {
  const { dns, plane } = await begin(lab, context)
  const servers = [
    [MAPPED, 53],
    [NET.served6, 53],
  ]
  const seen = await ask(lab, { servers, family: 6, twice: true })
  assert.deepEqual(
    [...seen.from].sort(),
    [`${MAPPED} 53`, `${MAPPED} 53`, `${NET.served6} 53`, `${NET.served6} 53`].sort(),
  )
  const asked = dns.questions.map(({ asked: server }) => server?.address).sort()
  assert.deepEqual(asked, [NET.served4, NET.served4, NET.served6, NET.served6].sort())
  assert.deepEqual(plane.counted(), { dns_redirected: 4 })
})

kernelTest('a socket that connects to another server is answered in the name of that one', async (lab, context) => {
  const { dns } = await begin(lab, context)
  const servers = [
    [NET.served4, 53],
    [NEIGHBOUR4, 53],
  ]
  const seen = await ask(lab, { servers, connect: true })
  assert.equal(seen.peer, `${NEIGHBOUR4} 53`)
  assert.deepEqual(dns.questions.at(-1)?.asked, endpoint(NEIGHBOUR4))
})

kernelTest(
  'DNS over TCP goes to the DNS listener, and the record says which server was meant',
  async (lab, context) => {
    const { plane, dns } = await begin(lab, context)
    const resolvConf = `nameserver ${NET.served4}\noptions use-vc\n`
    const { addresses, finished } = await lookUp(lab, 'glibc', 'shop.example.test', { resolvConf })
    assert.deepEqual(addresses, [OUR_ANSWER], finished.stderr)
    assert.ok(dns.questions.length > 0)
    for (const { over, asked } of dns.questions)
      assert.deepEqual({ over, asked }, { over: 'tcp', asked: endpoint(NET.served4) })
    assert.equal(plane.accepted.length, 0)
    const { redirected, accepted, ...others } = plane.counted()
    assert.deepEqual(others, {})
    assert.ok((redirected ?? 0) > 0)
    assert.equal(redirected, accepted)
  },
)

kernelTest('what is known of a socket that asked goes with it', async (lab, context) => {
  const { plane, dns } = await begin(lab, context)
  const asker = await askAndStay(lab, { servers: [[NET.served4, 53]] })
  const connected = await askAndStay(lab, { servers: [[NET.served6, 53]], family: 6, connect: true })
  assert.equal(plane.kernel.readMapEntries()['dns_asked'], 2)
  for (const started of [asker, connected]) {
    started.tell('close')
    await started.finished
  }
  assert.equal(plane.kernel.readMapEntries()['dns_asked'], 0)
  for (const { peer } of dns.questions) {
    assert.equal(plane.kernel.askedResolver(plane.policy.id, peer.address, peer.port), undefined)
  }
})

kernelTest('a socket whose process is killed leaves no record', async (lab, context) => {
  const { plane } = await begin(lab, context)
  const asker = await askAndStay(lab, { servers: [[NET.served4, 53]], connect: true })
  assert.equal(plane.kernel.readMapEntries()['dns_asked'], 1)
  asker.kill()
  await asker.finished
  await until('dns_asked is empty', () => plane.kernel.readMapEntries()['dns_asked'] === 0)
})

kernelTest('where every port is taken the question still arrives, without a record', async (lab, context) => {
  const { plane, dns } = await begin(lab, context)
  const hoarder = lab.start('app', ['python3', '-S', '-E', fixture('hoard-ports.py'), '32768', '60999'])
  context.after(async () => {
    hoarder.kill()
    await hoarder.finished // with its children, which hold the ports
  })
  await hoarder.said('all taken')
  const range = 'net.ipv4.ip_local_port_range'
  const before = (await lab.run('app', ['sysctl', '-n', range])).stdout.trim()
  await lab.run('app', ['sysctl', '-w', `${range}=10000 60999`])
  context.after(async () => {
    await lab.run('app', ['sysctl', '-w', `${range}=${before}`])
  })
  const seen = await ask(lab, { servers: [[NET.served4, 53]], connect: true })
  assert.deepEqual([seen.answers, seen.from, seen.peer], [[OUR_ANSWER], [`${NET.served4} 53`], `${NET.served4} 53`])
  assert.equal(dns.questions[0]?.asked, undefined)
  assert.deepEqual(plane.counted(), { dns_redirected: 1, dns_no_record: 1 })
})

for (const resolver of RESOLVERS) {
  kernelTest(`${resolver} looks a name up through us, and through the real server without us`, async (lab, context) => {
    const missing = missingFor(resolver)
    if (missing && process.env['UNDERSTUDY_REQUIRE_KERNEL'] !== '1') return context.skip(`${missing} is not installed`)
    const { plane, dns } = await begin(lab, context, { policy: { excludedPorts: [{ first: 9, last: 9 }] } })
    const resolvConf = `nameserver ${NET.served4}\nnameserver ${NET.served6}\n`
    const looked = await lookUp(lab, resolver, 'shop.example.test', { resolvConf })
    assert.ok(looked.isFound, looked.finished.stdout + looked.finished.stderr)
    if (resolver !== 'java') assert.deepEqual(looked.addresses, [OUR_ANSWER], looked.finished.stdout)
    // musl asks both servers and closes its socket with the first answers: what comes later has no record
    const asked = dns.questions.flatMap(({ asked: server }) => server?.address ?? [])
    assert.ok(asked.length > 0)
    for (const address of asked) assert.ok(address === NET.served4 || address === NET.served6, address)
    assert.ok((plane.counted()['dns_redirected'] ?? 0) > 0)
    const before = dns.questions.length
    dns.close()
    const direct = await lookUp(lab, resolver, 'other.example.test', { resolvConf })
    assert.ok(direct.isFound, direct.finished.stdout + direct.finished.stderr)
    if (resolver !== 'java') assert.deepEqual(direct.addresses, [WORLD_ANSWER], direct.finished.stdout)
    assert.equal(dns.questions.length, before)
  })
}
