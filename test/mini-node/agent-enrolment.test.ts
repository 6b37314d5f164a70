/** Pods that opt in, on a node with a real runtime: what becomes of their connections. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/lab.ts'
import { startAgentLab } from '../support/mini-node/agent-lab.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'

test('a pod that opts in is intercepted, and one that does not is left alone', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent()
  const created = await agent.control('PUT', '/mockserver/expectation', {
    httpRequest: { path: '/orders' },
    httpResponse: { statusCode: 200, body: 'mocked' },
  })
  assert.equal(created.status, 201, created.text)
  const opted = await lab.createPod()
  const other = await lab.createPod({ annotations: {} })
  await agent.sees(opted, 'intercepted')
  assert.equal(await lab.get(opted, `${lab.upstream.url}/orders`), 'mocked')
  assert.equal(await lab.get(opted, `${lab.upstream.url}/x`), 'real GET /x')
  assert.equal(await lab.get(other, `${lab.upstream.url}/orders`), 'real GET /orders')
  await until('an event tells it', () => lab.eventsOf(opted).some(({ reason }) => reason === 'Intercepted'))
  assert.deepEqual(lab.eventsOf(other), [])
  assert.equal(await agent.stop(), 0)
})

test('an agent in a pod of its own, below the cgroup that the programs are at, does not intercept itself', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const home = await lab.createPod({ namespace: 'understudy', annotations: {} })
  const agent = await lab.startAgent({}, true, home.containerCgroupPath())
  const opted = await lab.createPod()
  await agent.sees(opted, 'intercepted')
  assert.equal(await lab.get(opted, `${lab.upstream.url}/x`), 'real GET /x')
  assert.equal(lab.upstream.hits(), 1)
  assert.equal(await agent.metric('understudy_self_tests_total{result="passed"}'), 1)
  await until("the connection is the pod's", async () => {
    const destination = `destination="${lab.upstream.url.slice('http://'.length)}"`
    return (await agent.admin('/metrics')).includes(`pod="${opted.name}",${destination},dialled=""} 1\n`)
  })
  assert.equal(await agent.stop(), 0)
})
