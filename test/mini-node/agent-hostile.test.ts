/** Pods that are not what they say, or say what cannot be: they are refused, and others do not notice. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../support/lab.ts'
import { startAgentLab } from '../support/mini-node/agent-lab.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'

const ASKS = { 'understudy.dev/intercept': 'true' }
const MOCK = { httpRequest: { path: '/orders' }, httpResponse: { statusCode: 200, body: 'mocked' } }

test('pod objects that cannot be are counted and left out, and a good pod is served', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent()
  await agent.control('PUT', '/mockserver/expectation', MOCK)
  const good = await lab.createPod()
  await agent.sees(good, 'intercepted')
  const spec = { nodeName: lab.node.name, containers: [] }
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`understudy.dev/x${i}`, 'y']))
  const hostile = [
    { uid: '../../etc', name: 'path' },
    { uid: 'a'.repeat(10_000), name: 'long' },
    { uid: '11111111-0000-4000-8000-000000000001', name: 'a\u0000\u001b[2J' },
    {
      uid: '11111111-0000-4000-8000-000000000002',
      name: 'big',
      annotations: { ...ASKS, 'understudy.dev/mode': 'x'.repeat(262_144) },
    },
    { uid: '11111111-0000-4000-8000-000000000003', name: 'many', annotations: { ...ASKS, ...many } },
  ]
  for (const metadata of hostile) {
    lab.api.createPod({ metadata: { namespace: 'shop', annotations: ASKS, ...metadata }, spec })
  }
  const liar = { uid: '11111111-0000-4000-8000-000000000004', namespace: 'shop', name: 'liar', annotations: ASKS }
  lab.api.createPod({
    metadata: liar,
    spec,
    status: {
      podIP: good.ip,
      podIPs: [{ ip: 'garbage' }],
      containerStatuses: [{ containerID: 'containerd://../../x' }],
    },
  })
  await agent.sees({ uid: liar.uid }, 'waiting')
  const bad = await until('what cannot be is counted', async () => {
    const count = (await agent.metric('understudy_kube_errors_total{kind="bad_object"}')) ?? 0
    return count >= 3 && count
  })
  assert.equal(bad, 3)
  const { why } = await agent.sees({ uid: '11111111-0000-4000-8000-000000000002' }, 'skipped')
  assert.match(why, /mode/)
  const known = (await agent.workloads()).map(({ pod }) => pod)
  assert.ok(
    known.every((name) => ['big', 'many', 'liar', good.name].includes(name)),
    known.join(),
  )
  assert.equal(await lab.get(good, `${lab.upstream.url}/orders`), 'mocked')
})

test('a pod with the network of the node is not intercepted, whatever its object says', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent()
  const pod = await lab.createPod({ hostNetwork: true })
  await agent.sees(pod, 'skipped')
  lab.api.createPod({
    metadata: { uid: pod.uid, namespace: 'shop', name: pod.name, annotations: ASKS },
    spec: { nodeName: lab.node.name, hostNetwork: false, containers: [] },
    status: { podIP: pod.ip },
  })
  const { why } = await until('its processes are looked at', async () => {
    const shown = await agent.sees(pod, 'skipped')
    return /its processes are in the node's own/.test(shown.why) && shown
  })
  assert.match(why, /network namespace/)
})

test('pods that vanish while they are enrolled leave nothing behind', { skip: requireMiniNode() }, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent({ drainMs: 0 })
  const good = await lab.createPod()
  await agent.sees(good, 'intercepted')
  const descriptors = () => readdirSync(`/proc/${agent.pid}/fd`).length
  const before = descriptors()
  for (let i = 0; i < 10; i++) await (await lab.createPod()).remove()
  await until('the agent knows one pod', async () => (await agent.workloads()).length === 1)
  await until('its descriptors are as many as before', () => descriptors() <= before + 2)
  assert.equal((await agent.metric('understudy_bpf_map_entries{map="policies"}')) ?? 1, 1)
})
