/** What somebody takes away or alters by hand: it is put back, counted and told, and other pods do not notice. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pinFolder } from '../../src/kernel/pins.ts'
import { cookieKey, detachLink, lookUp, remove, update } from '../support/bpftool.ts'
import { until } from '../support/lab.ts'
import { type AgentLab, type AgentProcess, startAgentLab } from '../support/mini-node/agent-lab.ts'
import type { Pod } from '../support/mini-node/interface.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'

const MOCK = { httpRequest: { path: '/orders' }, httpResponse: { statusCode: 200, body: 'mocked' } }

const repairing = async (t: TestContext) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent({ reconcileIntervalMs: 200 })
  await agent.control('PUT', '/mockserver/expectation', MOCK)
  const pod = await lab.createPod()
  const other = await lab.createPod()
  const { netnsCookie = '' } = await agent.sees(pod, 'intercepted')
  await agent.sees(other, 'intercepted')
  const pin = (name: string): string => join(pinFolder(lab.pins), name)
  return { lab, agent, pod, other, pin, key: cookieKey(BigInt(netnsCookie)) }
}

const repairs = (agent: AgentProcess, what: string) =>
  agent.metric(`understudy_reconcile_repairs_total{what="${what}"}`)

const repaired = (agent: AgentProcess, what: string, times: number) =>
  until(`the ${what} is repaired for the ${times}. time`, async () => (await repairs(agent, what)) === times)

/** What the last events on a pod say, once all are written. */
const lastTold = async (lab: AgentLab, agent: AgentProcess, pod: Pod): Promise<string> => {
  await agent.stop()
  return lab.eventsOf(pod).at(-1)?.message ?? ''
}

const isMocked = async (lab: AgentLab, ...pods: readonly Pod[]): Promise<void> => {
  for (const pod of pods) assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'mocked')
}

test('a link that is unpinned or detached by hand is put back', { skip: requireMiniNode() }, async (t) => {
  const { lab, agent, pod, other, pin } = await repairing(t)
  rmSync(pin('connect4'))
  await repaired(agent, 'link', 1)
  await isMocked(lab, pod, other)
  detachLink(pin('connect4'))
  await repaired(agent, 'link', 2)
  await isMocked(lab, pod, other)
  rmSync(pin('policies'))
  await repaired(agent, 'link', 3)
  await isMocked(lab, pod, other)
  assert.equal(await repairs(agent, 'policy'), 0)
  const links = agent.log().flatMap(({ link }) => link ?? [])
  assert.deepEqual(links, ['connect4: missing', 'connect4: dead', 'policies: missing'])
  assert.equal(await lastTold(lab, agent, other), 'interception was repaired: policies: missing')
})

test('a policy that is deleted or altered by hand is put back', { skip: requireMiniNode() }, async (t) => {
  const { lab, agent, pod, other, pin, key } = await repairing(t)
  remove(pin('policies'), key)
  await repaired(agent, 'policy', 1)
  await isMocked(lab, pod, other)
  const altered = lookUp(pin('policies'), key)
  altered.writeUInt32LE(0xdead, 0)
  update(pin('policies'), key, altered)
  await repaired(agent, 'policy', 2)
  await isMocked(lab, pod, other)
  assert.match(await lastTold(lab, agent, pod), /the policy was not as it should be/)
  assert.doesNotMatch(await lastTold(lab, agent, other), /policy/)
})

test('a listener that somebody kills is opened anew', { skip: requireMiniNode() }, async (t) => {
  const { lab, agent, pod, other } = await repairing(t)
  await killListeners(lab, pod)
  await repaired(agent, 'listener', 1)
  await agent.sees(pod, 'intercepted')
  await isMocked(lab, pod, other)
  assert.match(await lastTold(lab, agent, pod), /interception was begun anew/)
  assert.doesNotMatch(await lastTold(lab, agent, other), /anew/)
})

/** As `ss --kill` does, by the kernel's own means. */
const killListeners = async ({ node }: AgentLab, pod: Pod): Promise<void> => {
  const { stdout, stderr } = await node.run(['nsenter', `--net=${pod.netnsPath}`, 'ss', '-K', '-H', '-l', '-t', '-n'])
  assert.match(stdout, /127\.0\.0\.1/, stderr)
}

test('a sandbox that is made anew is intercepted in its new namespace', { skip: requireMiniNode() }, async (t) => {
  const { lab, agent, pod, other } = await repairing(t)
  const before = (await agent.sees(pod, 'intercepted')).netnsCookie
  await pod.recreateSandbox()
  await until('the agent has the new namespace', async () => {
    const { netnsCookie } = await agent.sees(pod, 'intercepted')
    return netnsCookie !== before
  })
  assert.equal(await repairs(agent, 'netns'), 1)
  await isMocked(lab, pod, other)
})
