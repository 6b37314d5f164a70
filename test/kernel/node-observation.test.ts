import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import type { ConnectionSummary } from '../../src/flow.ts'
import { openNetns } from '../../src/kernel/netns.ts'
import type { OpenConnection } from '../../src/kernel/open-connections.ts'
import type { Kernel, KernelOptions } from '../../src/kernel/programs.ts'
import { type ClientSpec, dial, serveWorld } from '../support/client.ts'
import { fixture, type Lab, labTest, NET, until } from '../support/lab.ts'
import { ended, enrol, loadNode } from '../support/node.ts'
import { startPlane } from '../support/plane.ts'

const kernelTest = labTest('node-observation')

type Context = { after(run: () => void | Promise<void>): void }
let trees = 0

/** An agent that observes; nobody is enrolled. */
const observing = (lab: Lab, context: Context, options: Partial<KernelOptions> = {}) => {
  const cgroups = lab.addCgroups(`kubepods-${++trees}`)
  const kernel = loadNode(lab.shim, options)
  context.after(kernel.close)
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: cgroups.tree, dns: true })
  const seen: ConnectionSummary[] = []
  const summaries = (count: number): Promise<ConnectionSummary[]> =>
    until(`${count} summaries`, () => {
      kernel.drainEvents((summary) => seen.push(summary))
      return seen.length >= count && seen
    })
  const netns = openNetns(lab.shim, lab.appNetns)
  context.after(netns.close)
  return { kernel, ...cgroups, summaries, netnsCookie: netns.netnsCookie() }
}

const open = (kernel: Kernel): OpenConnection[] => {
  const all: OpenConnection[] = []
  kernel.readOpenConnections((connection) => all.push(connection))
  return all
}

const world = async (lab: Lab, context: Context, ports = [80]) => {
  const server = await serveWorld(lab, ports)
  context.after(() => ended(server))
}

const SERVED: readonly [string, ClientSpec, string][] = [
  ['IPv4', { to: [NET.served4, 80] }, NET.served4],
  ['IPv6', { family: 6, to: [NET.served6, 80] }, NET.served6],
  ['IPv4 through an IPv6 socket', { family: 6, to: [`::ffff:${NET.served4}`, 80] }, NET.served4],
]
for (const [name, spec, address] of SERVED) {
  kernelTest(
    `a pod that is not enrolled is observed over ${name}, and reaches whom it asked for`,
    async (lab, context) => {
      await world(lab, context)
      const { kernel, workload, summaries, netnsCookie } = observing(lab, context)
      const seen = await dial(lab, spec, workload)
      assert.match(seen.answer ?? '', /^world/)
      const [summary] = await summaries(1)
      assert.deepEqual(summary?.destination, { address, port: 80 })
      assert.deepEqual(summary?.dialled, { address, port: 80 })
      assert.equal(summary?.verdict, 'not_enrolled')
      assert.equal(summary?.netnsCookie, netnsCookie)
      assert.equal(summary?.cgroupId, BigInt(statSync(workload).ino))
      assert.equal(summary?.process.name, 'python3')
      assert.equal(summary?.closeReason, 'orderly')
      assert.ok(summary?.established && summary.bytesSent > 0 && summary.bytesReceived > 0)
      assert.equal(kernel.readCounters()['not_enrolled'], 1)
      assert.deepEqual(open(kernel), [])
    },
  )
}

for (const [fate, address, reason] of [
  ['refused', NET.world4, 'refused'],
  ['unreachable', NET.unreachable4, 'unreachable'],
] as const) {
  kernelTest(`a connect() that is ${fate} is observed as such`, async (lab, context) => {
    const { workload, summaries } = observing(lab, context)
    const seen = await dial(lab, { to: [address, 4711] }, workload)
    assert.ok(seen.error)
    const [summary] = await summaries(1)
    assert.equal(summary?.closeReason, reason)
    assert.equal(summary?.established, false)
    assert.deepEqual(summary?.dialled, { address, port: 4711 })
  })
}

kernelTest("a socket with the agent's mark is told apart in a pod that is not enrolled", async (lab, context) => {
  const mark = 77
  const { workload, summaries } = observing(lab, context, { mark })
  await dial(lab, { to: [NET.world4, 1], mark }, workload)
  const [summary] = await summaries(1)
  assert.equal(summary?.verdict, 'own_traffic')
  assert.deepEqual(summary?.dialled, { address: NET.world4, port: 1 })
})

