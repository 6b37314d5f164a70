/** Which pods are intercepted, and what of their connections is: one agent, pods of all kinds. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { until } from '../support/lab.ts'
import type { AgentLab, AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveNode, serveSlowly } from '../support/mini-node/agent-suite.ts'
import type { Pod, PodOptions, QosClass } from '../support/mini-node/interface.ts'

const INTERCEPT = 'understudy.dev/intercept'

const eventOf = (lab: AgentLab, pod: Pick<Pod, 'uid'>, reason: string) =>
  until(`an event ${reason}`, () => lab.eventsOf(pod).find((event) => event.reason === reason))

agentSuite('pods of a node with an agent', (the) => {
  let agent: AgentProcess
  let early: Pod

  before(async () => {
    early = await the().createPod({ name: 'early' })
    agent = await the().startAgent({ enrolNamespaces: ['understudy', 'kube-system'] })
    const { status } = await agent.control('PUT', '/mockserver/expectation', {
      httpRequest: { path: '/orders' },
      httpResponse: { statusCode: 200, body: 'mocked' },
    })
    assert.equal(status, 201)
  })

  const orders = (pod: Pod): Promise<string> => the().get(pod, `${the().upstream.url}/orders`)
  const intercepted = async (options: Partial<PodOptions> = {}): Promise<Pod> => {
    const pod = await the().createPod(options)
    await agent.sees(pod, 'intercepted')
    return pod
  }

  test('a pod that ran before the agent came is intercepted', async () => {
    await agent.sees(early, 'intercepted')
    assert.equal(await orders(early), 'mocked')
  })

  for (const qos of ['guaranteed', 'burstable', 'besteffort'] satisfies QosClass[]) {
    test(`a ${qos} pod is intercepted`, async () => {
      const pod = await intercepted({ qos })
      assert.equal(await orders(pod), 'mocked')
      await pod.remove()
    })
  }

  test('a static pod, whose cgroup is named after a hash, is intercepted', async () => {
    const uid = 'c0ffee00c0ffee00c0ffee00c0ffee00'
    const publishedUid = '5f0e1d2c-0000-4000-8000-000000000017'
    const pod = await the().createPod({ uid, publishedUid })
    // The API server's object of a static pod says what its cgroup is named after.
    the().api.annotate('shop', pod.name, { 'kubernetes.io/config.mirror': uid })
    await agent.sees({ uid: publishedUid }, 'intercepted')
    assert.equal(await orders(pod), 'mocked')
    await pod.remove()
  })

  test('every container of a pod is intercepted', async () => {
    const sidecars = [{ name: 'second', image: 'busybox', command: ['sleep', '3600'] }] as const
    const pod = await intercepted({ sidecars })
    const argv = ['wget', '-q', '-O', '-', `${the().upstream.url}/orders`]
    for (const container of ['main', 'second']) assert.equal((await pod.exec(argv, { container })).stdout, 'mocked')
    await pod.remove()
  })

  test('connections to IPv6 addresses are intercepted', async (t) => {
    const url = await serveNode(t, the(), (_, response) => response.end('real 6'), 6)
    const pod = await intercepted()
    assert.equal(await the().get(pod, `${url}/orders`), 'mocked')
    assert.equal(await the().get(pod, `${url}/x`), 'real 6')
    await pod.remove()
  })

  test('a program that keeps its connections gets every answer on them', async () => {
    const program = `
      const ask = async (path) => (await fetch('${the().upstream.url}' + path)).text()
      const all = async () => {
        const answers = []
        for (const path of ['/orders', '/a', '/orders', '/b', '/orders']) answers.push(await ask(path))
        console.log(JSON.stringify(answers))
      }
      all()`
    const pod = await intercepted({ image: 'node' })
    const { stdout, stderr } = await pod.exec(['node', '-e', program])
    assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), ['mocked', 'real GET /a', 'mocked', 'real GET /b', 'mocked'])
    await pod.remove()
  })

  test('a running pod opts in and out again; what is open when it opts out goes on to its end', async (t) => {
    const slow = await serveSlowly(t, the())
    const pod = await the().createPod({ annotations: {} })
    assert.equal(await orders(pod), 'real GET /orders')
    the().api.annotate('shop', pod.name, { [INTERCEPT]: 'true' })
    await agent.sees(pod, 'intercepted')
    assert.equal(await orders(pod), 'mocked')
    const pending = the().get(pod, slow.url)
    await until('the response has begun', () => slow.open() === 1)
    the().api.annotate('shop', pod.name, { [INTERCEPT]: null })
    await eventOf(the(), pod, 'InterceptionStopped')
    assert.equal(await orders(pod), 'real GET /orders')
    slow.finish()
    assert.equal(await pending, 'begun finished')
    assert.equal(
      (await agent.workloads()).find(({ uid }) => uid === pod.uid),
      undefined,
    )
    await pod.remove()
  })

  test('a pod of the host network is refused with an event, and its traffic is left alone', async () => {
    const pod = await the().createPod({ hostNetwork: true })
    await agent.sees(pod, 'skipped')
    const { type, message } = await eventOf(the(), pod, 'InterceptionSkipped')
    assert.equal(type, 'Warning')
    assert.match(message, /hostNetwork: true/)
    assert.equal(await orders(pod), 'real GET /orders')
    await pod.remove()
  })

  test('a pod of a namespace that does not allow it is told how, and intercepted once it is labelled', async () => {
    the().api.createNamespace('quiet')
    const pod = await the().createPod({ namespace: 'quiet' })
    await agent.sees(pod, 'skipped')
    const { message } = await eventOf(the(), pod, 'InterceptionSkipped')
    assert.match(message, /kubectl label namespace quiet understudy\.dev\/interception=enabled/)
    assert.equal(await orders(pod), 'real GET /orders')
    the().api.labelNamespace('quiet', { 'understudy.dev/interception': 'enabled' })
    await agent.sees(pod, 'intercepted')
    assert.equal(await orders(pod), 'mocked')
    the().api.labelNamespace('quiet', { 'understudy.dev/interception': null })
    await agent.sees(pod, 'skipped')
    await eventOf(the(), pod, 'InterceptionStopped')
    assert.equal(await orders(pod), 'real GET /orders')
    await pod.remove()
  })

  for (const [namespace, why] of [
    ['kube-system', /kube-system are never intercepted/],
    ['understudy', /agent's own namespace/],
  ] as const) {
    test(`a pod of ${namespace} is never intercepted, whatever it and the operator say`, async () => {
      the().api.createNamespace(namespace, { 'understudy.dev/interception': 'enabled' })
      const pod = await the().createPod({ namespace })
      await agent.sees(pod, 'skipped')
      assert.match((await eventOf(the(), pod, 'InterceptionSkipped')).message, why)
      assert.equal(await orders(pod), 'real GET /orders')
      await pod.remove()
    })
  }

  test('a value that is not understood leaves the pod alone, and the event names key and value', async () => {
    const pod = await the().createPod({ annotations: { [INTERCEPT]: 'true', 'understudy.dev/mode': 'mocked' } })
    await agent.sees(pod, 'skipped')
    const { type, message } = await eventOf(the(), pod, 'InterceptionSkipped')
    assert.equal(type, 'Warning')
    assert.match(message, /understudy\.dev\/mode.*mocked/)
    assert.equal(await orders(pod), 'real GET /orders')
    the().api.annotate('shop', pod.name, { 'understudy.dev/mode': 'mock' })
    await agent.sees(pod, 'intercepted')
    assert.equal(await orders(pod), 'mocked')
    await pod.remove()
  })

  test('the first connection of the first container is intercepted where the agent has seen the sandbox', async () => {
    const pod = await the().createPod({
      command: ['sh', '-c', `wget -q -O - ${the().upstream.url}/orders; echo; sleep 3600`],
      beforeContainers: async (pod) => void (await agent.sees(pod, 'intercepted')),
    })
    await until('it has its answer', () => pod.log().includes('\n'))
    assert.equal(pod.log(), 'mocked\n')
    await pod.remove()
  })

  test('a key that nobody knows is told once, and the pod is intercepted all the same', async () => {
    const pod = await intercepted({ annotations: { [INTERCEPT]: 'true', 'understudy.dev/modes': 'mock' } })
    const { type, message } = await eventOf(the(), pod, 'InterceptionSkipped')
    assert.equal(type, 'Warning')
    assert.match(message, /understudy\.dev\/modes: unknown key; did you mean understudy\.dev\/mode\?/)
    assert.equal(await orders(pod), 'mocked')
    for (const mode of ['mock', 'forward', 'observe']) {
      the().api.annotate('shop', pod.name, { 'understudy.dev/mode': mode })
      await until('it has the mode', async () => (await agent.sees(pod, 'intercepted')).mode === mode)
    }
    // What waits to be told is, before an agent ends.
    assert.equal(await agent.stop(), 0)
    const counts = the()
      .api.events()
      .filter((event) => event['reason'] === 'InterceptionSkipped' && JSON.stringify(event).includes(pod.uid))
      .map((event) => event['count'])
    assert.deepEqual(counts, [1])
  })
})
