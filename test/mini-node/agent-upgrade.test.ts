/** One agent takes over from another under steady traffic: no request fails, and none goes past both. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { mountConfigMap } from '../support/config-map.ts'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveNames, serveSlowly, steadyCommand, steadyOf } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'

/** Answers what no expectation is to let through. */
const APPLICATION =
  "require('node:http').createServer((_, response) => response.end('the application')).listen(8080, () => console.log('up'))"
const LISTEN_PORT = 15_001
/** Requests that have to be answered before something counts as steady. */
const SOME = 40

agentSuite('an agent that takes over from another', (the) => {
  let folder = ''

  before(() => {
    folder = join(the().node.folder, 'expectations')
    const expectations = [{ httpRequest: { path: '/steady' }, httpResponse: { body: 'steady' } }]
    mountConfigMap({ 'steady.json': JSON.stringify(expectations) }, folder)
  })

  const begin = (settings: Readonly<Record<string, unknown>>): Promise<AgentProcess> =>
    the().startAgent({ expectationsFolder: folder, drainMs: 5000, ...settings })
  const steadyPod = (annotations: Readonly<Record<string, string>> = {}, url = the().upstream.url): Promise<Pod> =>
    the().createPod({
      image: 'node',
      command: steadyCommand(`${url}/steady`, 'steady'),
      annotations: { 'understudy.dev/intercept': 'true', ...annotations },
      // Not one request is to be asked before it is intercepted.
      beforeContainers: async (pod) => void (await current.sees(pod, 'intercepted')),
    })
  const isSteady = async (pods: readonly Pod[]): Promise<void> => {
    for (const pod of pods) {
      const { answered } = steadyOf(pod)
      await until('the requests go on', () => steadyOf(pod).answered >= answered + SOME)
      assert.deepEqual([pod.name, ...steadyOf(pod).wrong], [pod.name])
    }
  }
  const hasIt = (agent: AgentProcess, pods: readonly Pod[]): Promise<unknown> =>
    until('the policies are its own', async () => {
      const shown = await agent.workloads()
      return pods.every(({ uid }) => shown.some((one) => one.uid === uid && one.isInForce))
    })
  let current: AgentProcess

  test('one that cannot start harms nothing, and the elder stays in charge', async () => {
    const old = await begin({})
    current = old
    const pods = [await steadyPod(), await steadyPod({ 'understudy.dev/fail': 'closed' })]
    await isSteady(pods)
    const serves = old.log().find(({ msg }) => msg === 'the agent serves')
    const controlPort = Number(String(serves?.['control']).split(':')[1])
    const young = await the().startAgent({ expectationsFolder: folder, controlPort }, false)
    assert.notEqual(await young.ended(), 0)
    assert.match(young.output(), /PORT_IN_USE/)
    assert.doesNotMatch(young.output(), /the programs are attached/)
    await isSteady(pods)
    await hasIt(old, pods)
    const later = await the().createPod()
    await old.sees(later, 'intercepted')
    assert.equal(await the().get(later, `${the().upstream.url}/steady`), 'steady')
    for (const pod of [...pods, later]) await pod.remove()
    assert.equal(await old.stop(), 0)
  })

  for (const [how, settings] of [
    ['ports of their own', {}],
    ['the same port', { listenPort: LISTEN_PORT }],
  ] as const) {
    test(`with ${how}: requests go on while the old one drains and ends`, async (t) => {
      const slow = await serveSlowly(t, the())
      const old = await begin(settings)
      current = old
      const pods = [await steadyPod(), await steadyPod({ 'understudy.dev/fail': 'closed' })]
      const other = await the().createPod()
      await old.sees(other, 'intercepted')
      await isSteady(pods)
      const pending = the().get(other, slow.url)
      await until('a response is under way', () => slow.open() === 1)
      const young = await begin(settings)
      await hasIt(young, [...pods, other])
      await isSteady(pods)
      old.signal('SIGTERM')
      await until('the old one has been told', async () => (await old.admin('/readyz')).includes('the agent ends'))
      await isSteady(pods)
      slow.finish()
      assert.equal(await pending, 'begun finished')
      assert.equal(await old.stop(), 0)
      current = young
      pods.push(await steadyPod())
      await isSteady(pods)
      for (const pod of pods) assert.equal((await young.sees(pod, 'intercepted')).isInForce, true)
      assert.equal(await the().get(other, `${the().upstream.url}/steady`), 'steady')
      for (const pod of [...pods, other]) await pod.remove()
      assert.equal(await young.stop(), 0)
    })

    test(`with ${how}: calls to a pod's own port, and look-ups of names, go on too`, async (t) => {
      await serveNames(t, the(), { 'steady.example': NODE_NET.served4 })
      const old = await begin(settings)
      current = old
      const server = await the().createPod({
        ...{ image: 'node', command: ['node', '-e', APPLICATION] },
        annotations: { 'understudy.dev/intercept': 'true', 'understudy.dev/inbound-ports': '8080' },
      })
      await old.sees(server, 'intercepted')
      await until('it listens', () => server.log() === 'up\n')
      const byName = await steadyPod({}, `http://steady.example:${the().upstream.port}`)
      const caller = await steadyPod({ 'understudy.dev/exclude-outbound-ports': '8080' }, `http://${server.ip}:8080`)
      const pods = [byName, caller]
      await isSteady(pods)
      const young = await begin(settings)
      await hasIt(young, [...pods, server])
      await isSteady(pods)
      assert.equal(await old.stop(), 0)
      await isSteady(pods)
      for (const pod of [...pods, server]) await pod.remove()
      assert.equal(await young.stop(), 0)
    })

    test(`with ${how}: the old one takes over again from one that is killed`, async () => {
      // It does not wait for its next look at everything.
      const old = await begin({ ...settings, reconcileIntervalMs: 600_000 })
      const pod = await the().createPod()
      await old.sees(pod, 'intercepted')
      const young = await begin(settings)
      await hasIt(young, [pod])
      const later = await the().createPod()
      await young.sees(later, 'intercepted')
      await young.stop('SIGKILL')
      await hasIt(old, [pod, later])
      for (const one of [pod, later]) {
        assert.equal((await old.sees(one, 'intercepted')).isInForce, true)
        assert.equal(await the().get(one, `${the().upstream.url}/steady`), 'steady')
        await one.remove()
      }
      assert.equal(await old.stop(), 0)
    })
  }
})
