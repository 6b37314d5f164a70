/** Which expectations are whose: by namespace and labels of the pod that connects, and as their folder changes. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { type ConfigMap, mountConfigMap } from '../support/config-map.ts'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite } from '../support/mini-node/agent-suite.ts'
import type { Pod, PodOptions } from '../support/mini-node/interface.ts'

const answering = (path: string, body: string, scope?: object): object => ({
  ...(scope ? { scope } : {}),
  ...{ httpRequest: { path }, httpResponse: { body } },
})

agentSuite('expectations and the pods they are for', (the) => {
  let agent: AgentProcess
  let folder: ConfigMap

  const inFolder = (...expectations: object[]): Record<string, string> => ({
    'mock.json': JSON.stringify(expectations),
  })
  before(async () => {
    folder = mountConfigMap(inFolder(answering('/folder', 'first')), join(the().node.folder, 'expectations'))
    agent = await the().startAgent({ expectationsFolder: folder.path })
    for (const name of ['billing', 'payments']) {
      the().api.createNamespace(name, { 'understudy.dev/interception': 'enabled' })
    }
  })

  const intercepted = async (options: Partial<PodOptions>): Promise<Pod> => {
    const pod = await the().createPod(options)
    await agent.sees(pod, 'intercepted')
    return pod
  }
  const ask = (pod: Pod, path: string): Promise<string> => the().get(pod, the().upstream.url + path)
  const put = async (path: string, body: unknown): Promise<string> => {
    const { status, text } = await agent.control('PUT', path, body)
    assert.ok(status === 200 || status === 201, `${path}: ${status} ${text}`)
    return text
  }
  const reloads = (result: string): Promise<number | undefined> =>
    agent.metric(`understudy_expectation_reloads_total{result="${result}"}`)

  test('an expectation for a namespace is not for the pods of another', async () => {
    await put('/mockserver/expectation', answering('/charges', 'for payments', { namespace: 'payments' }))
    const payments = await intercepted({ namespace: 'payments' })
    const billing = await intercepted({ namespace: 'billing' })
    assert.equal(await ask(payments, '/charges'), 'for payments')
    assert.equal(await ask(billing, '/charges'), 'real GET /charges')
    await payments.remove()
    await billing.remove()
  })

  test('an expectation for labels follows the labels of a running pod', async () => {
    const scope = { namespace: 'payments', podSelector: { tier: 'test' } }
    await put('/mockserver/expectation', answering('/labelled', 'for tests', scope))
    const pod = await intercepted({ namespace: 'payments', labels: { tier: 'test' } })
    const { policy } = await agent.sees(pod, 'intercepted')
    assert.equal(await ask(pod, '/labelled'), 'for tests')
    the().api.labelPod('payments', pod.name, { tier: 'live' })
    await until('it is not for it any more', async () => (await ask(pod, '/labelled')) === 'real GET /labelled')
    the().api.labelPod('payments', pod.name, { tier: 'test' })
    await until('it is for it again', async () => (await ask(pod, '/labelled')) === 'for tests')
    assert.equal((await agent.sees(pod, 'intercepted')).policy, policy, 'it was not enrolled anew')
    await pod.remove()
  })

  test('tests of two namespaces use one agent, each by its own path of the control API', async () => {
    const [payments, billing] = [
      await intercepted({ namespace: 'payments' }),
      await intercepted({ namespace: 'billing' }),
    ]
    await put('/scope/payments/mockserver/expectation', answering('/own', 'of payments'))
    await put('/scope/billing/mockserver/expectation', answering('/own', 'of billing'))
    assert.equal(await ask(payments, '/own'), 'of payments')
    assert.equal(await ask(billing, '/own'), 'of billing')
    const once = { httpRequest: { path: '/own' }, times: { atLeast: 1, atMost: 1 } }
    for (const namespace of ['payments', 'billing']) {
      const { status } = await agent.control('PUT', `/scope/${namespace}/mockserver/verify`, once)
      assert.equal(status, 202)
    }
    const all = await agent.control('PUT', '/mockserver/verify', once)
    assert.equal(all.status, 406, 'both are seen by who sees all')
    await put('/scope/payments/mockserver/reset', undefined)
    assert.equal(await ask(payments, '/own'), 'real GET /own')
    assert.equal(await ask(billing, '/own'), 'of billing')
    await payments.remove()
    await billing.remove()
  })

  test('a ConfigMap that changes changes what pods get, and one that is broken changes nothing', async () => {
    await put('/mockserver/expectation', answering('/put', 'put'))
    const pod = await intercepted({})
    assert.equal(await ask(pod, '/folder'), 'first')
    folder.write(inFolder(answering('/folder', 'second', { namespace: 'shop' })))
    await until('it is read again', async () => (await ask(pod, '/folder')) === 'second')
    assert.equal(await ask(pod, '/put'), 'put', 'what came otherwise stays')
    const loaded = await reloads('loaded')
    folder.write({ 'mock.json': '[{ "httpRequest": { "path": 7 } }]' })
    await until('it is counted', async () => (await reloads('refused')) === 1)
    const line = agent.log().find(({ level, problems }) => level === 'error' && problems !== undefined)
    assert.match(String(line?.['problems']), /mock\.json.*path/)
    assert.equal(await ask(pod, '/folder'), 'second')
    folder.write(inFolder(answering('/folder', 'third')))
    await until('it is mended', async () => (await ask(pod, '/folder')) === 'third')
    assert.equal(await reloads('loaded'), (loaded ?? 0) + 1)
    folder.write({})
    await until('it is empty', async () => (await ask(pod, '/folder')) === 'real GET /folder')
    await pod.remove()
  })

  test('a folder of expectations that is not there any more is told, and what was good last stays', async () => {
    folder.write(inFolder(answering('/folder', 'last')))
    const pod = await intercepted({})
    await until('it is read', async () => (await ask(pod, '/folder')) === 'last')
    folder.remove()
    await until('it is missed', async () => (await reloads('unreadable')) === 1)
    assert.equal(await ask(pod, '/folder'), 'last')
    await pod.remove()
  })
})
