/** What annotations of pods ask for, done by an agent to real connections. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveNames, serveNode, steadyCommand, steadyOf } from '../support/mini-node/agent-suite.ts'
import type { Pod, PodOptions } from '../support/mini-node/interface.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'

const PREFIX = 'understudy.dev/'
/** The program of a pod with a port of its own. */
const APPLICATION = `
  require('node:http').createServer((request, response) => response.end('app ' + request.url))
    .listen(8080, '0.0.0.0', () => console.log('up'))`
/** Long enough for the pod to be made, seen and asked on a slow machine; short enough to wait for its end. */
const SHORT_SECONDS = 4

agentSuite('annotations of pods', (the) => {
  let agent: AgentProcess

  before(async () => {
    agent = await the().startAgent({ logLevel: 'debug' })
    the().api.createNamespace('other', { 'understudy.dev/interception': 'enabled' })
    const expectations = [
      { httpRequest: { path: '/orders' }, httpResponse: { body: 'mocked' } },
      { scope: { direction: 'inbound' }, httpRequest: { path: '/inbound' }, httpResponse: { body: 'mocked inbound' } },
      {
        scope: { namespace: 'shop' },
        httpRequest: { path: '/nowhere', headers: { host: ['payments.nowhere'] } },
        httpResponse: { body: 'mocked nowhere' },
      },
    ]
    const { status, text } = await agent.control('PUT', '/mockserver/expectation', expectations)
    assert.equal(status, 201, text)
  })

  const annotated = (annotations: Readonly<Record<string, string>>, more: Partial<PodOptions> = {}): Promise<Pod> => {
    const all = Object.entries({ intercept: 'true', ...annotations }).map(([key, value]) => [PREFIX + key, value])
    return the().createPod({ annotations: Object.fromEntries(all), ...more })
  }
  const intercepted = async (...wanted: Parameters<typeof annotated>): Promise<Pod> => {
    const pod = await annotated(...wanted)
    await agent.sees(pod, 'intercepted')
    return pod
  }
  const annotate = (pod: Pod, key: string, value: string | null): void =>
    void the().api.annotate(pod.namespace, pod.name, { [PREFIX + key]: value })
  const ask = (pod: Pod, path: string): Promise<string> => the().get(pod, the().upstream.url + path)
  const exchangeOf = (pod: Pod, path: string) =>
    until('the exchange is in the log', () =>
      agent.log().find((line) => line['msg'] === 'exchange' && line['pod'] === pod.name && line['path'] === path),
    )

  test('mode mock refuses what no expectation matches, forward sends it on, and a running pod changes between them', async () => {
    const pod = await intercepted({ mode: 'mock' })
    assert.equal(await ask(pod, '/orders'), 'mocked')
    assert.match(await ask(pod, '/x'), /404 Not Found/)
    annotate(pod, 'mode', 'forward')
    await until('it forwards', async () => (await agent.sees(pod, 'intercepted')).mode === 'forward')
    assert.equal(await ask(pod, '/x'), 'real GET /x')
    annotate(pod, 'mode', 'observe')
    await until('it observes', async () => (await agent.sees(pod, 'intercepted')).mode === 'observe')
    assert.equal(await ask(pod, '/orders'), 'real GET /orders')
    await pod.remove()
  })

  test('mode observe asks no expectation, and its exchanges are recorded', async () => {
    const pod = await intercepted({ mode: 'observe' })
    assert.equal(await ask(pod, '/orders'), 'real GET /orders')
    const { namespace, decision, status, method } = await exchangeOf(pod, '/orders')
    assert.deepEqual(
      { namespace, decision, status, method },
      { namespace: 'shop', decision: 'forward', status: 200, method: 'GET' },
    )
    await pod.remove()
  })

  test('ports: only connections to these are intercepted', async (t) => {
    const named = await serveNode(t, the(), (_, response) => response.end('named'))
    const other = await serveNode(t, the(), (_, response) => response.end('other'))
    const pod = await intercepted({ ports: new URL(named).port })
    assert.equal(await the().get(pod, `${named}/orders`), 'mocked')
    assert.equal(await the().get(pod, `${other}/orders`), 'other')
    annotate(pod, 'ports', new URL(other).port)
    await until('the policy is another', async () => (await the().get(pod, `${other}/orders`)) === 'mocked')
    assert.equal(await the().get(pod, `${named}/orders`), 'named')
    await pod.remove()
  })

  test('a pod that has most of its connections left alone passes the test from inside of it', async () => {
    const total = async (result: string): Promise<number> =>
      (await agent.metric(`understudy_self_tests_total{result="${result}"}`)) ?? 0
    const all = async () => [await total('passed'), await total('impossible'), await total('failed')] as const
    const [passed, impossible] = await all()
    const some = await intercepted({ ports: '80,443', 'exclude-outbound-cidrs': '192.0.2.0/24' })
    const none = await intercepted({ 'exclude-outbound-cidrs': '0.0.0.0/0,::/0' })
    await until(
      'both are tried',
      async () => (await total('passed')) + (await total('impossible')) > passed + impossible + 1,
    )
    assert.deepEqual(await all(), [passed + 1, impossible + 1, 0])
    for (const pod of [some, none]) await agent.sees(pod, 'intercepted')
    for (const pod of [some, none]) await pod.remove()
  })

  test('exclude-outbound-ports: connections to these are left alone', async (t) => {
    const named = await serveNode(t, the(), (_, response) => response.end('named'))
    const pod = await intercepted({ 'exclude-outbound-ports': `1-2,${new URL(named).port}` })
    assert.equal(await the().get(pod, `${named}/orders`), 'named')
    assert.equal(await ask(pod, '/orders'), 'mocked')
    await pod.remove()
  })

  test('exclude-outbound-cidrs: connections to these are left alone, of that pod only', async (t) => {
    const v6 = await serveNode(t, the(), (_, response) => response.end('real 6'), 6)
    const pod = await intercepted({ 'exclude-outbound-cidrs': '10.88.1.0/24,2001:db8:88::/64' })
    const beside = await intercepted({})
    assert.equal(await ask(pod, '/orders'), 'real GET /orders')
    assert.equal(await the().get(pod, `${v6}/orders`), 'real 6')
    const elsewhere = the().upstream.url.replace(NODE_NET.served4, '10.88.2.1')
    assert.equal(await the().get(pod, `${elsewhere}/orders`), 'mocked')
    assert.equal(await ask(beside, '/orders'), 'mocked')
    annotate(pod, 'exclude-outbound-cidrs', null)
    await until('they are intercepted again', async () => (await ask(pod, '/orders')) === 'mocked')
    assert.equal(await the().get(pod, `${v6}/orders`), 'mocked')
    await pod.remove()
    await beside.remove()
  })

  test('inbound-ports: calls of others to it meet expectations for inbound, and else the program', async () => {
    const server = await annotated({ 'inbound-ports': '8080' }, { image: 'node', command: ['node', '-e', APPLICATION] })
    await agent.sees(server, 'intercepted')
    await until('it listens', () => server.log() === 'up\n')
    const client = await the().createPod({ annotations: {} })
    const call = (path: string): Promise<string> => the().get(client, `http://${server.ip}:8080${path}`)
    assert.equal(await call('/inbound'), 'mocked inbound')
    assert.equal(await call('/x'), 'app /x')
    const { policy } = await agent.sees(server, 'intercepted')
    annotate(server, 'exclude-outbound-ports', '9')
    await until('it is enrolled anew', async () => (await agent.sees(server, 'intercepted')).policy !== policy)
    assert.equal(await call('/inbound'), 'mocked inbound')
    annotate(server, 'inbound-ports', null)
    await until('its own ports are left alone', async () => (await call('/inbound')) === 'app /inbound')
    await server.remove()
    await client.remove()
  })

  test('dns: names are known in records, and a host that only an expectation has is found by pods of its scope', async (t) => {
    await serveNames(t, the(), { 'orders.example': NODE_NET.served4 })
    const port = new URL(the().upstream.url).port
    const pod = await intercepted({})
    assert.equal(await the().get(pod, `http://orders.example:${port}/x`), 'real GET /x')
    await until('the record of the connection has its name', () =>
      agent.log().some((line) => line['pod'] === pod.name && String(line['names']) === 'orders.example'),
    )
    assert.equal(await the().get(pod, 'http://payments.nowhere/nowhere'), 'mocked nowhere')
    const stranger = await intercepted({}, { namespace: 'other' })
    assert.match(await the().get(stranger, 'http://payments.nowhere/nowhere'), /bad address/)
    const without = await intercepted({ dns: 'false' })
    assert.match(await the().get(without, 'http://payments.nowhere/nowhere'), /bad address/)
    assert.equal(await the().get(without, `http://orders.example:${port}/orders`), 'mocked')
    for (const one of [pod, stranger, without]) await one.remove()
  })

  test('annotations of a pod change under traffic, out of it and into it, and no connection breaks', async () => {
    const server = await intercepted(
      { 'inbound-ports': '8080' },
      { image: 'node', command: ['node', '-e', APPLICATION] },
    )
    await until('it listens', () => server.log() === 'up\n')
    const out = await intercepted(
      {},
      { image: 'node', command: steadyCommand(`${the().upstream.url}/orders`, 'mocked') },
    )
    const within = await the().createPod({
      ...{ image: 'node', annotations: {} },
      command: steadyCommand(`http://${server.ip}:8080/inbound`, 'mocked inbound'),
    })
    const changes = [
      ['exclude-outbound-cidrs', '10.1.0.0/16'],
      ['exclude-outbound-ports', '1'],
      ['intercept', 'false'],
      ['intercept', 'true'],
      ['exclude-outbound-cidrs', null],
    ] as const
    for (const [key, value] of changes) {
      for (const pod of [server, out]) {
        const before = (await agent.workloads()).find(({ uid }) => uid === pod.uid)
        annotate(pod, key, value)
        await until('the agent has followed', async () => {
          const now = (await agent.workloads()).find(({ uid }) => uid === pod.uid)
          return now?.policy !== before?.policy && (value === 'false' || now?.state === 'intercepted')
        })
      }
      for (const pod of [out, within]) {
        const { turns } = steadyOf(pod)
        await until('the requests go on', () => steadyOf(pod).turns > turns + 10)
      }
    }
    // Answers of the real ones, between, are as they should be.
    const broken = [out, within].flatMap((pod) => steadyOf(pod).wrong.filter((line) => !/ (real|app) /.test(line)))
    assert.deepEqual(broken, [])
    for (const pod of [server, out, within]) await pod.remove()
  })

  test('fail: of two pods whose agent is killed, the one that fails closed connects to nothing, and the other goes direct', async () => {
    const closed = await intercepted({ fail: 'closed' })
    const open = await intercepted({ fail: 'open' })
    for (const pod of [closed, open]) assert.equal(await ask(pod, '/orders'), 'mocked')
    await agent.stop('SIGKILL')
    assert.match(await ask(closed, '/orders'), /can't connect/)
    assert.equal(await ask(open, '/orders'), 'real GET /orders')
    agent = await the().startAgent()
    for (const pod of [closed, open]) {
      await agent.sees(pod, 'intercepted')
      assert.equal(await ask(pod, '/orders'), 'real GET /orders')
      await exchangeOf(pod, '/orders')
    }
    annotate(closed, 'intercept', null)
    await until('it is let go', async () => (await agent.workloads()).every(({ uid }) => uid !== closed.uid))
    await agent.stop('SIGKILL')
    assert.equal(await ask(closed, '/orders'), 'real GET /orders')
    agent = await the().startAgent()
    for (const pod of [closed, open]) await pod.remove()
  })

  test('until: interception ends by itself after a duration and at a time, whatever agents come and go meanwhile', async () => {
    const stopsAfter = await intercepted({ until: `${SHORT_SECONDS}s` })
    const stopsAt = await intercepted({ until: new Date(Date.now() + SHORT_SECONDS * 1000).toISOString() })
    const pods = [stopsAfter, stopsAt]
    assert.equal(await agent.stop(), 0)
    agent = await the().startAgent()
    for (const pod of pods) {
      await agent.sees(pod, 'intercepted')
      await ask(pod, '/until')
      await exchangeOf(pod, '/until')
    }
    for (const pod of pods) {
      await agent.sees(pod, 'stopped')
      await ask(pod, '/over')
      const { type, message } = await until('it is told', () =>
        the()
          .eventsOf(pod)
          .find(({ reason }) => reason === 'InterceptionStopped'),
      )
      assert.equal(type, 'Normal')
      assert.match(message, /until/)
    }
    assert.equal(
      agent.log().find((line) => line['path'] === '/over'),
      undefined,
    )
    // The time of an agent that comes later is not a new one.
    assert.equal(await agent.stop(), 0)
    agent = await the().startAgent()
    for (const pod of pods) await agent.sees(pod, 'stopped')
    for (const pod of pods) await pod.remove()
  })
})
