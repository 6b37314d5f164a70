import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import {
  APP_PORT,
  connectTo,
  type InboundPlane,
  type PlaneOptions,
  startApp,
  startInbound,
  whoIsAt,
} from '../support/inbound-plane.ts'
import { type Lab, labTest, NET, until } from '../support/lab.ts'

const kernelTest = labTest('inbound-guard')
const V4: [string, number] = [NET.app4, APP_PORT]
const APP = `app at ${NET.app4} ${APP_PORT}`
const APP6 = `app at ${NET.app6} ${APP_PORT}`
const ECHO_PORT = 7777
const PROXY = `proxy for ${NET.app4} ${APP_PORT}`

/** The application on both families, and the plane. */
const start = async (lab: Lab, context: TestContext, options: PlaneOptions = {}): Promise<InboundPlane> => {
  for (const address of ['0.0.0.0', '::']) context.after((await startApp(lab, APP_PORT, address)).close)
  return startInbound(lab, context, options)
}

kernelTest('a connection that was there before stays with the application', async (lab, context) => {
  const plane = await start(lab, context, { attach: false })
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), APP)
  plane.kernel.attach()
  assert.equal(await talk.ask(), APP)
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  assert.equal(await talk.ask(), APP)
  talk.socket.end()
  await once(talk.socket, 'close')
  const counted = plane.counted()
  assert.deepEqual([counted['steered'], counted['accepted']], [1, 1])
  assert.ok((plane.kernel.readCounters()['kept_by_app'] ?? 0) >= 4)
})

kernelTest(
  'when the proxy stops listening, the application answers, and proxied connections go on',
  async (lab, context) => {
    const plane = await start(lab, context)
    const talk = await connectTo(lab, { to: V4 })
    assert.equal(await talk.ask(), PROXY)
    plane.stopListening()
    assert.equal(await whoIsAt(lab, ...V4), APP)
    assert.equal(await whoIsAt(lab, NET.app6, APP_PORT), APP6)
    assert.equal(await talk.ask(), PROXY)
    talk.close()
    assert.deepEqual(plane.counted(), { steered: 1, accepted: 1, no_listener: 2 })
  },
)

kernelTest('a connection begun while the proxy was away stays with the application', async (lab, context) => {
  const plane = await start(lab, context, { mark: false })
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), APP)
  for (const pair of plane.proxies.values()) for (const { fd } of pair) plane.kernel.markListener(fd)
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  assert.equal(await talk.ask(), APP)
  talk.close()
})

kernelTest("a stranger on the proxy's port is not sent the application's clients", async (lab, context) => {
  const plane = await start(lab, context, { mark: false })
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.equal(await whoIsAt(lab, NET.app6, APP_PORT), APP6)
  const counted = plane.counted()
  assert.equal(counted['stranger'], 2)
  assert.equal(counted['steered'], undefined)
})

kernelTest('an agent that has never beaten gets nothing', async (lab, context) => {
  const plane = await start(lab, context, { beat: false })
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.equal(await whoIsAt(lab, NET.app6, APP_PORT), APP6)
  assert.equal(plane.counted()['agent_stale'], 2)
})

kernelTest('draining sends new connections to the application and leaves proxied ones alone', async (lab, context) => {
  const plane = await start(lab, context)
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), PROXY)
  plane.kernel.drain()
  const fresh = await connectTo(lab, { to: V4 })
  assert.equal(await fresh.ask(), APP)
  assert.equal(await talk.ask(), PROXY)
  plane.kernel.resume()
  assert.equal(await fresh.ask(), APP)
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  talk.socket.end()
  await once(talk.socket, 'close')
  fresh.close()
  assert.equal(plane.counted()['draining'], 1)
})

kernelTest('with SYN cookies only, connections reach the proxy as well', async (lab, context) => {
  const sysctl = (value: number) => lab.run('app', ['sysctl', '-qw', `net.ipv4.tcp_syncookies=${value}`])
  const plane = await start(lab, context)
  await sysctl(2)
  context.after(() => sysctl(1))
  for (const address of [NET.app4, NET.app6]) {
    const talk = await connectTo(lab, { to: [address, APP_PORT] })
    assert.equal(await talk.ask(), `proxy for ${address} ${APP_PORT}`)
    talk.close()
  }
  assert.deepEqual(plane.counted(), { steered: 2, accepted: 2 })
  plane.kernel.drain()
  assert.equal(await whoIsAt(lab, ...V4), APP)
})

