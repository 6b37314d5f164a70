import assert from 'node:assert/strict'
import {
  APP_PORT,
  connectTo,
  OTHER_APP_PORT,
  recordsLeft,
  startApp,
  startInbound,
  whoIsAt,
} from '../support/inbound-plane.ts'
import { labTest, NET } from '../support/lab.ts'

const kernelTest = labTest('inbound-tc')

for (const hook of ['tcx', 'clsact'] as const) {
  kernelTest(
    `${hook}: a client's connection reaches the proxy, and the client sees the application's port`,
    async (lab, context) => {
      const app = await startApp(lab, APP_PORT)
      context.after(app.close)
      const plane = await startInbound(lab, context, { inbound: { hook } })
      assert.equal(plane.kernel.attachedBy, hook)
      for (const address of [NET.app4, NET.app6]) {
        const talk = await connectTo(lab, { to: [address, APP_PORT] })
        assert.equal(await talk.ask(), `proxy for ${address} ${APP_PORT}`)
        assert.equal(talk.socket.remotePort, APP_PORT)
        talk.close()
      }
      await recordsLeft(plane.kernel, 0)
      assert.deepEqual(plane.counted(), { steered: 2, accepted: 2 })
      plane.kernel.detach()
      assert.equal(plane.kernel.attachedBy, undefined)
      assert.equal(await whoIsAt(lab, NET.app4, APP_PORT), `app at ${NET.app4} ${APP_PORT}`)
    },
  )

  kernelTest(
    `${hook}: two clients with the same source port on two application ports are two`,
    async (lab, context) => {
      const plane = await startInbound(lab, context, { inbound: { hook }, appPorts: [APP_PORT, OTHER_APP_PORT] })
      for (const [from, to] of [
        [NET.world4, NET.app4],
        [NET.world6, NET.app6],
      ] as const) {
        const one = await connectTo(lab, { to: [to, APP_PORT], from: [from, 41_000] })
        const two = await connectTo(lab, { to: [to, OTHER_APP_PORT], from: [from, 41_000] })
        assert.equal(await two.ask(), `proxy for ${to} ${OTHER_APP_PORT}`)
        assert.equal(await one.ask(), `proxy for ${to} ${APP_PORT}`)
        assert.equal(await two.ask(), `proxy for ${to} ${OTHER_APP_PORT}`)
        one.close()
        two.close()
      }
      await recordsLeft(plane.kernel, 0)
    },
  )
}
