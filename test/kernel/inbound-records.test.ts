import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { loadInbound } from '../../src/kernel/inbound.ts'
import { cookieKey, lookUp, remove } from '../support/bpftool.ts'
import { dial, dialAndStay } from '../support/client.ts'
import {
  APP_PORT,
  connectTo,
  type InboundPlane,
  inboundOptions,
  recordsLeft,
  startInbound,
} from '../support/inbound-plane.ts'
import { labTest, NET, until } from '../support/lab.ts'
import { startPlane } from '../support/plane.ts'

const kernelTest = labTest('inbound-records')
const V4: [string, number] = [NET.app4, APP_PORT]
const PROXY = `proxy for ${NET.app4} ${APP_PORT}`

let lastPin = 0
/** A path on the BPF file system that is free afterwards. */
const pinPath = (context: TestContext): string => {
  const path = `/sys/fs/bpf/ut-${process.pid}-${++lastPin}`
  context.after(() => rmSync(path, { force: true }))
  return path
}

/** Cookies of the sockets that the proxy has open, by what the kernel says. */
const openCookies = (plane: InboundPlane): bigint[] =>
  [...(plane.proxies.get(APP_PORT) ?? [])].flatMap(({ open }) =>
    [...open].map((socket) => {
      const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd
      return plane.kernel.identify(fd).cookie
    }),
  )

for (const mode of ['tc', 'sk_lookup'] as const) {
  kernelTest(
    `${mode}: a record says where, when and of which family, and lives as long as its socket`,
    async (lab, context) => {
      const plane = await startInbound(lab, context, { inbound: { mode } })
      const before = process.hrtime.bigint()
      const four = await connectTo(lab, { to: V4 })
      const six = await connectTo(lab, { to: [NET.app6, APP_PORT] })
      assert.deepEqual([await four.ask(), await six.ask()], [PROXY, `proxy for ${NET.app6} ${APP_PORT}`])
      await recordsLeft(plane.kernel, 2)
      const [saved] = plane.records
      assert.deepEqual(
        [saved?.destination, saved?.process, saved?.clientCookie, saved?.via],
        [{ address: NET.app4, port: APP_PORT }, { pid: 0, name: '' }, 0n, 'map'],
      )
      assert.ok((saved?.connectedAtNs ?? 0n) >= before)
      six.close()
      await recordsLeft(plane.kernel, 1)
      four.socket.resetAndDestroy()
      await recordsLeft(plane.kernel, 0)
    },
  )

  kernelTest(`${mode}: MockServer finds six bytes under the cookie, for IPv4 only`, async (lab, context) => {
    const path = pinPath(context)
    const plane = await startInbound(lab, context, { inbound: { mode, mockServerMapPath: path } })
    const four = await connectTo(lab, { to: V4 })
    const six = await connectTo(lab, { to: [NET.app6, APP_PORT] })
    await four.ask()
    await six.ask()
    const found = openCookies(plane).map((cookie) => {
      try {
        return lookUp(path, cookieKey(cookie)).toString('hex')
      } catch {
        return 'none'
      }
    })
    assert.deepEqual(found, ['0a4d00011f90', 'none']) // 10.77.0.1 8080
    // It deletes what it has read; ours then find nothing to delete.
    remove(path, cookieKey(openCookies(plane)[0] ?? 0n))
    four.close()
    six.close()
    await recordsLeft(plane.kernel, 0)
    const fresh = await connectTo(lab, { to: V4 })
    await fresh.ask()
    assert.equal(plane.kernel.readMapEntries()['mockserver_orig_dst'], 1)
    fresh.close()
    await until('its entry is gone', () => plane.kernel.readMapEntries()['mockserver_orig_dst'] === 0)
    plane.kernel.close()
    assert.equal(existsSync(path), false)
  })
}

kernelTest(
  "MockServer's map of before is used again and stays; anything else there is refused",
  async (lab, context) => {
    const path = pinPath(context)
    const owner = await startInbound(lab, context, { inbound: { mockServerMapPath: path }, attach: false })
    const second = await startInbound(lab, context, { inbound: { mockServerMapPath: path } })
    const talk = await connectTo(lab, { to: V4 })
    await talk.ask()
    assert.equal(owner.kernel.readMapEntries()['mockserver_orig_dst'], 1)
    talk.close()
    second.kernel.close()
    assert.equal(existsSync(path), true)
    owner.kernel.close()
    assert.equal(existsSync(path), false)

    const other = pinPath(context)
    const plane = await startPlane(lab)
    context.after(plane.close)
    plane.kernel.pinOriginalDestinations(other)
    assert.throws(() => loadInbound(lab.shim, inboundOptions(lab, { mockServerMapPath: other })), /EEXIST/)
  },
)

kernelTest('MockServer learns of connections that the workload makes, too', async (lab, context) => {
  const path = pinPath(context)
  const plane = await startPlane(lab, { kernel: { mockServerMapPath: path } })
  context.after(plane.close)
  const client = await dialAndStay(lab, { to: [NET.served4, 80] })
  const [accepted] = await plane.arrivals(1)
  assert.equal(lookUp(path, cookieKey(accepted?.cookie ?? 0n)).toString('hex'), '0a5801020050') // 10.88.1.2 80
  client.kill()
  await plane.emptied()
  assert.throws(() => lookUp(path, cookieKey(accepted?.cookie ?? 0n)))
})

kernelTest('with the outbound programs in the same process there is one map of records', async (lab, context) => {
  const outbound = await startPlane(lab)
  context.after(outbound.close)
  const plane = await startInbound(lab, context, { inbound: { main: outbound.kernel } })
  const talk = await connectTo(lab, { to: V4 })
  assert.equal(await talk.ask(), PROXY)
  assert.equal(outbound.kernel.readMapEntries()['orig_dst'], 1)
  const [socket] = plane.proxies.get(APP_PORT)?.[0].open ?? []
  const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd
  assert.deepEqual(outbound.kernel.identify(fd).saved?.destination, { address: NET.app4, port: APP_PORT })
  assert.equal((await dial(lab, { to: [NET.served4, 80] })).answer, 'understudy')
  // The outbound programs do not take our accepted sockets for theirs.
  assert.deepEqual(outbound.counted(), { redirected: 1, accepted: 1 })
  talk.close()
  await outbound.emptied()
})