kernelTest('a source port used again after a proxied connection reaches whom it is for', async (lab, context) => {
  const plane = await start(lab, context, {
    // The proxy closes first, so the time of waiting is on its side.
    reply: (socket) => {
      setImmediate(() => socket.end())
      return PROXY
    },
  })
  const from: [string, number] = [NET.world4, 42_000]
  const first = await connectTo(lab, { to: V4, from })
  assert.equal(await first.ask(), PROXY)
  first.socket.end()
  await once(first.socket, 'close')
  plane.kernel.drain()
  const second = await connectTo(lab, { to: V4, from })
  assert.equal(await second.ask(), APP)
  assert.equal(await second.ask(), APP)
  second.socket.resetAndDestroy()
  plane.kernel.resume()
  await once(second.socket, 'close')
  const third = await connectTo(lab, { to: V4, from })
  assert.equal(await third.ask(), PROXY)
  third.close()
})

/** An echo server of the world's, dialled from the proxy's port, which the proxy has given back. */
const dialFrom = async (lab: Lab, context: TestContext, plane: InboundPlane, mark: number): Promise<string> => {
  plane.stopListening()
  const world = lab.start('world', ['socat', `TCP-LISTEN:${ECHO_PORT},reuseaddr,fork`, 'EXEC:cat'])
  context.after(() => world.kill())
  const from: [string, number] = [NET.app4, plane.proxyPort(APP_PORT)]
  const dial = () => connectTo(lab, { to: [NET.world4, ECHO_PORT], from, place: 'app', mark }).catch(() => undefined)
  const talk = await until('the world listens', dial)
  const answer = await talk.ask('hello')
  talk.close()
  return answer
}

kernelTest('a connection out of a port that the proxy has given back is not touched', async (lab, context) => {
  const plane = await start(lab, context)
  assert.equal(await dialFrom(lab, context, plane, 0), 'hello')
  assert.ok((plane.counted()['outgoing'] ?? 0) >= 3)
})

kernelTest("packets with the agent's mark are left alone", async (lab, context) => {
  const plane = await start(lab, context, { inbound: { mark: 0x55, thirdParty: true } })
  assert.equal(await dialFrom(lab, context, plane, 0x55), 'hello')
  assert.ok((plane.counted()['own_traffic'] ?? 0) >= 3)
})

kernelTest('ports that cannot be are refused before the kernel hears of them', async (lab, context) => {
  const { kernel } = await start(lab, context, { attach: false })
  const cases: readonly [readonly (readonly [number, number])[], RegExp][] = [
    [[[0, 1]], /a port is a number/],
    [[[65_536, 1]], /a port is a number/],
    [[[80, 0]], /a proxy port is a number/],
    [
      [
        [80, 81],
        [80, 82],
      ],
      /named twice/,
    ],
    [
      [
        [80, 99],
        [81, 99],
      ],
      /need two of the proxy/,
    ],
    [
      [
        [80, 81],
        [81, 82],
      ],
      /one of the application/,
    ],
    [Array.from({ length: 65 }, (_, i) => [i + 1, i + 1000] as const), /at most 64/],
  ]
  for (const [ports, message] of cases) {
    const given = ports.map(([appPort, proxyPort]) => ({ appPort, proxyPort }))
    assert.throws(() => kernel.setPorts(given), message)
  }
})

kernelTest('ports can change while connections run; those that stay are not disturbed', async (lab, context) => {
  const plane = await start(lab, context, { appPorts: [APP_PORT, 9090] })
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), PROXY)
  plane.kernel.setPorts([{ appPort: APP_PORT, proxyPort: plane.proxyPort(APP_PORT) }])
  assert.equal(await talk.ask(), PROXY)
  assert.equal(await whoIsAt(lab, NET.app4, 9090), 'ECONNREFUSED')
  plane.kernel.setPorts([])
  assert.equal(await whoIsAt(lab, ...V4), APP)
  talk.close()
})
