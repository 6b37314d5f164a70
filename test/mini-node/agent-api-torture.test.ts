/** An API server that hangs, lies, breaks off or forgets, and objects that no good one has: interception goes on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import type { Fault } from '../support/api-server.ts'
import { mountConfigMap } from '../support/config-map.ts'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, steadyCommand, steadyOf } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'

const ASKS = { 'understudy.dev/intercept': 'true' }
const MOCK = [{ httpRequest: { path: '/orders' }, httpResponse: { body: 'mocked' } }]
const ERRORS = 'understudy_kube_errors_total'
/** What one API server may be asked in a row before the agent waits: a first try and the list after it, each of two kinds. */
const AT_ONCE = 6
/** The shortest wait of the agent between two tries, of which each kind has its own. */
const LEAST_WAIT_MS = 250
const JUNK = 'x'.repeat(200_000)
const HOSTILE_PODS = 2000
const MIB = 1024 * 1024

agentSuite('an API server that does not behave', (the) => {
  let folder = ''
  before(() => {
    folder = mountConfigMap({ 'mock.json': JSON.stringify(MOCK) }, join(the().node.folder, 'expectations')).path
  })

  /** An agent, and a pod of it that asks without end for what is mocked, whatever is done to the API server. */
  const begin = async (t: TestContext): Promise<{ agent: AgentProcess; steady: Pod }> => {
    the().api.behave()
    const agent = await the().startAgent({ expectationsFolder: folder, drainMs: 0 })
    const steady = await the().createPod({
      image: 'node',
      command: steadyCommand(`${the().upstream.url}/orders`, 'mocked'),
      beforeContainers: async (pod) => void (await agent.sees(pod, 'intercepted')),
    })
    t.after(async () => {
      the().api.behave()
      await agent.stop('SIGKILL')
      await steady.remove()
    })
    return { agent, steady }
  }
  const isUntroubled = async (steady: Pod): Promise<void> => {
    const { answered } = steadyOf(steady)
    await until('it is answered', () => steadyOf(steady).answered >= answered + 20)
    assert.deepEqual(steadyOf(steady).wrong, [])
  }
  const errors = async (agent: AgentProcess, kind: string): Promise<number> =>
    (await agent.metric(`${ERRORS}{kind="${kind}"}`)) ?? 0
  const readings = () =>
    the()
      .api.requests()
      .filter(({ verb }) => verb === 'list' || verb === 'watch')
  const isEnrolled = async (agent: AgentProcess, pod: Pod): Promise<void> => {
    await agent.sees(pod, 'intercepted')
    assert.equal(await the().get(pod, `${the().upstream.url}/orders`), 'mocked')
  }

  const wrongAnswers: readonly (readonly [what: string, kind: string, fault: Fault])[] = [
    ['answers with garbage', 'malformed', { kind: 'body', body: '{"kind":"PodList","items":[{]]\n' }],
    ['fails with 500', 'server', { kind: 'status', code: 500, body: 'x'.repeat(100_000) }],
    ['asks to be left alone', 'throttled', { kind: 'status', code: 429, headers: { 'retry-after': '1' } }],
  ]
  for (const [what, kind, fault] of wrongAnswers) {
    test(`an API server that ${what} is asked seldom, and served from once it behaves`, async (t) => {
      const { api } = the()
      const { agent, steady } = await begin(t)
      api.forgetRequests()
      const startedMs = performance.now()
      api.misbehave({ times: 100_000, fault })
      api.cutConnections()
      await until('it is counted', async () => (await errors(agent, kind)) >= 2)
      const late = await the().createPod()
      const most = AT_ONCE + (2 * (performance.now() - startedMs)) / (kind === 'throttled' ? 1000 : LEAST_WAIT_MS)
      assert.ok(readings().length <= most, `${readings().length} requests, at most ${most}`)
      await isUntroubled(steady)
      api.behave()
      await isEnrolled(agent, late)
      await isUntroubled(steady)
      await late.remove()
    })
  }

  test('an API server that says nothing at all is waited for, and a new one in its place is asked', async (t) => {
    const { api } = the()
    const { agent, steady } = await begin(t)
    api.misbehave({ times: 100_000, fault: { kind: 'hang' } })
    api.forgetRequests()
    api.cutConnections()
    await until('it is asked again', () => readings().length >= 2)
    const late = await the().createPod()
    await isUntroubled(steady)
    assert.equal(readings().length, 2, 'one watch of pods and one of namespaces')
    assert.match(await agent.admin('/readyz'), /"ok":true/)
    api.behave()
    api.cutConnections()
    await isEnrolled(agent, late)
    assert.ok((await errors(agent, 'network')) >= 2)
    await isUntroubled(steady)
    await late.remove()
  })

  test('watches that break off in the middle of a line go on from the last whole one', async (t) => {
    const { api } = the()
    const { agent, steady } = await begin(t)
    api.misbehave({ verb: 'watch', resource: 'pods', times: 1, fault: { kind: 'cut', afterBytes: 300 } })
    api.forgetRequests()
    api.cutConnections()
    const late = await the().createPod()
    await isEnrolled(agent, late)
    const ofPods = readings().filter(({ resource }) => resource === 'pods')
    assert.deepEqual(
      ofPods.map(({ verb }) => verb),
      ['watch', 'watch'],
    )
    assert.ok((await errors(agent, 'network')) >= 2)
    await isUntroubled(steady)
    await late.remove()
  })

  test('after an outage whose history is gone there is one list, and what changed meanwhile is caught up with', async (t) => {
    const { api } = the()
    const { agent, steady } = await begin(t)
    const [deleted, optsOut] = await Promise.all([the().createPod(), the().createPod()])
    await Promise.all([isEnrolled(agent, deleted), isEnrolled(agent, optsOut)])
    await api.goAway()
    await deleted.remove()
    api.annotate('shop', optsOut.name, { 'understudy.dev/intercept': null })
    const late = await the().createPod()
    api.compact()
    api.forgetRequests()
    await api.comeBack()
    await isEnrolled(agent, late)
    await until('those that went are let go', async () => {
      const known = (await agent.workloads()).map(({ uid }) => uid)
      return !known.includes(deleted.uid) && !known.includes(optsOut.uid)
    })
    assert.equal(await the().get(optsOut, `${the().upstream.url}/orders`), 'real GET /orders')
    const lists = readings().filter(({ verb, resource }) => verb === 'list' && resource === 'pods')
    assert.equal(lists.length, 1)
    assert.ok((await errors(agent, 'gone')) >= 1)
    await isUntroubled(steady)
    await late.remove()
    await optsOut.remove()
  })

  test('an object with the UID of another pod changes nothing for that pod, whether it comes or goes', async (t) => {
    const { api, node } = the()
    const { agent, steady } = await begin(t)
    const counted = await errors(agent, 'bad_object')
    api.createPod({
      metadata: { uid: steady.uid, namespace: 'shop', name: 'twin', annotations: {} },
      spec: { nodeName: node.name, containers: [] },
    })
    await until('it is counted', async () => (await errors(agent, 'bad_object')) > counted)
    assert.equal((await agent.sees(steady, 'intercepted')).pod, steady.name)
    await api.goAway()
    api.annotate('shop', 'twin', { changed: 'yes' })
    api.compact() // so that a list follows, which has both
    await api.comeBack()
    await until('it is listed', async () => (await errors(agent, 'bad_object')) > counted + 1)
    api.deletePod('shop', 'twin')
    const late = await the().createPod()
    await isEnrolled(agent, late)
    assert.equal((await agent.sees(steady, 'intercepted')).pod, steady.name)
    await isUntroubled(steady)
    await late.remove()
  })

  test('a pod that claims the address of the node is not intercepted, nor is the node', async (t) => {
    const { api, node, upstream } = the()
    const { agent } = await begin(t)
    const pod = await the().createPod({ publishedUid: '22222222-0000-4000-8000-000000000001', annotations: {} })
    api.createPod({
      metadata: { uid: pod.uid, namespace: 'shop', name: 'claims', annotations: ASKS },
      spec: { nodeName: node.name, containers: [] },
      status: { podIP: node.addresses.v4, podIPs: [{ ip: node.addresses.v4 }, { ip: node.addresses.v6 }] },
    })
    await agent.sees(pod, 'waiting')
    await until('its processes are looked at', async () => /address|IP/.test((await agent.sees(pod, 'waiting')).why))
    assert.equal(await the().get(pod, `${upstream.url}/orders`), 'real GET /orders')
    assert.equal((await node.run(['curl', '-sS', `${upstream.url}/orders`])).stdout, 'real GET /orders')
    api.deletePod('shop', 'claims')
    await pod.remove()
  })

  test('thousands of pods full of junk that come and go leave the agent as small as it was', async (t) => {
    const { api, node } = the()
    const { agent, steady } = await begin(t)
    const rss = (): number => {
      const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8')) ?? []
      return Number(kib) * 1024
    }
    let made = 0
    const hostile = async (count: number): Promise<void> => {
      const spec = { nodeName: node.name, containers: [] }
      for (const end = made + count; made < end; made++) {
        const annotations = { ...ASKS, [made % 2 ? 'junk' : 'understudy.dev/junk']: JUNK }
        const uid = `33333333-0000-4000-8000-${String(made).padStart(12, '0')}`
        api.createPod({ metadata: { uid, namespace: 'shop', name: 'junk', annotations }, spec })
        api.deletePod('shop', 'junk')
      }
      const uid = `44444444-0000-4000-8000-${String(made).padStart(12, '0')}`
      api.createPod({ metadata: { uid, namespace: 'shop', name: 'marker', annotations: ASKS }, spec })
      await agent.sees({ uid }, 'waiting')
      api.deletePod('shop', 'marker')
    }
    await hostile(200)
    const atFirst = rss()
    while (made < HOSTILE_PODS) await hostile(100)
    await until('it is as small as before', () => rss() - atFirst < 40 * MIB)
    await until('it knows one pod', async () => (await agent.workloads()).length === 1)
    await isUntroubled(steady)
  })
})
