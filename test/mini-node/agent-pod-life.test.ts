/** What becomes of interception as pods go, begin anew, or come by the dozen; and that nothing of them is kept. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { pinFolder } from '../../src/kernel/pins.ts'
import { entryCount } from '../support/bpftool.ts'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite, serveSlowly } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'

const INTERCEPT = { 'understudy.dev/intercept': 'true' }
const BURST = 20

agentSuite('the life of intercepted pods', (the) => {
  let agent: AgentProcess

  const begin = async (): Promise<void> => {
    agent = await the().startAgent()
    await agent.control('PUT', '/mockserver/expectation', {
      httpRequest: { path: '/orders' },
      httpResponse: { body: 'mocked' },
    })
  }
  before(begin)

  const orders = (pod: Pod): Promise<string> => the().get(pod, `${the().upstream.url}/orders`)
  const mapSize = (name: string): number => entryCount(join(pinFolder(the().pins), name))
  /** What descriptors of the agent's lead to, but for those that it was born with: they are the test's. */
  const held = (pid: number): string[] =>
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      if (Number(fd) <= 2) return []
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  /** Network namespaces that it holds but is not in. */
  const heldNamespaces = (): number => {
    const own = readlinkSync(`/proc/${agent.pid}/ns/net`)
    return held(agent.pid).filter((target) => target.startsWith('net:') && target !== own).length
  }
  /** Sockets in the network namespaces of others, which keep those alive. */
  const heldSockets = (): number => {
    const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'unix', 'netlink'].map((name) => `/proc/${agent.pid}/net/${name}`)
    const own = new Set(tables.flatMap((path) => readFileSync(path, 'utf8').match(/\b\d+\b/g) ?? []))
    return held(agent.pid).filter((target) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? []
      return inode !== undefined && !own.has(inode)
    }).length
  }
  const counts = () => ({
    policies: mapSize('policies'),
    cidrs: mapSize('excluded_cidrs'),
    sockets: heldSockets(),
    namespaces: heldNamespaces(),
  })

  /** Those of the tests before are gone; so many are left. */
  const left = (count: number): Promise<unknown> =>
    until(
      'there are no other pods',
      async () => mapSize('policies') === count && (await agent.workloads()).length === count,
    )

  test('of a deleted pod nothing is kept: policy, networks, listeners, network namespace', async (t) => {
    const slow = await serveSlowly(t, the())
    const none = { policies: 0, cidrs: 0, sockets: 0, namespaces: 0 }
    await until('the agent holds nothing', () => isDeepStrictEqual(counts(), none))
    const pod = await the().createPod({
      annotations: { ...INTERCEPT, 'understudy.dev/exclude-outbound-cidrs': '10.9.0.0/16,fd09::/16' },
    })
    await agent.sees(pod, 'intercepted')
    assert.equal(await orders(pod), 'mocked')
    const { sockets, ...some } = counts()
    assert.deepEqual(some, { policies: 1, cidrs: 2, namespaces: 1 })
    assert.ok(sockets > 0)
    const pending = pod.exec(['wget', '-q', '-O', '-', slow.url])
    await until('a response is under way', () => slow.open() === 1)
    await pod.remove()
    assert.notEqual((await pending).exitCode, 0)
    await until('nothing of it is left', () => isDeepStrictEqual(counts(), none))
    assert.equal(
      (await agent.workloads()).find(({ uid }) => uid === pod.uid),
      undefined,
    )
  })

  test('a restarted container is intercepted as the one before', async () => {
    const pod = await the().createPod()
    const { policy } = await agent.sees(pod, 'intercepted')
    await pod.restartContainer()
    assert.equal(await orders(pod), 'mocked')
    assert.equal((await agent.sees(pod, 'intercepted')).policy, policy)
    await pod.remove()
  })

  test('a pod whose sandbox is made anew is intercepted in its new network namespace', async () => {
    const pod = await the().createPod()
    const { netnsCookie } = await agent.sees(pod, 'intercepted')
    await left(1)
    await pod.recreateSandbox()
    await until('it is found again', async () => (await agent.sees(pod, 'intercepted')).netnsCookie !== netnsCookie)
    assert.equal(await orders(pod), 'mocked')
    await until('there is one policy for it', () => mapSize('policies') === 1)
    await pod.remove()
  })

  test('a pod that gets the address of one before it is judged by its own annotation', async () => {
    const createLowest = async (annotations: Readonly<Record<string, string>>): Promise<Pod> => {
      const counters = ['0', '1'].map((range) => `/run/cni-addresses/pods/last_reserved_ip.${range}`)
      await the().node.run(['rm', '-f', ...counters], { view: 'node' })
      return the().createPod({ annotations })
    }
    const first = await createLowest(INTERCEPT)
    await agent.sees(first, 'intercepted')
    assert.equal(await orders(first), 'mocked')
    await first.remove()
    const second = await createLowest({})
    assert.deepEqual(second.ips, first.ips)
    assert.equal(await orders(second), 'real GET /orders')
    await second.remove()
    const third = await createLowest(INTERCEPT)
    assert.deepEqual(third.ips, first.ips)
    await agent.sees(third, 'intercepted')
    assert.equal(await orders(third), 'mocked')
    await third.remove()
  })

  test(`${BURST} pods at once are all intercepted, and leave nothing when they go at once`, async () => {
    await left(0)
    const none = { policies: 0, cidrs: 0, sockets: 0, namespaces: 0 }
    const pods = await Promise.all(Array.from({ length: BURST }, () => the().createPod()))
    for (const pod of pods) await agent.sees(pod, 'intercepted')
    assert.deepEqual(
      await Promise.all(pods.map(orders)),
      pods.map(() => 'mocked'),
    )
    const cookies = new Set((await agent.workloads()).map(({ netnsCookie }) => netnsCookie))
    assert.equal(cookies.size, BURST)
    assert.equal(mapSize('policies'), BURST)
    await Promise.all(pods.map((pod) => pod.remove()))
    await until('nothing of them is left', () => isDeepStrictEqual(counts(), none))
  })

  test('the policy of a pod that went while no agent was there is removed by the next', async () => {
    await left(0)
    const gone = await the().createPod({ annotations: { ...INTERCEPT, 'understudy.dev/fail': 'closed' } })
    const stays = await the().createPod({ annotations: { ...INTERCEPT, 'understudy.dev/fail': 'closed' } })
    for (const pod of [gone, stays]) await agent.sees(pod, 'intercepted')
    await agent.stop('SIGKILL')
    await gone.remove()
    assert.equal(mapSize('policies'), 2)
    await begin()
    await agent.sees(stays, 'intercepted')
    await until('one is removed', () => mapSize('policies') === 1)
    assert.equal(await orders(stays), 'mocked')
    await stays.remove()
  })
})
