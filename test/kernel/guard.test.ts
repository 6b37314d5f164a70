import assert from 'node:assert/strict'
import { POLICY_FAIL_CLOSED } from '../../src/kernel/layout.ts'
import { attachedTo } from '../support/bpftool.ts'
import { dial, dialAndStay, parseSeen, serveWorld } from '../support/client.ts'
import { fixture, type Lab, labTest, NET, type Started, until } from '../support/lab.ts'
import { type PlaneOptions, startPlane } from '../support/plane.ts'

const kernelTest = labTest('guard')
const V4 = { to: [NET.served4, 80] } as const
const V6 = { family: 6, to: [NET.served6, 80] } as const
const CLOSED = { policy: { flags: POLICY_FAIL_CLOSED } }

kernelTest('when the listener is closed, connections go where they were going', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab)
  context.after(plane.close)
  plane.stopListening()
  assert.match((await dial(lab, V4)).answer ?? '', /^world 10\.77\.0\.1 at 10\.88\.1\.2 80$/)
  assert.match((await dial(lab, V6)).answer ?? '', /^world 2001:db8:77::1 at 2001:db8:88::2 80$/)
  assert.deepEqual(plane.counted(), { no_listener: 2 })
})

kernelTest('a policy without a port for IPv6 leaves IPv6 alone', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, { policy: { listenPort6: 0 } })
  context.after(plane.close)
  assert.match((await dial(lab, V6)).answer ?? '', /^world /)
  assert.equal((await dial(lab, V4)).answer, 'understudy')
  assert.deepEqual(plane.counted(), { no_listener: 1, redirected: 1, accepted: 1 })
})

kernelTest("a stranger on the listener's port is not sent the workload's connections", async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab)
  context.after(plane.close)
  plane.stopListening()
  const stranger = await serveWorld(lab, [plane.policy.listenPort4], 'app')
  context.after(() => stranger.kill())
  assert.match((await dial(lab, { to: ['127.0.0.1', plane.policy.listenPort4] })).answer ?? '', /at 127\.0\.0\.1/)
  assert.deepEqual(plane.counted(), { loopback: 1 })
  assert.match((await dial(lab, V4)).answer ?? '', /^world 10\.77\.0\.1 at 10\.88\.1\.2 80$/)
  assert.deepEqual(plane.counted(), { no_listener: 1 })
})

kernelTest("another policy's listener is a stranger too", async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab)
  context.after(plane.close)
  plane.changePolicy({ id: plane.policy.id + 1000 })
  assert.match((await dial(lab, V4)).answer ?? '', /^world /)
  assert.deepEqual(plane.counted(), { no_listener: 1 })
})

kernelTest('an agent that has never beaten gets nothing', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, { beat: false })
  context.after(plane.close)
  assert.match((await dial(lab, V4)).answer ?? '', /^world /)
  assert.match((await dial(lab, V6)).answer ?? '', /^world /)
  assert.deepEqual(plane.counted(), { agent_stale: 2 })
})

kernelTest('a workload that fails closed is refused when there is no listener', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, CLOSED)
  context.after(plane.close)
  assert.equal((await dial(lab, V4)).answer, 'understudy')
  plane.counted()
  plane.stopListening()
  assert.deepEqual(await dial(lab, V4), { error: 'ECONNREFUSED' })
  assert.deepEqual(await dial(lab, V6), { error: 'ECONNREFUSED' })
  assert.deepEqual(await dial(lab, { family: 6, to: [`::ffff:${NET.served4}`, 80] }), { error: 'ECONNREFUSED' })
  assert.deepEqual(await dial(lab, { ...V4, connect: 'nonblocking' }), { error: 'ECONNREFUSED' })
  assert.deepEqual(plane.counted(), { failed_closed: 4 })
})

