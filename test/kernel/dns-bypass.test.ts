import assert from 'node:assert/strict'
import { POLICY_FAIL_CLOSED, POLICY_HAS_EXCLUDED_CIDRS } from '../../src/kernel/layout.ts'
import { argv, ask, begin, parse, serveNames, WORLD_ANSWER } from '../support/asker.ts'
import { OUR_ANSWER } from '../support/dns-listener.ts'
import { labTest, NET } from '../support/lab.ts'

const kernelTest = labTest('dns-left')
const STUB_ANSWER = '192.0.2.153'
const MARK = 0x7531

for (const connect of [true, undefined]) {
  const how = connect ? 'a connected' : 'an unconnected'
  const question = { servers: [[NET.served4, 53]], ...(connect ? { connect } : {}) } as const
  const question6 = { ...question, servers: [[NET.served6, 53]], family: 6 } as const

  kernelTest(`${how} question goes to the real server when nobody listens`, async (lab, context) => {
    const { plane, dns } = await begin(lab, context)
    dns.close()
    const seen = await ask(lab, question)
    assert.deepEqual([seen.answers, seen.from], [[WORLD_ANSWER], [`${NET.served4} 53`]])
    assert.deepEqual((await ask(lab, question6)).answers, [WORLD_ANSWER])
    assert.deepEqual(plane.counted(), { dns_no_agent: 2 })
  })

  kernelTest(`${how} socket that was answered by us goes to the real server once we are gone`, async (lab, context) => {
    const { plane, dns } = await begin(lab, context)
    const asker = lab.start('workload', argv({ ...question, twice: true, pause: true }))
    await asker.said('once')
    dns.close()
    plane.detach()
    asker.tell('go on')
    const { answers, from } = parse((await asker.finished).stdout)
    assert.deepEqual(answers, [OUR_ANSWER, WORLD_ANSWER])
    assert.deepEqual(from, [`${NET.served4} 53`, `${NET.served4} 53`])
  })

  kernelTest(`${how} question goes to the real server when the agent is silent`, async (lab, context) => {
    const { plane } = await begin(lab, context, { beat: false })
    assert.deepEqual((await ask(lab, question)).answers, [WORLD_ANSWER])
    assert.deepEqual((await ask(lab, question6)).answers, [WORLD_ANSWER])
    assert.deepEqual(plane.counted(), { dns_no_agent: 2 })
  })

  kernelTest(`${how} question goes to the real server when the programs are gone`, async (lab, context) => {
    const { plane } = await begin(lab, context)
    plane.detach()
    assert.deepEqual((await ask(lab, question)).answers, [WORLD_ANSWER])
  })

  kernelTest(`${how} question is left alone when DNS is off`, async (lab, context) => {
    const { plane } = await begin(lab, context)
    plane.changePolicy({ dnsPort4: 0, dnsPort6: 0 })
    assert.deepEqual((await ask(lab, question)).answers, [WORLD_ANSWER])
    assert.deepEqual(plane.counted(), {})
  })

  kernelTest(`${how} question to an excluded server, port or through a device is left alone`, async (lab, context) => {
    const { plane } = await begin(lab, context, { kernel: { mark: MARK } })
    assert.deepEqual((await ask(lab, { ...question, device: NET.device })).answers, [WORLD_ANSWER])
    assert.deepEqual((await ask(lab, { ...question, mark: MARK })).answers, [WORLD_ANSWER])
    plane.kernel.excludeCidr(plane.policy.id, '10.88.0.0', 16)
    plane.changePolicy({ flags: POLICY_HAS_EXCLUDED_CIDRS })
    assert.deepEqual((await ask(lab, question)).answers, [WORLD_ANSWER])
    assert.deepEqual((await ask(lab, question6)).answers, [OUR_ANSWER])
    plane.changePolicy({ flags: 0, excludedPorts: [{ first: 53, last: 53 }] })
    assert.deepEqual((await ask(lab, question)).answers, [WORLD_ANSWER])
    assert.deepEqual(plane.counted(), { dns_excluded: 4, dns_redirected: 1 })
  })
}

kernelTest('a link-local IPv6 server is asked itself, as it has a scope', async (lab, context) => {
  const { plane } = await begin(lab, context)
  const scoped = [NET.linkLocal6, 53, 0, NET.device]
  assert.deepEqual((await ask(lab, { servers: [scoped], family: 6 })).answers, [WORLD_ANSWER])
  assert.deepEqual((await ask(lab, { servers: [scoped], family: 6, connect: true })).answers, [WORLD_ANSWER])
  assert.deepEqual(plane.counted(), { dns_excluded: 2 })
})

kernelTest('datagrams to other ports are neither redirected nor counted', async (lab, context) => {
  const { plane, dns } = await begin(lab, context)
  await serveNames(lab, context, 'world', STUB_ANSWER, '0.0.0.0', 5353)
  const seen = await ask(lab, { servers: [[NET.served4, 5353]] })
  assert.deepEqual([seen.answers, seen.from], [[STUB_ANSWER], [`${NET.served4} 5353`]])
  assert.equal((await ask(lab, { servers: [[NET.served4, 5353]], connect: true })).peer, `${NET.served4} 5353`)
  assert.deepEqual(plane.counted(), {})
  assert.deepEqual(dns.questions, [])
})

kernelTest("a stranger on the listener's port is not sent the workload's questions", async (lab, context) => {
  const { plane, dns } = await begin(lab, context)
  dns.close()
  await serveNames(lab, context, 'app', STUB_ANSWER, '127.0.0.1', dns.port)
  assert.deepEqual((await ask(lab, { servers: [[NET.served4, 53]] })).answers, [WORLD_ANSWER])
  // and what the stranger sends is shown as it is
  const seen = await ask(lab, { servers: [['127.0.0.1', dns.port]] })
  assert.deepEqual([seen.answers, seen.from], [[STUB_ANSWER], [`127.0.0.1 ${dns.port}`]])
  assert.deepEqual(plane.counted(), { dns_no_agent: 1 })
})

kernelTest('a workload that fails closed is still answered by its name server', async (lab, context) => {
  const { plane, dns } = await begin(lab, context)
  plane.changePolicy({ flags: POLICY_FAIL_CLOSED })
  dns.close()
  plane.stopListening()
  assert.deepEqual((await ask(lab, { servers: [[NET.served4, 53]] })).answers, [WORLD_ANSWER])
  assert.deepEqual(plane.counted(), { dns_no_agent: 1 })
})
