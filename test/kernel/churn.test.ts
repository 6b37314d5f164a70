import assert from 'node:assert/strict'
import { fence } from '../support/fence.ts'
import { fixture, labTest, NET, until } from '../support/lab.ts'
import { startPlane } from '../support/plane.ts'

const kernelTest = labTest('churn')
const COUNT = 3000
const EACH = COUNT / 6
const MARK = 0x77
const CLOSED_PORT = 8081

for (const [family, host] of [
  ['IPv4', NET.served4],
  ['IPv6 sockets with IPv4 addresses', `::ffff:${NET.served4}`],
] as const) {
  kernelTest(`of ${COUNT} connections over ${family} no record is lost and none is left`, async (lab, context) => {
    const plane = await startPlane(lab, {
      policy: { source4: NET.app4, excludedPorts: [{ first: CLOSED_PORT, last: CLOSED_PORT }] },
    })
    context.after(plane.close)
    await fence(lab, context, 'app', `meta mark ${MARK} tcp dport ${plane.policy.listenPort4} reject with tcp reset`)
    const argv = [host, '80', `${COUNT}`, `${MARK}`, `${CLOSED_PORT}`]
    const result = await lab.run('workload', ['python3', '-S', '-E', fixture('churn.py'), ...argv])
    assert.equal(result.stderr, '')
    const { totals, wrong } = JSON.parse(result.stdout) as { totals: Record<string, number>; wrong: string[] }
    assert.deepEqual(wrong, [])
    assert.deepEqual(new Set(Object.values(totals)), new Set([EACH]))

    const arrived = await plane.arrivals(4 * EACH)
    assert.deepEqual(plane.counted(), { redirected: 5 * EACH, accepted: 4 * EACH, excluded_port: EACH })
    assert.equal(arrived.filter(({ saved }) => saved?.destination.address !== NET.served4).length, 0)
    assert.equal(new Set(arrived.map(({ cookie }) => cookie)).size, 4 * EACH)
    assert.equal(new Set(arrived.map(({ saved }) => saved?.clientCookie)).size, 4 * EACH)

    await plane.emptied()
    const ends = await until('every end is summed up', () => plane.summaries().length === COUNT && plane.summaries())
    assert.equal(plane.kernel.readCounters()['events_dropped'], 0)
    const reasons = Map.groupBy(ends, ({ closeReason }) => closeReason)
    assert.equal(reasons.get('refused')?.length, 2 * EACH)
    assert.equal(reasons.get('orderly')?.length, 2 * EACH)
    assert.equal(reasons.get('aborted')?.length, 2 * EACH)
    assert.deepEqual(plane.counted(), {})
  })
}
