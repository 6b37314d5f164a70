import assert from 'node:assert/strict'
import { type ClientSpec, dial, dialAndStay, parseSeen, serveWorld } from '../support/client.ts'
import { fixture, type Lab, labTest, NET } from '../support/lab.ts'
import { type PlaneOptions, startPlane } from '../support/plane.ts'

const kernelTest = labTest('view')
const SOURCES = { policy: { source4: NET.app4, source6: NET.app6 } } as const
const MAPPED = `::ffff:${NET.served4}`
const IPPROTO_MPTCP = 262
const addressOf = (text: string | undefined): string | undefined => text?.split(' ')[0]

/** A plane for one test, and one client's view of one connection through it. */
const view = async (
  lab: Lab,
  context: { after(run: () => void): void },
  spec: ClientSpec,
  options: PlaneOptions = SOURCES,
) => {
  const plane = await startPlane(lab, options)
  context.after(plane.close)
  const seen = await dial(lab, spec)
  return { plane, seen, accepted: plane.accepted[0] }
}

const FAMILIES: readonly [string, ClientSpec, string, string][] = [
  ['IPv4', { to: [NET.served4, 80] }, NET.served4, NET.app4],
  ['IPv6', { family: 6, to: [NET.served6, 80] }, NET.served6, NET.app6],
  ['IPv4 through an IPv6 socket', { family: 6, to: [MAPPED, 80] }, MAPPED, `::ffff:${NET.app4}`],
]
for (const [name, spec, peer, local] of FAMILIES) {
  kernelTest(`over ${name} the application sees the peer it asked for and its own address`, async (lab, context) => {
    const { seen, accepted, plane } = await view(lab, context, spec)
    assert.equal(seen.peer, `${peer} 80`)
    assert.equal(addressOf(seen.local), local)
    assert.equal(seen.answer, 'understudy')
    // and the listener sees that very source
    assert.equal(accepted?.peer.split(' ')[1], seen.local?.split(' ')[1])
    assert.equal(addressOf(accepted?.peer), local.replace('::ffff:', ''))
    assert.equal(accepted?.saved?.sourceBound, false)
    assert.equal(plane.counted()['source_not_bound'], undefined)
  })

  kernelTest(`over ${name} without a source in the policy the application sees loopback`, async (lab, context) => {
    const { seen } = await view(lab, context, spec, {})
    assert.equal(seen.peer, `${peer} 80`)
    assert.match(seen.local ?? '', /^(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1) \d+$/)
  })
}

for (const [name, spec] of [
  ['IPv4', { to: [NET.served4, 80], bind: ['169.254.7.1', 0] }],
  ['IPv6', { family: 6, to: [NET.served6, 80], bind: [NET.app6, 0] }],
] as const) {
  kernelTest(`an ${name} source chosen with bind() stays, and the record says so`, async (lab, context) => {
    const { seen, accepted } = await view(lab, context, spec)
    assert.equal(addressOf(seen.local), spec.bind[0])
    assert.equal(addressOf(accepted?.peer), spec.bind[0])
    assert.equal(accepted?.saved?.sourceBound, true)
  })
}

kernelTest('a source port chosen with bind() stays, while its address becomes loopback', async (lab, context) => {
  const { seen, accepted, plane } = await view(lab, context, { to: [NET.served4, 80], bind: ['0.0.0.0', 7321] })
  // bpf_bind refuses a socket that has a port already: a documented limit
  assert.equal(seen.local, '127.0.0.1 7321')
  assert.equal(seen.peer, `${NET.served4} 80`)
  assert.equal(accepted?.saved?.sourceBound, false)
  assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1, source_not_bound: 1 })
})

kernelTest('a source address that the host does not have is given up, not the connection', async (lab, context) => {
  const { seen, plane } = await view(
    lab,
    context,
    { to: [NET.served4, 80] },
    { policy: { source4: '203.0.113.7', source6: '' } },
  )
  assert.equal(seen.answer, 'understudy')
  assert.equal(addressOf(seen.local), '127.0.0.1')
  assert.equal(plane.counted()['source_not_bound'], 1)
})

kernelTest('a connect() that does not block runs the hook once', async (lab, context) => {
  const { seen, accepted, plane } = await view(lab, context, { to: [NET.served4, 80], connect: 'nonblocking' })
  assert.equal(seen.peer, `${NET.served4} 80`)
  assert.equal(accepted?.saved?.destination.address, NET.served4)
  assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1 })
})

