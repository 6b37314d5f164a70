import assert from 'node:assert/strict'
import { dial, dialAndStay, serveWorld } from '../support/client.ts'
import { fixture, labTest, NET, until } from '../support/lab.ts'
import { type Plane, startPlane } from '../support/plane.ts'

const kernelTest = labTest('client-slots')
const SLOTS = 16_384
const UNROUTED = '198.51.100.1'

const slots = (plane: Plane): number => plane.kernel.readMapEntries()['client_slots'] ?? -1

for (const [fate, excludedPorts] of [
  ['redirected', []],
  ['left alone', [{ first: 80, last: 80 }]],
] as const) {
  kernelTest(`a connection that is ${fate} holds one slot, and none once it has ended`, async (lab, context) => {
    const plane = await startPlane(lab, { policy: { source4: NET.app4, excludedPorts } })
    context.after(plane.close)
    const server = await serveWorld(lab, [80])
    context.after(() => server.kill())
    const client = await dialAndStay(lab, { to: [NET.served4, 80] })
    assert.equal(slots(plane), 1)
    client.tell('go on')
    await client.finished
    await until('no slot is held', () => slots(plane) === 0)
  })
}

kernelTest('a connect() that the host itself refuses to try leaves no slot', async (lab, context) => {
  const plane = await startPlane(lab, { policy: { excludedPorts: [{ first: 80, last: 80 }] } })
  context.after(plane.close)
  const route = async (verb: string) => lab.run('app', ['ip', 'route', verb, 'unreachable', UNROUTED])
  assert.equal((await route('add')).code, 0)
  context.after(() => route('delete'))
  const seen = await dial(lab, { to: [UNROUTED, 80] })
  assert.equal(seen.error, 'EHOSTUNREACH')
  assert.deepEqual(plane.counted(), { excluded_port: 1 })
  assert.equal(slots(plane), 0)
})

kernelTest('two connections whose cookies share a slot are both recorded and summed up', async (lab, context) => {
  const plane = await startPlane(lab, { policy: { source4: NET.app4 } })
  context.after(plane.close)
  const argv = ['python3', '-S', '-E', fixture('same-slot.py'), NET.served4, '80', `${SLOTS}`]
  const { code, stderr } = await lab.run('workload', argv)
  assert.equal(code, 0, stderr)
  const arrived = await plane.arrivals(2)
  const [first = 0n, second = 0n] = arrived.map(({ saved }) => saved?.clientCookie ?? 0n)
  assert.equal((second - first) % BigInt(SLOTS), 0n)
  assert.notEqual(first, second)
  await until('both are summed up', () => plane.summaries().length === 2)
  assert.deepEqual(new Set(plane.summaries().map(({ cookie }) => cookie)), new Set([first, second]))
  await until('no slot is held', () => slots(plane) === 0)
})