kernelTest('a workload that fails closed is refused when the agent is silent', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, { ...CLOSED, beat: false })
  context.after(plane.close)
  assert.deepEqual(await dial(lab, V4), { error: 'ECONNREFUSED' })
  assert.deepEqual(await dial(lab, V6), { error: 'ECONNREFUSED' })
  assert.deepEqual(plane.counted(), { failed_closed: 2 })
})

kernelTest('a workload that fails closed still reaches what is not intercepted', async (lab, context) => {
  await serve(lab)
  const plane = await startPlane(lab, { policy: { ...CLOSED.policy, excludedPorts: [{ first: 80, last: 80 }] } })
  context.after(plane.close)
  plane.stopListening()
  assert.match((await dial(lab, V4)).answer ?? '', /^world /)
  assert.deepEqual(plane.counted(), { excluded_port: 1 })
})

kernelTest('an agent that is stopped gets nothing until it goes on', async (lab, context) => {
  await serve(lab)
  const agent = await startAgent(lab, { kernel: { heartbeatIntervalMs: 50, heartbeatStaleMs: 400 } })
  context.after(() => agent.kill())
  await until('connections are intercepted', async () => (await whoAnswers(lab)) === 'understudy')
  agent.kill('SIGSTOP')
  await until('connections go direct', async () => (await whoAnswers(lab)) === 'world')
  agent.kill('SIGCONT')
  await until('connections are intercepted again', async () => (await whoAnswers(lab)) === 'understudy')
})

kernelTest('an agent whose event loop is stuck counts as dead although its threads live', async (lab, context) => {
  await serve(lab)
  const agent = await startAgent(lab, { kernel: { heartbeatIntervalMs: 50, heartbeatStaleMs: 200 } })
  context.after(() => agent.kill())
  await until('connections are intercepted', async () => (await whoAnswers(lab)) === 'understudy')
  agent.tell('block')
  await until('connections go direct', async () => (await whoAnswers(lab)) === 'world')
})

for (const end of ['SIGKILL', 'SIGTERM', 'quit'] as const) {
  kernelTest(
    `an agent that ends by ${end} leaves nothing attached and harms no later connection`,
    async (lab, context) => {
      await serve(lab)
      const agent = await startAgent(lab, {})
      context.after(() => agent.kill())
      assert.ok(attachedTo(lab.cgroups.workload).includes('redirect_connec'))
      assert.deepEqual(attachedTo(lab.cgroups.tree), ['follow_sockets'])
      const client = await dialAndStay(lab, V4)
      if (end === 'quit') agent.tell(end)
      else agent.kill(end)
      const ended = await agent.finished
      assert.equal(ended.signal, end === 'quit' ? null : end, ended.stderr)
      await until('nothing is attached', () => attachedTo(lab.cgroups.workload).length === 0)
      assert.deepEqual(attachedTo(lab.cgroups.tree), [])
      assert.match((await dial(lab, V4)).answer ?? '', /^world /)
      client.tell('go on')
      const seen = parseSeen((await client.finished).stdout)
      assert.match(seen.error ?? '', /^(ECONNRESET|EPIPE|ENOTCONN|)$/)
      assert.equal(seen.answer ?? '', '')
    },
  )
}

let served: Promise<unknown> | undefined
/** The same server for all tests of this file. */
function serve(lab: Lab): Promise<unknown> {
  served ??= serveWorld(lab, [80])
  return served
}

/** An agent in its own process; its cgroup is not the workload's. */
async function startAgent(lab: Lab, options: PlaneOptions): Promise<Started> {
  const orders = JSON.stringify({ netns: lab.appNetns, cgroups: lab.cgroups, options })
  const agent = lab.start('world', [process.execPath, fixture('agent.ts'), orders])
  await agent.said('listening')
  return agent
}

/** `understudy`, `world`, or nothing within a fraction of a second: a stopped listener still accepts. */
async function whoAnswers(lab: Lab): Promise<string> {
  const { stdout } = await lab.run('workload', ['curl', '-s', '-m', '0.3', `http://${NET.served4}/`])
  return stdout.split(' ')[0] ?? ''
}
