/** What a node may put in an agent's way: other programs, no place for pins or state, no room for a policy. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../src/errors.ts'
import { loadShim } from '../../src/kernel/shim.ts'
import { attachedTo } from '../support/bpftool.ts'
import { SHIM_PATH, until } from '../support/lab.ts'
import { type AgentLab, type AgentProcess, startAgentLab } from '../support/mini-node/agent-lab.ts'
import type { Pod } from '../support/mini-node/interface.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'
import { loadNode } from '../support/node.ts'

const SHIM = loadShim(SHIM_PATH)
/** In the network of the node, which is its own. */
const ADMIN = { adminPort: 19_090 }

const bpftool = (...argv: string[]): void => {
  execFileSync('bpftool', argv, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, stdio: 'pipe' })
}

const readyz = async (agent: AgentProcess): Promise<{ ok: boolean; why?: string }> =>
  JSON.parse(await agent.admin('/readyz'))

const isIntercepted = async (lab: AgentLab, agent: AgentProcess, pod: Pod): Promise<void> => {
  await agent.control('PUT', '/mockserver/expectation', {
    httpRequest: { path: '/orders' },
    httpResponse: { statusCode: 200, body: 'mocked' },
  })
  await agent.sees(pod, 'intercepted')
  assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'mocked')
}

/** Another's program, attached as those do that let nobody else attach. */
const excluder = (t: TestContext, cgroup: string) => {
  const theirs = loadNode(SHIM)
  const id = String(SHIM.call('understudy_program_id', theirs.nativeHandle(), 'redirect_connect4'))
  bpftool('cgroup', 'attach', cgroup, 'connect4', 'id', id)
  t.after(theirs.close) // with the cgroup, the program's place goes
  return { id, detach: () => bpftool('cgroup', 'detach', cgroup, 'connect4', 'id', id) }
}

for (const [where, at] of [
  ['the cgroup of pods', (kubepods: string) => kubepods],
  ['a cgroup above', dirname],
] as const) {
  test(`an agent names the program on ${where} that lets no other attach, and waits until it is gone`, {
    skip: requireMiniNode(),
  }, async (t) => {
    const lab = await startAgentLab(t)
    const pod = await lab.createPod()
    const { id, detach } = excluder(t, at(lab.node.kubepods))
    const agent = await lab.startAgent(ADMIN, false)
    const { why = '' } = await until('the agent says why it is not ready', async () => {
      const answer = await readyz(agent).catch(() => undefined)
      return answer?.why?.includes('program ') && answer
    })
    assert.match(
      why,
      new RegExp(`program ${id} \\(redirect_connec\\) is attached to ${at(lab.node.kubepods)} as connect4`),
    )
    assert.match(why, /bpftool cgroup detach/)
    const complaints = () => agent.log().filter(({ level, msg }) => level === 'error' && /attach/.test(String(msg)))
    assert.equal(complaints().length, 1)
    assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'real GET /orders')
    detach()
    await until('the agent is ready', async () => (await readyz(agent)).ok)
    await isIntercepted(lab, agent, pod)
    assert.equal(complaints().length, 1)
    assert.equal(await agent.stop(), 0)
  })
}

test('an agent that waits for another program to go ends when it is told to', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  excluder(t, lab.node.kubepods)
  const agent = await lab.startAgent(ADMIN, false)
  await until('the agent waits', async () => (await readyz(agent).catch(() => undefined))?.why?.includes('program '))
  assert.equal(await agent.stop(), 0)
})

test('an agent works without pins where there can be no file system for them', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent({ pinFolder: '/proc/understudy/pins' })
  const warning = agent.log().find(({ msg }) => String(msg).startsWith('nothing can be pinned'))
  assert.equal(warning?.['level'], 'warn')
  assert.match(String(warning?.['why']), /ENOENT/)
  const pod = await lab.createPod()
  await isIntercepted(lab, agent, pod)
  assert.equal(await agent.stop(), 0)
  await until('its programs went with it', () => attachedTo(lab.node.kubepods).length === 0)
  assert.equal(await lab.get(pod, `${lab.upstream.url}/orders`), 'real GET /orders')
})

test('an agent that cannot write its state says so and ends', { skip: requireMiniNode() }, async (t) => {
  const lab = await startAgentLab(t)
  const around = ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o ro none ${lab.state} && exec "$0" "$@"`]
  const agent = await lab.startAgent({}, false, undefined, around)
  assert.deepEqual(((await agent.finished) as { code: number }).code, 2)
  assert.match(agent.output(), /cannot take its turn in .*agent-state: EROFS/)
  assert.match(agent.output(), /set stateFolder to one that is/)
  assert.deepEqual(attachedTo(lab.node.kubepods), [])
})

test('a pod that there is no room for fails by itself, and is intercepted once there is', {
  skip: requireMiniNode(),
}, async (t) => {
  const lab = await startAgentLab(t)
  const agent = await lab.startAgent({ reconcileIntervalMs: 3_600_000 })
  const early = await lab.createPod()
  await agent.sees(early, 'intercepted')
  const filler = loadNode(SHIM, { pins: lab.pins })
  t.after(filler.close)
  const [known] = filler.policies()
  assert.ok(known)
  const cookies = fill((cookie) => filler.setPolicy(cookie, known.policy))
  const late = await lab.createPod()
  const { why } = await agent.sees(late, 'failed')
  assert.match(why, /the kernel's map policies is full: it holds 1024 entries/)
  await until('an event tells it', () =>
    lab
      .eventsOf(late)
      .some(({ reason, message }) => reason === 'InterceptionFailed' && /policies is full/.test(message)),
  )
  await isIntercepted(lab, agent, early)
  assert.equal(await lab.get(late, `${lab.upstream.url}/orders`), 'real GET /orders')
  for (const cookie of cookies) filler.removePolicy(cookie)
  await isIntercepted(lab, agent, late)
})

/** Adds entries until there is no room; their keys. */
const fill = (add: (cookie: bigint) => void): bigint[] => {
  const cookies: bigint[] = []
  for (let cookie = 1n << 60n; ; cookie++) {
    try {
      add(cookie)
    } catch (error) {
      assert.ok(error instanceof UnderstudyError && error.code === 'MAP_FULL')
      return cookies
    }
    cookies.push(cookie)
  }
}
