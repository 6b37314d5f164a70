import assert from 'node:assert/strict'
import { join } from 'node:path'
import { UnderstudyError } from '../../src/errors.ts'
import { POLICY_HAS_EXCLUDED_CIDRS, type PolicyRecord } from '../../src/kernel/layout.ts'
import { openNetns } from '../../src/kernel/netns.ts'
import { serveWorld } from '../support/client.ts'
import { type Lab, labTest, NET } from '../support/lab.ts'
import { ended, enrol, fetchFrom, loadNode, makePod } from '../support/node.ts'

const kernelTest = labTest('node-policies')
const URL4 = `http://${NET.served4}/`

let trees = 0
const pods = (lab: Lab) => lab.addCgroups(`kubepods-${++trees}`)

const record = (id: number): PolicyRecord => ({
  id,
  flags: POLICY_HAS_EXCLUDED_CIDRS,
  listenPort4: 15_001,
  listenPort6: 15_002,
  dnsPort4: 0,
  dnsPort6: 53,
  source4: '10.1.2.3',
  source6: '2001:db8::1',
  excludedPorts: [
    { first: 22, last: 22 },
    { first: 6000, last: 6100 },
  ],
})

kernelTest('two pods that use the same addresses and ports are each told of their own', async (lab, context) => {
  const { tree, workload, listener } = pods(lab)
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  const other = makePod(`ut-${process.pid}-pod`)
  context.after(other.remove)
  const port = 15_001
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one', port })
  const two = await enrol(lab.shim, kernel, { netnsPath: other.path, cgroup: listener }, { id: 2, name: 'two', port })
  context.after(() => {
    one.stop()
    two.stop()
  })
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: tree, dns: false })
  // the very same tuple in both: source port, source address, listener
  const script = (host: string) => `
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('', 40000))
s.connect(('${host}', 80)); s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
print('connected', flush=True); input()
print(s.recv(4096).split(b'\\r\\n')[-1].decode())`
  const dialAt = async (netns: string, host: string) => {
    const argv = ['nsenter', `--net=${netns}`, 'python3', '-S', '-E', '-c', script(host)]
    const client = lab.start('app', argv, workload)
    await client.said('connected')
    return client
  }
  const clients = [await dialAt(lab.appNetns, '10.88.1.2'), await dialAt(other.path, '10.88.1.3')]
  for (const client of clients) client.tell('go on')
  const answers = await Promise.all(clients.map(async ({ finished }) => (await finished).stdout.split('\n')[1]))
  assert.deepEqual(answers, ['one: 10.88.1.2 80', 'two: 10.88.1.3 80'])
  assert.equal(kernel.readCounters()['redirected'], 2)
  assert.equal(kernel.readCounters()['accepted'], 2)
})

kernelTest('a pod without a policy goes direct, and so does one whose policy is removed', async (lab, context) => {
  const { tree, workload, listener } = pods(lab)
  const server = await serveWorld(lab, [80])
  context.after(() => ended(server))
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: tree, dns: false })
  const fetched = () => fetchFrom(lab, lab.appNetns, workload, URL4)
  assert.match(await fetched(), /^world /)
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one' })
  context.after(one.stop)
  assert.equal(await fetched(), `one: ${NET.served4} 80`)
  assert.equal(kernel.removePolicy(one.netnsCookie), true)
  assert.equal(kernel.removePolicy(one.netnsCookie), false)
  assert.match(await fetched(), /^world /)
})

kernelTest("the node's own network namespace is left alone, even under a policy", async (lab, context) => {
  const { tree, workload, listener } = pods(lab)
  const server = await serveWorld(lab, [80])
  context.after(() => ended(server))
  const netns = openNetns(lab.shim, lab.appNetns)
  const hostNetnsCookie = netns.netnsCookie()
  netns.close()
  const kernel = loadNode(lab.shim, { hostNetnsCookie })
  context.after(kernel.close)
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one' })
  context.after(one.stop)
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: tree, dns: true })
  assert.match(await fetchFrom(lab, lab.appNetns, workload, URL4), /^world /)
  assert.equal(kernel.readCounters()['redirected'], 0)
  assert.equal(kernel.readCounters()['not_enrolled'], 1)
})

kernelTest('policies are read back as they were set, and listed', (lab, context) => {
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  assert.deepEqual(kernel.policies(), [])
  assert.equal(kernel.policyOf(5n), undefined)
  kernel.setPolicy(5n, record(1))
  kernel.setPolicy(0xffff_ffff_ffff_ffffn, { ...record(2), source4: '', source6: '', excludedPorts: [] })
  assert.deepEqual(kernel.policyOf(5n), record(1))
  const listed = kernel.policies().sort((a, b) => a.policy.id - b.policy.id)
  assert.deepEqual(listed, [
    { netnsCookie: 5n, policy: record(1) },
    {
      netnsCookie: 0xffff_ffff_ffff_ffffn,
      policy: { ...record(2), source4: '', source6: '', excludedPorts: [] },
    },
  ])
})

kernelTest('what a policy excludes is included again without a look at the others', (lab, context) => {
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  for (const id of [1, 2]) {
    kernel.excludeCidr(id, '10.0.0.0', 8)
    kernel.excludeCidr(id, '2001:db8::', 32)
    kernel.excludeCidr(id, '10.0.0.0', 9)
  }
  assert.equal(kernel.includeCidrs(1), 3)
  assert.equal(kernel.includeCidrs(1), 0)
  assert.equal(kernel.readMapEntries()['excluded_cidrs'], 3)
})

kernelTest('a full map is an error that names it and its bound, and those in it stay', (lab, context) => {
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  for (let i = 1; i <= 1024; i++) kernel.setPolicy(BigInt(i), record(i))
  assert.throws(
    () => kernel.setPolicy(5000n, record(5000)),
    (error) => {
      assert.ok(error instanceof UnderstudyError)
      assert.equal(error.code, 'MAP_FULL')
      assert.match(error.message, /policies is full: it holds 1024/)
      assert.ok(error.remedy)
      return true
    },
  )
  kernel.setPolicy(77n, { ...record(77), flags: 0 })
  assert.equal(kernel.policyOf(77n)?.flags, 0, 'one that is there can still be changed')
  assert.equal(kernel.policies().length, 1024)
  for (let i = 0; i < 16_384; i++) kernel.excludeCidr(1, `10.${i >> 8}.${i & 255}.0`, 24)
  assert.throws(() => kernel.excludeCidr(2, '192.0.2.0', 24), /excluded_cidrs is full: it holds 16384/)
  assert.equal(kernel.includeCidrs(1), 16_384)
  kernel.excludeCidr(2, '192.0.2.0', 24)
})

kernelTest('a self-test connects from a cgroup and namespace, and from ours', async (lab, context) => {
  const { tree, workload, listener } = pods(lab)
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  const one = await enrol(lab.shim, kernel, { netnsPath: lab.appNetns, cgroup: listener }, { id: 1, name: 'one' })
  context.after(one.stop)
  kernel.startHeartbeat()
  kernel.attachNode({ podsCgroup: tree, dns: false })
  const netns = openNetns(lab.shim, lab.appNetns)
  context.after(netns.close)
  const fd = netns.connectFrom(join(workload, 'cgroup.procs'), NET.served4, 80)
  assert.ok(fd >= 0)
  assert.equal(kernel.readCounters()['redirected'], 1)
  netns.closeFd(fd)
  const ours = netns.connectFrom('', NET.served4, 80)
  assert.ok(ours >= 0, 'without a child process')
  assert.equal(kernel.readCounters()['redirected'], 1, 'we are not below the cgroup of pods')
  netns.closeFd(ours)
})
