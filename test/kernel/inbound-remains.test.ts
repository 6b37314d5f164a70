import assert from 'node:assert/strict'
import { UnderstudyError } from '../../src/errors.ts'
import { loadInbound } from '../../src/kernel/inbound.ts'
import { type InboundRemains, removeRemains } from '../../src/kernel/inbound-tc.ts'
import {
  APP_PORT,
  connectTo,
  inboundOptions,
  type PlaneOptions,
  startApp,
  startInbound,
  whoIsAt,
} from '../support/inbound-plane.ts'
import { fixture, type Lab, labTest, NET, type Started, until } from '../support/lab.ts'

const kernelTest = labTest('inbound-remains')
const V4: [string, number] = [NET.app4, APP_PORT]
const APP = `app at ${NET.app4} ${APP_PORT}`
const PROXY = `proxy for ${NET.app4} ${APP_PORT}`

interface Said {
  readonly hook: string
  readonly proxyPort: number
  readonly remains?: InboundRemains
}

const startAgent = async (lab: Lab, options: PlaneOptions): Promise<{ agent: Started; said: Said }> => {
  const orders = JSON.stringify({ netns: lab.appNetns, cgroups: lab.cgroups, options })
  const agent = lab.start('app', [process.execPath, fixture('inbound-agent.ts'), orders])
  return { agent, said: JSON.parse(await agent.said('\n')) as Said }
}

/** What `tc` says hangs on the wire: qdisc and filters. */
const tcSays = async (lab: Lab): Promise<string> => {
  const says = async (...argv: string[]) => (await lab.run('app', ['tc', ...argv])).stdout
  const parts = ['ingress', 'egress'].map((hook) => says('filter', 'show', 'dev', NET.device, hook))
  return (await says('qdisc', 'show', 'dev', NET.device)) + (await Promise.all(parts)).join('')
}

kernelTest('a killed agent on tcx leaves nothing behind', async (lab, context) => {
  context.after((await startApp(lab, APP_PORT)).close)
  const { agent, said } = await startAgent(lab, {})
  context.after(() => agent.kill())
  assert.equal(said.hook, 'tcx')
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  agent.kill('SIGKILL')
  await agent.finished
  assert.equal(await whoIsAt(lab, ...V4), APP)
  assert.doesNotMatch(await tcSays(lab), /steer_ingress|clsact/)
  assert.deepEqual(said.remains && removeRemains(lab.shim, said.remains), [])
})

kernelTest('filters of a killed agent harm nobody, and are removed with their qdisc', async (lab, context) => {
  context.after((await startApp(lab, APP_PORT)).close)
  const { agent, said } = await startAgent(lab, { inbound: { hook: 'clsact' } })
  context.after(() => agent.kill())
  const { remains } = said
  assert.ok(remains)
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  agent.kill('SIGKILL')
  await agent.finished
  assert.match(await tcSays(lab), /steer_ingress/)
  assert.equal(await whoIsAt(lab, ...V4), APP)
  // The proxy's port is free now, and whoever takes it is not taken for the proxy.
  const stranger = await startApp(lab, said.proxyPort)
  context.after(stranger.close)
  assert.equal(await whoIsAt(lab, ...V4), APP)

  assert.throws(
    () => loadAndAttach(lab, 'clsact'),
    (error) => error instanceof UnderstudyError && error.code === 'ATTACH_REFUSED',
  )
  assert.deepEqual(removeRemains(lab.shim, { ...remains, netnsInode: '1' }), [], "another namespace's path")
  assert.deepEqual(
    removeRemains(lab.shim, { ...remains, programIds: [1, 1], madeQdisc: false }),
    [],
    "another's filters",
  )
  assert.deepEqual(
    removeRemains(lab.shim, remains).map((line) => line.split(' on ')[0]),
    ['filter steer_ingress', 'filter restore_egress', 'clsact qdisc'],
  )
  assert.doesNotMatch(await tcSays(lab), /clsact|steer_ingress/)
  assert.deepEqual(removeRemains(lab.shim, remains), [])
  assert.deepEqual(removeRemains(lab.shim, { ...remains, netnsPath: '/run/netns/gone' }), [])
})

kernelTest('a frozen agent loses new connections to the application until it goes on', async (lab, context) => {
  context.after((await startApp(lab, APP_PORT)).close)
  const inbound = { heartbeatIntervalMs: 50, heartbeatStaleMs: 400 }
  const { agent } = await startAgent(lab, { inbound })
  context.after(() => agent.kill())
  assert.equal(await whoIsAt(lab, ...V4), PROXY)
  // What is asked of a stopped proxy is never answered, so these clients give up.
  const quickly = async (): Promise<string> => {
    const talk = await connectTo(lab, { to: V4 })
    talk.socket.setTimeout(100, () => talk.socket.destroy(new Error('no answer')))
    return talk
      .ask()
      .finally(talk.close)
      .catch(() => 'nobody')
  }
  agent.kill('SIGSTOP')
  await until('connections go to the application', async () => (await quickly()) === APP)
  agent.kill('SIGCONT')
  await until('connections are intercepted again', async () => (await quickly()) === PROXY)
})

kernelTest("a clsact qdisc of somebody else's stays, and so does one that somebody else uses", async (lab, context) => {
  const tc = async (...argv: string[]) => {
    const { code, stderr } = await lab.run('app', ['tc', ...argv])
    assert.equal(code, 0, stderr)
  }
  const foreign = ['dev', NET.device, 'ingress', 'prio', '7', 'protocol', 'ip', 'u32', 'match', 'u32', '0', '0']
  await tc('qdisc', 'add', 'dev', NET.device, 'clsact')
  context.after(() => lab.run('app', ['tc', 'qdisc', 'del', 'dev', NET.device, 'clsact']))
  const first = await startInbound(lab, context, { inbound: { hook: 'clsact' } })
  assert.equal(first.kernel.remains()?.madeQdisc, false)
  first.kernel.close()
  assert.match(await tcSays(lab), /clsact/)
  await tc('qdisc', 'del', 'dev', NET.device, 'clsact')

  const second = await startInbound(lab, context, { inbound: { hook: 'clsact' } })
  await tc('filter', 'add', ...foreign)
  second.kernel.close()
  assert.match(await tcSays(lab), /clsact[\s\S]*u32/)
  assert.doesNotMatch(await tcSays(lab), /steer_ingress|restore_egress/)
})

kernelTest('an interface that is not there, or has no Ethernet frames, is refused by name', (lab) => {
  const refused = (name: string): unknown => {
    try {
      loadInbound(lab.shim, inboundOptions(lab, { interface: name }))
    } catch (error) {
      return error instanceof UnderstudyError && `${error.code} ${error.message}`
    }
    return 'nothing was thrown'
  }
  assert.match(String(refused('eth9')), /ATTACH_REFUSED.*"eth9": ENODEV/)
  assert.match(String(refused('lo')), /ATTACH_REFUSED.*not an Ethernet device/)
  assert.match(String(refused('a-name-that-is-far-too-long')), /ENODEV/)
})

function loadAndAttach(lab: Lab, hook: 'clsact'): void {
  const kernel = loadInbound(lab.shim, inboundOptions(lab, { hook }))
  try {
    kernel.attach()
  } finally {
    kernel.close()
  }
}
