import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import {
  POLICY_HAS_EXCLUDED_CIDRS,
  POLICY_INTERCEPT_LINK_LOCAL,
  POLICY_INTERCEPT_LOOPBACK,
} from '../../src/kernel/layout.ts'
import { type ClientSpec, dial, serveWorld } from '../support/client.ts'
import { type Lab, labTest, NET } from '../support/lab.ts'
import { type PlaneOptions, startPlane } from '../support/plane.ts'

const kernelTest = labTest('bypass')
const MARK = 0x7531

interface Bypass {
  readonly situation: string
  readonly spec: ClientSpec
  /** The one counter that moves. */
  readonly counter: string
  /** What the real server answers: whom it saw, and where. */
  readonly answer: RegExp
  readonly options?: PlaneOptions
  /** Excluded by policy. */
  readonly cidr?: readonly [string, number]
}

const cidrs: PlaneOptions = { policy: { flags: POLICY_HAS_EXCLUDED_CIDRS } }
const ports: PlaneOptions = {
  policy: {
    excludedPorts: [
      { first: 1, last: 79 },
      { first: 80, last: 90 },
    ],
  },
}
const BYPASSES: readonly Bypass[] = [
  {
    situation: 'a connection to 127.0.0.0/8 goes to the server of the same host',
    spec: { to: ['127.8.8.8', 80] },
    counter: 'loopback',
    answer: /^world 127\.0\.0\.1 at 127\.8\.8\.8 80$/,
  },
  {
    situation: 'a connection to ::1 goes to the server of the same host',
    spec: { family: 6, to: ['::1', 80] },
    counter: 'loopback',
    answer: /^world ::1 at ::1 80$/,
  },
  {
    situation: 'a connection to ::ffff:127.0.0.1 goes to the server of the same host',
    spec: { family: 6, to: ['::ffff:127.0.0.1', 80] },
    counter: 'loopback',
    answer: /^world 127\.0\.0\.1 at 127\.0\.0\.1 80$/,
  },
  {
    situation: 'a connection to 0.0.0.0, which means loopback, goes to the server of the same host',
    spec: { to: ['0.0.0.0', 80] },
    counter: 'loopback',
    answer: /^world 127\.0\.0\.1 at 127\.0\.0\.1 80$/,
  },
  {
    situation: 'a connection to 169.254.0.0/16 goes to its link',
    spec: { to: [NET.linkLocal4, 80] },
    counter: 'link_local',
    answer: /^world 169\.254\.7\.1 at 169\.254\.7\.2 80$/,
  },
  {
    situation: 'a connection to fe80::/10 goes to its link',
    spec: { family: 6, to: [NET.linkLocal6, 80, 0, NET.device] },
    counter: 'link_local',
    answer: /^world fe80::\S+ at fe80::2\S* 80$/,
  },
  {
    situation: 'a connection to the last port of an excluded range goes direct',
    spec: { to: [NET.served4, 90] },
    options: ports,
    counter: 'excluded_port',
    answer: /^world 10\.77\.0\.1 at 10\.88\.1\.2 90$/,
  },
  {
    situation: 'a connection to the first port of an excluded range goes direct over IPv6 too',
    spec: { family: 6, to: [NET.served6, 80] },
    options: ports,
    counter: 'excluded_port',
    answer: /^world 2001:db8:77::1 at 2001:db8:88::2 80$/,
  },
  {
    situation: 'a connection into an excluded IPv4 network goes direct',
    spec: { to: [NET.served4, 80] },
    options: cidrs,
    cidr: ['10.88.0.0', 16],
    counter: 'excluded_cidr',
    answer: /at 10\.88\.1\.2 80$/,
  },
  {
    situation: 'a connection into an excluded IPv4 network goes direct from an IPv6 socket too',
    spec: { family: 6, to: [`::ffff:${NET.served4}`, 80] },
    options: cidrs,
    cidr: ['10.88.1.2', 32],
    counter: 'excluded_cidr',
    answer: /at 10\.88\.1\.2 80$/,
  },
  {
    situation: 'a connection into an excluded IPv6 network goes direct',
    spec: { family: 6, to: [NET.served6, 80] },
    options: cidrs,
    cidr: ['2001:db8:88::', 48],
    counter: 'excluded_cidr',
    answer: /at 2001:db8:88::2 80$/,
  },
  {
    situation: 'a socket bound to a device goes direct',
    spec: { to: [NET.served4, 80], device: NET.device },
    counter: 'bound_device',
    answer: /^world 10\.77\.0\.1 at 10\.88\.1\.2 80$/,
  },
  {
    situation: "a socket with the agent's own mark goes direct",
    spec: { to: [NET.served4, 80], mark: MARK },
    options: { kernel: { mark: MARK } },
    counter: 'own_traffic',
    answer: /^world 10\.77\.0\.1 at 10\.88\.1\.2 80$/,
  },
]