kernelTest('what a pod says to itself is counted and not noted', async (lab, context) => {
  const server = await serveWorld(lab, [8080], 'app')
  context.after(() => ended(server))
  const { kernel, workload, summaries } = observing(lab, context)
  await dial(lab, { to: ['127.0.0.1', 8080] }, workload)
  await dial(lab, { family: 6, to: ['::1', 8080] }, workload)
  await dial(lab, { to: [NET.world4, 1] }, workload)
  assert.equal((await summaries(1)).length, 1)
  assert.equal(kernel.readCounters()['loopback'], 2)
})

kernelTest('without the wish to observe, only pods with a policy are noted', async (lab, context) => {
  const { kernel, workload, listener, summaries } = observing(lab, context, { observesAll: false })
  await dial(lab, { to: [NET.world4, 1] }, workload)
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one' })
  context.after(one.stop)
  await dial(lab, { to: [NET.served4, 80] }, workload)
  assert.deepEqual(
    (await summaries(1)).map(({ verdict }) => verdict),
    ['redirected'],
  )
  assert.equal(kernel.readCounters()['not_enrolled'], 0)
})

kernelTest(
  'the address that a load balancer above has put in is told beside the one asked for',
  async (lab, context) => {
    const { tree, workload, listener, summaries } = observing(lab, context)
    const above = { tree: `${tree}/..`, workload: `${tree}/..`, listener }
    // another program of the same kind, on a parent as a cluster's is: it rewrites to an address of its own
    const balancer = await startPlane({ ...lab, cgroups: above }, { policy: { flags: 0 } })
    context.after(balancer.close)
    const seen = await dial(lab, { to: [NET.served4, 80] }, workload)
    assert.equal(seen.answer, 'understudy', 'the balancer was there')
    const [summary] = await summaries(1)
    assert.equal(summary?.verdict, 'not_enrolled')
    assert.deepEqual(summary?.destination, { address: NET.served4, port: 80 })
    assert.deepEqual(summary?.dialled, { address: '127.0.0.1', port: balancer.policy.listenPort4 })
  },
)

kernelTest('a redirected connection has no address of its own that it dialled', async (lab, context) => {
  const { kernel, workload, listener, summaries } = observing(lab, context)
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one' })
  context.after(one.stop)
  await dial(lab, { to: [NET.served4, 80] }, workload)
  const [summary] = await summaries(1)
  assert.equal(summary?.verdict, 'redirected')
  assert.equal(summary?.dialled, undefined)
  assert.equal(summary?.netnsCookie, one.netnsCookie)
})

kernelTest('open connections are listed while they are open, those that still wait too', async (lab, context) => {
  await world(lab, context)
  const { kernel, workload, netnsCookie } = observing(lab, context)
  const client = (to: readonly (string | number)[]) =>
    lab.start('app', ['python3', '-S', '-E', fixture('client.py'), JSON.stringify({ to, wait: true })], workload)
  const held = client([NET.served4, 80])
  await held.said('connected')
  const waiting = client([NET.silent4, 81])
  context.after(() => waiting.kill())
  const [first, second] = await until('both are listed', () => {
    const all = open(kernel).sort((a, b) => a.destination.port - b.destination.port)
    return all.length === 2 && all[1]?.dialled && all
  })
  assert.deepEqual([first?.established, second?.established], [true, false])
  assert.deepEqual(first?.destination, { address: NET.served4, port: 80 })
  assert.deepEqual(second?.dialled, { address: NET.silent4, port: 81 })
  assert.equal(first?.netnsCookie, netnsCookie)
  assert.equal(first?.cgroupId, BigInt(statSync(workload).ino))
  assert.equal(first?.verdict, 'not_enrolled')
  held.tell('go on')
  await held.finished
  waiting.kill()
  await until('none is listed', () => open(kernel).length === 0)
})

kernelTest('two connections that share a slot are counted, and only one is listed as open', async (lab, context) => {
  await world(lab, context)
  const { kernel, workload, summaries } = observing(lab, context)
  const argv = ['python3', '-S', '-E', fixture('same-slot.py'), NET.served4, '80', '16384']
  const { code, stderr } = await lab.run('app', argv, workload)
  assert.equal(code, 0, stderr)
  assert.equal((await summaries(2)).length, 2)
  assert.ok((kernel.readCounters()['slot_taken'] ?? 0) >= 1)
})

kernelTest('the cost of each program is measured once it is asked for', async (lab, context) => {
  const { kernel, workload } = observing(lab, context)
  assert.ok(kernel.readCosts().every(({ runs }) => runs === 0))
  kernel.enableCosts()
  kernel.enableCosts()
  await dial(lab, { to: [NET.world4, 1] }, workload)
  const cost = kernel.readCosts().find(({ program }) => program === 'redirect_connect4')
  assert.ok(cost && cost.runs >= 1 && cost.runNs > 0)
  assert.equal(kernel.readCosts().length, 10)
  kernel.disableCosts()
  kernel.disableCosts()
})