kernelTest('a request that travels with the SYN is recorded before it is accepted', async (lab, context) => {
  const before = fastOpens(lab)
  const { seen, accepted, plane } = await view(lab, context, { to: [NET.served4, 80], connect: 'fastopen' })
  assert.equal(fastOpens(lab), before + 1)
  assert.equal(seen.answer, 'understudy')
  assert.equal(seen.peer, `${NET.served4} 80`)
  assert.equal(accepted?.saved?.destination.address, NET.served4)
  await plane.emptied()
})

kernelTest('an MPTCP client is recorded, but learns its peer from its subflow', async (lab, context) => {
  const { seen, accepted, plane } = await view(lab, context, { to: [NET.served4, 80], protocol: IPPROTO_MPTCP })
  assert.equal(accepted?.saved?.destination.address, NET.served4)
  assert.equal(seen.answer, 'understudy')
  // The hooks see the subflow, getpeername the MPTCP socket: a documented limit.
  assert.equal(seen.peer, `127.0.0.1 ${plane.policy.listenPort4}`)
})

kernelTest('a connected UDP socket goes where it always went', async (lab, context) => {
  const spec = { to: [NET.served4, 53], type: 'udp', read: 'none' } as const
  const { seen, plane } = await view(lab, context, spec)
  assert.equal(seen.peer, `${NET.served4} 53`)
  assert.equal(addressOf(seen.local), NET.app4)
  assert.deepEqual(plane.counted(), {})
})

kernelTest('two processes that share a socket see the same peer', async (lab, context) => {
  const plane = await startPlane(lab, SOURCES)
  context.after(plane.close)
  const result = await lab.run('workload', ['python3', '-S', '-E', fixture('shared-socket.py'), NET.served4, '80'])
  assert.equal(result.stderr, '')
  const peer = `${NET.served4} 80`
  assert.deepEqual(JSON.parse(result.stdout), { inherited: peer, passed: peer, own: peer, answer: 'understudy' })
  assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1 })
})

kernelTest(
  'a socket that dials again after a refusal is recorded with its second destination',
  async (lab, context) => {
    const server = await serveWorld(lab, [80])
    context.after(() => server.kill())
    const { seen, accepted, plane } = await view(
      lab,
      context,
      { to: [NET.world4, 81], again: [NET.served4, 80] },
      { policy: { ...SOURCES.policy, excludedPorts: [{ first: 81, last: 81 }] } },
    )
    assert.equal(seen.first, 'ECONNREFUSED')
    assert.equal(seen.peer, `${NET.served4} 80`)
    assert.equal(addressOf(seen.local), NET.app4)
    assert.equal(accepted?.saved?.destination.address, NET.served4)
    assert.equal(accepted?.saved?.sourceBound, false)
    assert.deepEqual(plane.counted(), { excluded_port: 1, redirected: 1, accepted: 1 })
  },
)

kernelTest('a connection open before the programs were attached is left alone', async (lab, context) => {
  const server = await serveWorld(lab, [80])
  context.after(() => server.kill())
  const client = await dialAndStay(lab, { to: [NET.served4, 80] })
  const plane = await startPlane(lab, SOURCES)
  context.after(plane.close)
  client.tell('go on')
  const { stdout } = await client.finished
  assert.equal(parseSeen(stdout).answer, `world ${NET.app4} at ${NET.served4} 80`)
  assert.deepEqual(plane.counted(), {})
  assert.deepEqual(plane.summaries(), [])
})

kernelTest('a connection outlives the programs, and then shows its real peer', async (lab, context) => {
  const plane = await startPlane(lab, SOURCES)
  context.after(plane.close)
  const client = await dialAndStay(lab, { to: [NET.served4, 80] })
  await plane.arrivals(1)
  plane.detach()
  client.tell('go on')
  const seen = parseSeen((await client.finished).stdout)
  assert.equal(seen.answer, 'understudy')
  assert.equal(seen.peer, `${NET.served4} 80`)
  assert.equal(seen.later, `127.0.0.1 ${plane.policy.listenPort4}`)
})

/** Connections of the app's namespace that began with data, counted by the passive side. */
function fastOpens(lab: Lab): number {
  const buffer = Buffer.alloc(65_536)
  const length = lab.shim.call('understudy_read_proc_net', lab.appNetnsFd, 'netstat', buffer, buffer.length)
  const [names = [], values = []] = buffer
    .toString('latin1', 0, length)
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '))
  return Number(values[names.indexOf('TCPFastOpenPassive')])
}
