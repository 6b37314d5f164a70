import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import type { TestContext } from 'node:test'
import {
  APP_PORT,
  connectTo,
  type InboundPlane,
  OTHER_APP_PORT,
  type PlaneOptions,
  recordsLeft,
  startApp,
  startInbound,
  whoIsAt,
} from '../support/inbound-plane.ts'
import { type Lab, labTest, NET } from '../support/lab.ts'

const kernelTest = labTest('inbound-lookup')
const V4: [string, number] = [NET.app4, APP_PORT]
const APP = `app at ${NET.app4} ${APP_PORT}`
const APP6 = `app at ${NET.app6} ${APP_PORT}`
const PROXY = `proxy for ${NET.app4} ${APP_PORT}`
/** Another address of the app's own namespace. */
const OTHER_SOURCE = '169.254.7.1'

const start = async (lab: Lab, context: TestContext, options: PlaneOptions = {}): Promise<InboundPlane> => {
  for (const address of ['0.0.0.0', '::']) context.after((await startApp(lab, APP_PORT, address)).close)
  const inbound = { mode: 'sk_lookup' as const, ...options.inbound }
  return startInbound(lab, context, { ...options, inbound })
}

kernelTest('a client reaches the proxy, whose socket has the names that the client used', async (lab, context) => {
  const plane = await start(lab, context)
  assert.equal(plane.kernel.attachedBy, undefined)
  for (const [from, to] of [
    [NET.world4, NET.app4],
    [NET.world6, NET.app6],
  ] as const) {
    const talk = await connectTo(lab, { to: [to, APP_PORT], from: [from, 44_000] })
    assert.equal(await talk.ask(), `proxy for ${to} ${APP_PORT}`)
    const place = plane.proxies.get(APP_PORT)?.[to === NET.app4 ? 0 : 1]
    const accepted = place?.accepted[0]
    assert.deepEqual(
      [accepted?.localAddress, accepted?.localPort, accepted?.remoteAddress, accepted?.remotePort],
      [to, APP_PORT, from, 44_000],
    )
    talk.close()
  }
  await recordsLeft(plane.kernel, 0)
  assert.deepEqual(plane.counted(), { steered: 2, accepted: 2 })
})

kernelTest('two application ports go to the listeners of each', async (lab, context) => {
  const plane = await start(lab, context, { appPorts: [APP_PORT, OTHER_APP_PORT] })
  for (const port of [APP_PORT, OTHER_APP_PORT]) {
    assert.equal(await whoIsAt(lab, NET.app4, port), `proxy for ${NET.app4} ${port}`)
    assert.equal(plane.proxies.get(port)?.[0].accepted.length, 1)
  }
})

kernelTest("the proxy's own calls to the application arrive, and so do the pod's to itself", async (lab, context) => {
  const plane = await start(lab, context)
  assert.equal(await whoIsAt(lab, '127.0.0.1', APP_PORT, 'app'), `app at 127.0.0.1 ${APP_PORT}`)
  assert.deepEqual(plane.counted(), { loopback: 1 })
  assert.equal(await whoIsAt(lab, ...V4, 'app'), APP)
  assert.equal(await whoIsAt(lab, NET.app6, APP_PORT, 'app'), APP6)
  const counted = plane.counted()
  assert.equal((counted['own_dial'] ?? 0) + (counted['loopback'] ?? 0), 2)
  assert.equal(counted['steered'], undefined)
})

kernelTest('a call from an address that is not the pod is let through once it is announced', async (lab, context) => {
  // As a proxy does that shows the client's own address to the application.
  const plane = await start(lab, context)
  const from: [string, number] = [NET.world4, 44_100]
  const dial = { address: from[0], port: from[1], appPort: APP_PORT }
  plane.kernel.ownDial(dial)
  assert.equal(plane.kernel.readMapEntries()['own_dials'], 1)
  const first = await connectTo(lab, { to: V4, from })
  assert.equal(await first.ask(), APP)
  first.socket.resetAndDestroy()
  assert.deepEqual(plane.counted(), { own_dial: 1 })
  plane.kernel.forgetDial(dial)
  assert.equal(plane.kernel.readMapEntries()['own_dials'], 0)
  const second = await connectTo(lab, { to: V4, from })
  assert.equal(await second.ask(), PROXY)
  second.close()
})

