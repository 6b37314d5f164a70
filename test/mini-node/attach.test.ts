/** Our programs, attached once at the kubepods of a node, and the connections of its pods. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { acceptedFd } from '../../src/intercept/accepted-fd.ts'
import { openNetns } from '../../src/kernel/netns.ts'
import { loadKernel } from '../../src/kernel/programs.ts'
import { loadShim } from '../../src/kernel/shim.ts'
import { OBJECT_PATH, SHIM_PATH, until } from '../support/lab.ts'
import { startMiniNode } from '../support/mini-node/mini-node.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'

const OPTIONS = {
  ...{ objectPath: OBJECT_PATH, heartbeatIntervalMs: 1000, heartbeatStaleMs: 5000, flowCapacity: 1024 },
  ...{ ringBytes: 65_536, mark: 0, byNetns: true },
} as const
const POLICY = { id: 7, flags: 0, listenPort6: 0, dnsPort4: 0, dnsPort6: 0, source4: '', source6: '' } as const

test('a policy for the network of one pod redirects that pod, and no other', { skip: requireMiniNode() }, async (t) => {
  const node = await startMiniNode()
  t.after(node.close)
  const upstream = createServer((_request, response) => response.end('the real one'))
  t.after(() => upstream.close())
  const port = await node.listen(upstream, { host: '0.0.0.0' })
  const shape = { namespace: 'default', image: 'busybox', command: ['sleep', '3600'] } as const
  const enrolled = await node.createPod({ ...shape, name: 'enrolled', qos: 'burstable' })
  const other = await node.createPod({ ...shape, name: 'other', qos: 'guaranteed' })

  const shim = loadShim(SHIM_PATH)
  const kernel = loadKernel(shim, OPTIONS)
  t.after(kernel.close)
  kernel.attach({ workload: node.kubepods, tree: node.cgroupRoot })
  kernel.startHeartbeat()
  const netns = openNetns(shim, enrolled.netnsPath)
  t.after(netns.close)
  const meant: (string | undefined)[] = []
  const listener = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { destination } = kernel.identify(acceptedFd(request.socket) ?? -1).saved ?? {}
    meant.push(destination && `${destination.address}:${destination.port}`)
    response.end('the understudy')
  })
  t.after(() => listener.close())
  const fd = netns.listen(join(node.outside, 'cgroup.procs'), '127.0.0.1', 0, 16)
  assert.ok(fd >= 0)
  kernel.markListener(fd, POLICY.id)
  await new Promise<void>((resolve) => listener.listen({ fd }, resolve))
  const address = listener.address()
  const listenPort4 = typeof address === 'object' && address ? address.port : 0
  kernel.setPolicy(netns.netnsCookie(), { ...POLICY, listenPort4, excludedPorts: [] })

  const url = `http://${NODE_NET.served4}:${port}/`
  const ask = async (pod: typeof enrolled): Promise<string> => (await pod.exec(['wget', '-q', '-O', '-', url])).stdout
  assert.equal(await ask(enrolled), 'the understudy')
  assert.deepEqual(meant, [`${NODE_NET.served4}:${port}`])
  assert.equal(await ask(other), 'the real one')
  await until('both are counted', () => kernel.readCounters()['accepted'] === 1)
  assert.equal(kernel.readCounters()['redirected'], 1)

  await enrolled.restartContainer()
  assert.equal(await ask(enrolled), 'the understudy', 'the network namespace is the same')
  await enrolled.recreateSandbox()
  assert.equal(await ask(enrolled), 'the real one', 'the network namespace is another, and nobody has enrolled it')
})
