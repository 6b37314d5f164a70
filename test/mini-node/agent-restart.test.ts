/** Agents that end, are killed, come back or are cleared up after; and what pods notice of it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { pinFolder } from '../../src/kernel/pins.ts'
import { until } from '../support/lab.ts'
import { type AgentProcess, BIN } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveSlowly } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'

agentSuite('agents that end and come back', (the) => {
  let starts = 0
  /** Each has an expectation of its own, so that an answer tells whose it is. */
  const begin = async (
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<AgentProcess & { answer: string }> => {
    const agent = await the().startAgent(settings)
    const answer = `mocked by agent ${++starts}`
    const { status } = await agent.control('PUT', '/mockserver/expectation', {
      httpRequest: { path: '/orders' },
      httpResponse: { body: answer },
    })
    assert.equal(status, 201)
    return { ...agent, answer }
  }
  const orders = (pod: Pod): Promise<string> => the().get(pod, `${the().upstream.url}/orders`)
  const cleanUp = () =>
    the().node.run([BIN, 'cleanup'], {
      env: { UNDERSTUDY_PIN_FOLDER: the().pins, UNDERSTUDY_STATE_FOLDER: the().state },
    })
  const hasPins = (): boolean => existsSync(pinFolder(the().pins)) && readdirSync(pinFolder(the().pins)).length > 0

  test('an agent that is told to end lets what is open end first, new connections go direct, and the next takes the pods up again', async (t) => {
    const slow = await serveSlowly(t, the())
    const agent = await begin()
    const pod = await the().createPod()
    await agent.sees(pod, 'intercepted')
    assert.equal(await orders(pod), agent.answer)
    const pending = the().get(pod, slow.url)
    await until('a response is under way', () => slow.open() === 1)
    agent.signal('SIGTERM')
    await until('new connections go direct', async () => (await orders(pod)) === 'real GET /orders')
    slow.finish()
    assert.equal(await pending, 'begun finished')
    assert.equal(await agent.stop(), 0)
    assert.equal(await orders(pod), 'real GET /orders')
    const next = await begin()
    await next.sees(pod, 'intercepted')
    assert.equal(await orders(pod), next.answer)
    assert.equal(await next.stop(), 0)
    await pod.remove()
  })

  test('a connection that does not end is cut off when the time of an agent to end is over', async (t) => {
    const slow = await serveSlowly(t, the())
    const agent = await begin({ drainMs: 300 })
    const pod = await the().createPod()
    await agent.sees(pod, 'intercepted')
    const pending = pod.exec(['wget', '-q', '-O', '-', slow.url])
    await until('a response is under way', () => slow.open() === 1)
    assert.equal(await agent.stop(), 0)
    assert.notEqual((await pending).exitCode, 0)
    await pod.remove()
  })

  test('an agent that is killed leaves pods that go direct, and the next takes them up without a change of theirs', async () => {
    const agent = await begin()
    const pod = await the().createPod()
    await agent.sees(pod, 'intercepted')
    await agent.stop('SIGKILL')
    assert.equal(await orders(pod), 'real GET /orders')
    const next = await begin()
    await next.sees(pod, 'intercepted')
    assert.equal(await orders(pod), next.answer)
    assert.equal(await next.stop(), 0)
    await pod.remove()
  })

  test('a pod that fails closed has no connections without an agent, and is open once it opts out, whatever other pods wait for', async () => {
    const closed = { 'understudy.dev/intercept': 'true', 'understudy.dev/fail': 'closed' }
    const agent = await begin()
    const [stays, leaves] = [
      await the().createPod({ annotations: closed }),
      await the().createPod({ annotations: closed }),
    ]
    for (const pod of [stays, leaves]) await agent.sees(pod, 'intercepted')
    assert.equal(await agent.stop(), 0)
    for (const pod of [stays, leaves]) assert.match(await orders(pod), /can't connect/)
    the().api.annotate('shop', leaves.name, { 'understudy.dev/intercept': null })
    // As one whose volumes cannot be mounted: it never gets a sandbox.
    const stuck = { name: 'stuck', namespace: 'shop', uid: '5f0e1d2c-0000-4000-8000-000000000077', annotations: closed }
    the().api.createPod({ metadata: stuck, spec: { nodeName: the().node.name } })
    const next = await begin()
    await next.sees(stuck, 'waiting')
    await next.sees(stays, 'intercepted')
    assert.equal(await orders(stays), next.answer)
    await until('it is open', async () => (await orders(leaves)) === 'real GET /orders')
    the().api.deletePod('shop', 'stuck')
    assert.equal(await next.stop(), 0)
    for (const pod of [stays, leaves]) await pod.remove()
  })

  test('onStop remove: an agent that ends leaves no pins, and a pod that fails closed is open', async () => {
    const agent = await begin({ onStop: 'remove' })
    const pod = await the().createPod({
      annotations: { 'understudy.dev/intercept': 'true', 'understudy.dev/fail': 'closed' },
    })
    await agent.sees(pod, 'intercepted')
    assert.equal(hasPins(), true)
    assert.equal(await agent.stop(), 0)
    assert.equal(hasPins(), false)
    assert.equal(await orders(pod), 'real GET /orders')
    await pod.remove()
  })

  test('cleanup refuses while an agent lives, and removes all that a killed one has left', async () => {
    const agent = await begin()
    const pod = await the().createPod({
      annotations: { 'understudy.dev/intercept': 'true', 'understudy.dev/fail': 'closed' },
    })
    await agent.sees(pod, 'intercepted')
    const refused = await cleanUp()
    assert.match(refused.stdout, /agent: kept, because an agent is alive/)
    assert.equal(await orders(pod), agent.answer)
    await agent.stop('SIGKILL')
    assert.match(await orders(pod), /can't connect/)
    const { code, stdout, stderr } = await cleanUp()
    assert.equal(code, 0, stderr)
    assert.match(stdout, /agent: removed/)
    assert.equal(hasPins(), false)
    assert.equal(await orders(pod), 'real GET /orders')
    await pod.remove()
  })
})