kernelTest(
  'a call between two addresses of the pod is a client like any other until it is announced',
  async (lab, context) => {
    const plane = await start(lab, context)
    const from: [string, number] = [OTHER_SOURCE, 44_200]
    const first = await connectTo(lab, { to: V4, from, place: 'app' })
    assert.equal(await first.ask(), PROXY)
    first.socket.resetAndDestroy()
    plane.kernel.ownDial({ address: from[0], port: from[1], appPort: APP_PORT })
    const second = await connectTo(lab, { to: V4, from, place: 'app' })
    assert.equal(await second.ask(), APP)
    second.close()
  },
)

kernelTest('a connection that was there before stays, a proxied one outlives the programs', async (lab, context) => {
  const plane = await start(lab, context, { attach: false })
  const old = await connectTo(lab, { to: V4 })
  assert.equal(await old.ask(), APP)
  plane.kernel.attach()
  const proxied = await connectTo(lab, { to: V4 })
  assert.equal(await proxied.ask(), PROXY)
  assert.equal(await old.ask(), APP)
  plane.kernel.detach()
  assert.equal(await proxied.ask(), PROXY)
  assert.equal(await whoIsAt(lab, ...V4), APP)
  plane.kernel.attach()
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  old.close()
  proxied.close()
})

kernelTest('when the proxy stops listening, the application answers', async (lab, context) => {
  const plane = await start(lab, context)
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), PROXY)
  plane.stopListening()
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.equal(await whoIsAt(lab, NET.app6, APP_PORT), APP6)
  assert.equal(await talk.ask(), PROXY)
  talk.close()
  assert.deepEqual(plane.counted(), { steered: 1, accepted: 1, no_listener: 2 })
})

kernelTest('fail-closed: when the proxy stops listening, nobody answers', async (lab, context) => {
  const plane = await start(lab, context, { inbound: { failClosed: true } })
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  plane.stopListening()
  assert.equal(await whoIsAt(lab, ...V4), 'ECONNREFUSED')
  assert.equal(await whoIsAt(lab, NET.app6, APP_PORT), 'ECONNREFUSED')
  assert.equal(plane.counted()['failed_closed'], 2)
  assert.equal(await whoIsAt(lab, '127.0.0.1', APP_PORT, 'app'), `app at 127.0.0.1 ${APP_PORT}`)
})

kernelTest('an agent that has never beaten, or drains, gets no new connection', async (lab, context) => {
  const plane = await start(lab, context, { beat: false })
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.deepEqual(plane.counted(), { agent_stale: 1 })
  plane.kernel.startHeartbeat()
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), PROXY)
  plane.kernel.drain()
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.equal(await talk.ask(), PROXY)
  plane.kernel.resume()
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  talk.close()
  assert.deepEqual(plane.counted(), { steered: 2, accepted: 2, draining: 1 })
})

kernelTest('a port that is taken off the list is the application again', async (lab, context) => {
  const plane = await start(lab, context, { appPorts: [OTHER_APP_PORT, APP_PORT] })
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  plane.kernel.setPorts([{ appPort: APP_PORT, proxyPort: 0 }])
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  assert.equal(await whoIsAt(lab, NET.app4, OTHER_APP_PORT), 'ECONNREFUSED')
  assert.throws(() => plane.kernel.assign(OTHER_APP_PORT, 0), RangeError)
  plane.kernel.setPorts([])
  assert.equal(await whoIsAt(lab, ...V4), APP)
})

kernelTest('what is not a listening TCP socket cannot be assigned', async (lab, context) => {
  const plane = await start(lab, context)
  const errno = (fd: number): string => {
    try {
      plane.kernel.assign(APP_PORT, fd)
    } catch (error) {
      return String(error)
    }
    return 'assigned'
  }
  assert.match(errno(9999), /EBADF/)
  const file = openSync('/dev/null', 'r')
  context.after(() => closeSync(file))
  assert.match(errno(file), /ENOTSOCK/)
  const idle = lab.shim.call('understudy_socket', lab.appNetnsFd, 0, 0, '')
  context.after(() => lab.shim.call('understudy_close_fd', idle))
  assert.match(errno(idle), /EOPNOTSUPP|ENOTSUP/)
})
