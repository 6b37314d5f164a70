/** An API server that is away: what is intercepted stays so, and what came meanwhile is found once it is back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/lab.ts'
import { startAgentLab } from '../support/mini-node/agent-lab.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'

const MOCK = { httpRequest: { path: '/orders' }, httpResponse: { statusCode: 200, body: 'mocked' } }

test('an agent that starts while the API is away says so, and serves once it is there', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const pod = await lab.createPod()
  await lab.api.goAway()
  const agent = await lab.startAgent({ adminPort: 19_090 }, false)
  const readyz = async () =>
    JSON.parse(await agent.admin('/readyz').catch(() => '{}')) as { ok?: boolean; why?: string }
  const { ok } = await until('it says that the API is away', async () => {
    const answer = await readyz()
    return /have not all been looked at yet: .*pods/.test(answer.why ?? '') && answer
  })
  assert.equal(ok, false)
  await lab.api.comeBack()
  await until('it is ready', async () => (await readyz()).ok)
  await agent.sees(pod, 'intercepted')
})

test('while the API is away interception goes on, and new pods are found after it', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent()
  await agent.control('PUT', '/mockserver/expectation', MOCK)
  const pod = await lab.createPod()
  await agent.sees(pod, 'intercepted')
  await lab.api.goAway()
  lab.api.forgetRequests()
  const late = await lab.createPod()
  assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'mocked')
  assert.match(await agent.admin('/readyz'), /"ok":true/)
  await lab.api.comeBack()
  await agent.sees(late, 'intercepted')
  assert.equal(await lab.get(late, `${lab.upstream.url}/orders`), 'mocked')
  assert.equal(lab.api.requests().filter(({ verb, resource }) => verb === 'list' && resource === 'pods').length, 0)
})

test('an agent whose events are forbidden intercepts all the same', { skip: requireMiniNode() }, async (t) => {
  const lab = await startAgentLab(t)
  lab.api.misbehave({ verb: 'create', resource: 'events', times: 1000, fault: { kind: 'status', code: 403 } })
  const agent = await lab.startAgent()
  await agent.control('PUT', '/mockserver/expectation', MOCK)
  const pod = await lab.createPod()
  await agent.sees(pod, 'intercepted')
  assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'mocked')
  const dropped = () => agent.metric('understudy_pod_events_total{result="dropped"}')
  await until('what cannot be told is counted', async () => ((await dropped()) ?? 0) > 0)
  assert.deepEqual(lab.eventsOf(pod), [])
})

test('a control API beyond loopback without tokens is refused at the start', { skip: requireMiniNode() }, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent({ controlHost: '0.0.0.0' }, false)
  assert.equal(((await agent.finished) as { code: number }).code, 2)
  assert.match(agent.output(), /controlHost 0\.0\.0\.0 is not loopback, and no controlTokenFile is set/)
})