for (const { situation, spec, counter, answer, options, cidr } of BYPASSES) {
  kernelTest(situation, async (lab, context) => {
    await serve(lab)
    const plane = await startPlane(lab, options)
    context.after(plane.close)
    if (cidr) plane.kernel.excludeCidr(plane.policy.id, ...cidr)
    const seen = await dial(lab, spec)
    assert.match(seen.answer ?? '', answer)
    assert.deepEqual(plane.counted(), { [counter]: 1 })
    assert.equal(plane.accepted.length, 0)
  })
}

type Impossible = readonly [string, ClientSpec, string, PlaneOptions?]
/** What TCP cannot reach: the application is told so by the kernel, at once, as without us. */
const IMPOSSIBLE: readonly Impossible[] = [
  ['a connection to a multicast address fails as it would without us', { to: ['224.0.0.1', 80] }, 'ENETUNREACH'],
  ['a connection to the last multicast address fails too', { to: ['239.255.255.255', 80] }, 'ENETUNREACH'],
  ['a connection to everybody fails too', { to: ['255.255.255.255', 80] }, 'ENETUNREACH'],
  [
    'a connection to a multicast address fails from an IPv6 socket too',
    { family: 6, to: ['::ffff:224.0.0.251', 80] },
    'ENETUNREACH',
  ],
  [
    'a connection to an IPv6 multicast address fails too',
    { family: 6, to: ['ff02::1', 80, 0, NET.device] },
    'ENETUNREACH',
  ],
  ['a connection to port 0 is refused', { to: [NET.served4, 0] }, 'ECONNREFUSED'],
  ['a connection to port 0 is refused over IPv6 too', { family: 6, to: [NET.served6, 0] }, 'ECONNREFUSED'],
  [
    'a connection to port 0 of this host is refused though loopback is intercepted',
    { to: ['127.0.0.1', 0] },
    'ECONNREFUSED',
    { policy: { flags: POLICY_INTERCEPT_LOOPBACK } },
  ],
]
for (const [situation, spec, error, options] of IMPOSSIBLE) {
  kernelTest(situation, async (lab, context) => {
    const plane = await startPlane(lab, options)
    context.after(plane.close)
    assert.equal((await dial(lab, spec)).error, error)
    assert.deepEqual(plane.counted(), { not_unicast: 1 })
    assert.equal(plane.accepted.length, 0)
  })
}

type Redirected = readonly [string, ClientSpec, PlaneOptions, [address: string, prefix: number]?]
const REDIRECTED: readonly Redirected[] = [
  ['a port next to the excluded ranges is intercepted', { to: [NET.served4, 91] }, ports],
  ['an address next to the excluded network is intercepted', { to: [NET.served4, 80] }, cidrs, ['10.88.1.3', 32]],
  ['an excluded network without the flag is not looked for', { to: [NET.served4, 80] }, {}, ['10.88.0.0', 16]],
  ['an address after the multicast ones is intercepted: Linux routes it', { to: ['240.0.0.1', 80] }, {}],
  ['an address before the multicast ones is intercepted', { to: ['223.255.255.255', 80] }, {}],
  ["a mark that is not the agent's is intercepted", { to: [NET.served4, 80], mark: 7 }, { kernel: { mark: MARK } }],
  ['a mark means nothing where the agent has none', { to: [NET.served4, 80], mark: 7 }, {}],
  [
    'with the flag for it, a connection to 127.0.0.1 is intercepted',
    { to: ['127.0.0.1', 80] },
    { policy: { flags: POLICY_INTERCEPT_LOOPBACK, source4: NET.app4 } },
  ],
  [
    'with the flag for it, a connection to ::1 is intercepted',
    { family: 6, to: ['::1', 80] },
    { policy: { flags: POLICY_INTERCEPT_LOOPBACK, source6: NET.app6 } },
  ],
  [
    'with the flag for it, a connection to 169.254.0.0/16 is intercepted',
    { to: [NET.linkLocal4, 80] },
    { policy: { flags: POLICY_INTERCEPT_LINK_LOCAL } },
  ],
]
for (const [situation, spec, options, cidr] of REDIRECTED) {
  kernelTest(situation, async (lab, context) => {
    const plane = await startPlane(lab, options)
    context.after(plane.close)
    if (cidr) plane.kernel.excludeCidr(plane.policy.id, ...cidr)
    const seen = await dial(lab, spec)
    assert.equal(seen.answer, 'understudy')
    assert.equal(seen.peer, `${spec.to[0]} ${spec.to[1]}`)
    assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1 })
    assert.deepEqual(plane.accepted[0]?.saved?.destination, { address: spec.to[0], port: spec.to[1] })
    // a loopback connection keeps its loopback source
    if (spec.to[0] === '127.0.0.1') assert.match(seen.local ?? '', /^127\.0\.0\.1 /)
    if (spec.to[0] === '::1') assert.match(seen.local ?? '', /^::1 /)
  })
}

