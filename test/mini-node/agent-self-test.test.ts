/** A pod whose listener its own network keeps out of reach: the test from inside of it tells, and others do not notice. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { until } from '../support/lab.ts'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'

const FAILED = 'understudy_self_tests_total{result="failed"}'

agentSuite('a pod whose listener cannot be reached', (the) => {
  let agent: AgentProcess
  let other: Pod
  const mended: Pod[] = []

  before(async () => {
    agent = await the().startAgent({ reconcileIntervalMs: 100, selfTestIntervalMs: 1 })
    await agent.control('PUT', '/mockserver/expectation', {
      httpRequest: { path: '/orders' },
      httpResponse: { body: 'mocked' },
    })
    other = await the().createPod()
    await agent.sees(other, 'intercepted')
  })

  const inNetns = async (pod: Pod, ...command: readonly string[]): Promise<void> => {
    const { code, stderr } = await the().node.run(['nsenter', `--net=${pod.netnsPath}`, ...command])
    assert.equal(code, 0, stderr)
  }
  const orders = (pod: Pod): Promise<string> => the().get(pod, `${the().upstream.url}/orders`)
  const failures = async (): Promise<number> => (await agent.metric(FAILED)) ?? 0
  /** Once an event on the pod says this. */
  const told = (pod: Pod, wanted: string, text: RegExp) =>
    until(`an event tells ${text}`, () =>
      the()
        .eventsOf(pod)
        .find(({ reason, message }) => reason === wanted && text.test(message)),
    )

  for (const [what, raise, remove, why] of [
    [
      'refuses what goes to loopback',
      [
        'nft',
        'add table inet wall; add chain inet wall in { type filter hook input priority 0; }; ' +
          'add rule inet wall in iif lo tcp flags & (syn|ack) == syn reject with tcp reset',
      ],
      ['nft', 'delete table inet wall'],
      /^the test from inside of it failed: the connection failed: ECONNREFUSED/,
    ],
    [
      'drops what goes to loopback',
      [
        'nft',
        'add table inet wall; add chain inet wall in { type filter hook input priority 0; }; ' +
          'add rule inet wall in iif lo meta l4proto tcp drop',
      ],
      ['nft', 'delete table inet wall'],
      /^the test from inside of it failed: nobody answered in time/,
    ],
    [
      'has its loopback interface down',
      ['ip', 'link', 'set', 'lo', 'down'],
      ['ip', 'link', 'set', 'lo', 'up'],
      /^the test from inside of it failed: .*(?:ENETUNREACH|EADDRNOTAVAIL|EINVAL|nobody answered)/,
    ],
  ] as const) {
    test(`a pod that ${what} fails with its reason, is told, and is intercepted again afterwards`, async () => {
      const pod = await the().createPod()
      await agent.sees(pod, 'intercepted')
      const passed = await failures()
      await inNetns(pod, ...raise)
      const shown = await agent.sees(pod, 'failed')
      assert.match(shown.why, why)
      assert.ok((await failures()) > passed, 'it is counted')
      const event = await told(pod, 'InterceptionFailed', why)
      assert.equal(event.type, 'Warning')
      assert.equal(await orders(other), 'mocked')
      assert.equal((await agent.sees(other, 'intercepted')).why, '')
      await inNetns(pod, ...remove)
      await agent.sees(pod, 'intercepted')
      assert.equal(await orders(pod), 'mocked')
      mended.push(pod)
    })
  }

  test('that it works again is told on the pod, and on the other pod nothing went wrong', async () => {
    // What was reported again and again is written at the end at the latest.
    assert.equal(await agent.stop(), 0)
    assert.ok(mended.length > 0)
    for (const pod of mended) await told(pod, 'Intercepted', /^interception works again$/)
    assert.ok(
      the()
        .eventsOf(other)
        .every(({ reason, message }) => reason === 'Intercepted' && /go through the agent/.test(message)),
    )
  })
})
