import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { APP_PORT, connectTo, type InboundPlane, startApp, startInbound } from '../support/inbound-plane.ts'
import { fixture, type Lab, labTest, NET, until } from '../support/lab.ts'

const kernelTest = labTest('inbound-packets')
const BULK_BYTES = 16 << 20

/** The Ethernet address of the app's end of the wire. */
const macOf = async (lab: Lab): Promise<string> => {
  const { stdout } = await lab.run('app', ['ip', '-j', 'link', 'show', NET.device])
  return (JSON.parse(stdout) as { address: string }[])[0]?.address ?? ''
}

let lastPort = 43_000

/** Sends one SYN of this kind from the world; the port that answers, as text. */
const send = async (
  lab: Lab,
  kind: string,
  v6: boolean,
  { port = ++lastPort, to = v6 ? NET.app6 : NET.app4 }: { readonly port?: number; readonly to?: string } = {},
): Promise<string> => {
  const order = {
    kind,
    device: NET.device,
    mac: await macOf(lab),
    from: [v6 ? NET.world6 : NET.world4, port],
    to: [to, APP_PORT],
  }
  const { code, stdout, stderr } = await lab.run('world', [
    'python3',
    '-S',
    '-E',
    fixture('frames.py'),
    JSON.stringify(order),
  ])
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

const KINDS = [
  ['options', false, 'ip_options', 1],
  ['fragments', false, 'fragment', 2],
  ['priority_tag', false, 'vlan', 1],
  ['priority_tag', true, 'vlan', 1],
  ['destination_options', true, 'extension_header', 1],
  ['hop_by_hop', true, 'extension_header', 1],
  ['fragment6', true, 'fragment', 2],
] as const

for (const hook of ['tcx', 'clsact'] as const) {
  for (const [kind, v6, counter, count] of KINDS) {
    kernelTest(
      `${hook}: a SYN with ${kind} (IPv${v6 ? 6 : 4}) goes to the application as it is, and is counted`,
      async (lab, context) => {
        context.after((await startApp(lab, APP_PORT, v6 ? '::' : '0.0.0.0')).close)
        const plane = await startInbound(lab, context, { inbound: { hook } })
        assert.equal(await send(lab, kind, v6), String(APP_PORT))
        const counted = plane.counted()
        assert.deepEqual([counted[counter], counted['steered']], [count, undefined])
      },
    )
  }
}

kernelTest(
  'a plain SYN made by hand is answered by the proxy under the name of the application',
  async (lab, context) => {
    const plane = await startInbound(lab, context)
    assert.equal(await send(lab, 'plain', false), String(APP_PORT))
    assert.equal(await send(lab, 'plain', true), String(APP_PORT))
    assert.deepEqual(plane.counted(), { steered: 2 })
  },
)

kernelTest(
  "a SYN within a connection that is the application's does not begin one with the proxy",
  async (lab, context) => {
    context.after((await startApp(lab, APP_PORT)).close)
    const plane = await startInbound(lab, context, { attach: false })
    const talk = await connectTo(lab, { to: [NET.app4, APP_PORT], from: [NET.world4, 42_999] })
    plane.kernel.attach()
    await send(lab, 'again', false, { port: 42_999 })
    await until('it was seen', () => (plane.kernel.readCounters()['kept_by_app'] ?? 0) > 0)
    assert.equal(await talk.ask(), `app at ${NET.app4} ${APP_PORT}`)
    assert.equal(plane.kernel.readCounters()['steered'], 0)
    talk.close()
  },
)

kernelTest('what this namespace only forwards is not taken for its own', async (lab, context) => {
  const plane = await startInbound(lab, context)
  await send(lab, 'again', false, { to: NET.served4 })
  await until('the first was seen', () => plane.kernel.readCounters()['forwarded'] === 1)
  await send(lab, 'again', true, { to: NET.served6 })
  await until('the second was seen', () => plane.kernel.readCounters()['forwarded'] === 2)
  assert.equal(plane.kernel.readCounters()['steered'], 0)
})

kernelTest(
  'frames that end too early, lie about their length or belong to a VLAN are counted and not touched',
  async (lab, context) => {
    const plane = await startInbound(lab, context)
    for (const [kind, counter] of [
      ['short', 'truncated'],
      ['cut', 'truncated'],
      ['tagged', 'vlan'],
    ] as const) {
      const before = plane.kernel.readCounters()[counter] ?? 0
      await send(lab, kind, false)
      await until(`${kind} was counted`, () => plane.kernel.readCounters()[counter] === before + 1)
    }
  },
)

/** 16 MiB there and back through a proxy that echoes: the bytes, and that no checksum was wrong on either side. */
const bulk = async (lab: Lab, context: TestContext, address: string): Promise<InboundPlane> => {
  const plane = await startInbound(lab, context, { reply: (_socket, data) => data })
  const talk = await connectTo(lab, { to: [address, APP_PORT] })
  const bytes = randomBytes(BULK_BYTES)
  const received = createHash('sha256')
  let length = 0
  talk.socket.on('data', (part: Buffer) => {
    length += part.length
    received.update(part)
  })
  talk.socket.end(bytes)
  await once(talk.socket, 'end')
  assert.equal(length, BULK_BYTES)
  assert.equal(received.digest('hex'), createHash('sha256').update(bytes).digest('hex'))
  // A wrong checksum would have been sent again, and noted.
  for (const place of ['app', 'world'] as const) {
    const { stdout } = await lab.run(place, ['cat', '/proc/self/net/snmp'])
    const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'))
    assert.equal(values.split(' ')[names.split(' ').indexOf('InCsumErrors')], '0')
  }
  return plane
}

/** Runs a command on both ends of the wire. */
const onBothEnds = async (lab: Lab, argv: readonly string[]): Promise<void> => {
  for (const place of ['app', 'world'] as const) {
    const { code, stderr } = await lab.run(place, argv)
    assert.equal(code, 0, stderr)
  }
}

for (const offloads of ['on', 'off'] as const) {
  for (const address of [NET.app4, NET.app6]) {
    kernelTest(`16 MiB each way to ${address} arrive intact with offloads ${offloads}`, async (lab, context) => {
      const set = (value: string) => onBothEnds(lab, ['python3', '-S', '-E', fixture('offloads.py'), NET.device, value])
      await set(offloads)
      context.after(() => set('on'))
      const plane = await bulk(lab, context, address)
      assert.deepEqual(plane.counted(), { steered: 1, accepted: 1 })
    })
  }
}

kernelTest(
  'packets of more than 64 KiB, which carry a jumbo header inside the machine, are steered too',
  async (lab, context) => {
    const size = (bytes: number) => {
      const sizes = ['gso_max_size', String(bytes), 'gro_max_size', String(bytes)]
      return onBothEnds(lab, ['ip', 'link', 'set', 'dev', NET.device, ...sizes])
    }
    await size(200_000)
    context.after(() => size(65_536))
    const plane = await bulk(lab, context, NET.app6)
    const { jumbo = 0, ...others } = plane.counted()
    assert.ok(jumbo > 0, 'none was that large')
    assert.deepEqual(others, { steered: 1, accepted: 1 })
  },
)