kernelTest('with the flag for it, a link-local IPv6 peer is recorded without its scope', async (lab, context) => {
  const plane = await startPlane(lab, { policy: { flags: POLICY_INTERCEPT_LINK_LOCAL } })
  context.after(plane.close)
  const seen = await dial(lab, { family: 6, to: [NET.linkLocal6, 80, 0, NET.device] })
  assert.equal(seen.answer, 'understudy')
  assert.deepEqual(plane.accepted[0]?.saved?.destination, { address: NET.linkLocal6, port: 80 })
  // struct bpf_sock_addr has no scope: a documented limit
  assert.equal(seen.scope, 0)
})

kernelTest("a connection to the agent's own listener is never intercepted", async (lab, context) => {
  const plane = await startPlane(lab, { policy: { flags: POLICY_INTERCEPT_LOOPBACK } })
  context.after(plane.close)
  assert.equal((await dial(lab, { to: ['127.0.0.1', plane.policy.listenPort4] })).answer, 'understudy')
  assert.deepEqual(plane.counted(), { own_traffic: 1, accept_unknown: 1 })
  assert.equal((await dial(lab, { family: 6, to: ['::1', plane.policy.listenPort6] })).answer, 'understudy')
  assert.deepEqual(plane.counted(), { own_traffic: 1, accept_unknown: 1 })
})

kernelTest('without a policy for it nothing is touched or counted', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, { kernel: { byNetns: true } })
  context.after(plane.close)
  // by netns, key 0 is nobody
  assert.match((await dial(lab, { to: [NET.served4, 80] })).answer ?? '', /^world 10\.77\.0\.1/)
  assert.deepEqual(plane.counted(), {})
  const cookie = Buffer.alloc(8)
  lab.shim.call('understudy_netns_cookie', lab.appNetnsFd, cookie)
  plane.kernel.setPolicy(cookie.readBigUInt64LE(0), plane.policy)
  assert.equal((await dial(lab, { to: [NET.served4, 80] })).answer, 'understudy')
  assert.deepEqual(plane.counted(), { redirected: 1, accepted: 1 })
})

kernelTest("the agent's own dial from the app's namespace reaches the world", async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab)
  context.after(plane.close)
  const fd = lab.shim.call('understudy_socket', lab.appNetnsFd, 0, 0, '')
  const socket = new Socket({ fd })
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    socket.on('data', (part) => {
      text += part
    })
    socket.once('error', reject)
    socket.once('end', () => resolve(text))
    socket.connect(80, NET.served4, () => socket.write('GET / HTTP/1.0\r\n\r\n'))
  })
  assert.match(answer, /world 10\.77\.0\.1 at 10\.88\.1\.2 80$/)
  assert.deepEqual(plane.counted(), {})
})

let served: Promise<unknown> | undefined
/** The same servers for all tests of this file: in the world, and in the app's own namespace. */
function serve(lab: Lab): Promise<unknown> {
  served ??= Promise.all([serveWorld(lab, [80, 90]), serveWorld(lab, [80], 'app')])
  return served
}
