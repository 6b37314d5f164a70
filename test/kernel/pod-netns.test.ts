/** Pods as far as finding them goes: real cgroups, and real processes in real network namespaces. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findCgroupRoot } from '../../src/workloads/pods/cgroup-root.ts'
import { createCgroupFinder } from '../../src/workloads/pods/find-cgroup.ts'
import { findNetns, openVerified } from '../../src/workloads/pods/find-netns.ts'
import { isInside } from '../../src/workloads/pods/inside-pods.ts'
import { createCgroupIndex } from '../../src/workloads/pods/pod-of-cgroup.ts'
import { containersOf, processesOf } from '../../src/workloads/pods/pod-processes.ts'
import { findPodsCgroup } from '../../src/workloads/pods/pods-cgroup.ts'
import { cgroup2Mount, type Lab, labTest, NET, type Started, until } from '../support/lab.ts'

const kernelTest = labTest('pods')
const CONTAINER = 'ab'.repeat(32)
const INSIDE = fileURLToPath(new URL('../../src/workloads/pods/inside-pods.ts', import.meta.url))
/** name_to_handle_at(2): the kernel's own word for a cgroup, which BPF programs call its id. */
const HANDLE = `
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))
assert libc.name_to_handle_at(-100, sys.argv[1].encode(), handle, ctypes.byref(ctypes.c_int()), 0) == 0
print(struct.unpack_from('IiQ', handle.raw)[2])
`
let pods = 0

/** A pod with one container, whose folders go with the lab. */
const makePod = (lab: Lab) => {
  const uid = `00000000-0000-4000-8000-${String(++pods).padStart(12, '0')}`
  const podsCgroup = join(lab.addCgroups('kubepods').tree)
  const folder = join(podsCgroup, 'burstable', `pod${uid}`)
  const container = join(folder, CONTAINER)
  mkdirSync(container, { recursive: true })
  return { uid, podsCgroup, folder, container }
}

const SLEEP = 'echo ready; exec sleep 60'

/** Starts a program in a place and a cgroup, and waits until it says that it is there. */
const place = async (
  lab: Lab,
  context: TestContext,
  where: 'app' | 'world',
  cgroup: string,
  argv: readonly string[],
) => {
  const started = lab.start(where, argv, cgroup)
  context.after(() => started.kill())
  await started.said('ready')
  return started
}
const sleeper = (lab: Lab, context: TestContext, where: 'app' | 'world', cgroup: string): Promise<Started> =>
  place(lab, context, where, cgroup, ['sh', '-c', SLEEP])

const inode = (path: string): bigint => statSync(path, { bigint: true }).ino
const find = (folder: string, ips: readonly string[]) => findNetns({ pids: processesOf(folder).pids, ips })

kernelTest('the node’s cgroup2 is found, and in it the folder of all pods and that of one', async (lab) => {
  const { path } = findCgroupRoot({ setting: '' })
  assert.equal(path, cgroup2Mount())
  const { uid, podsCgroup, folder } = makePod(lab)
  const base = join(podsCgroup, '..')
  assert.equal((await findPodsCgroup({ root: base, setting: '' })).path, podsCgroup)
  const result = await createCgroupFinder({ root: path, podsCgroup: () => podsCgroup }).search({
    cgroupUid: uid,
    containerIds: [],
  })
  assert.ok(result.kind === 'found')
  assert.deepEqual(
    result.folders.map((each) => [each.path, each.id]),
    [[folder, inode(folder)]],
  )
})

kernelTest('the id of a container’s cgroup is what the kernel calls it, and tells the pod', async (lab) => {
  const { uid, podsCgroup, folder, container } = makePod(lab)
  const [found] = containersOf(folder)
  const said = await lab.run('app', ['python3', '-S', '-E', '-c', HANDLE, container])
  assert.deepEqual([said.stderr, BigInt(said.stdout)], ['', found?.id])
  assert.equal(createCgroupIndex({ podsCgroup, nowMs: () => 0 }).uidOf(BigInt(said.stdout)), uid)
})

kernelTest('a pod is in the namespace that has its address, of either family', async (lab, context) => {
  const { folder, container } = makePod(lab)
  const { pid } = await sleeper(lab, context, 'app', container)
  for (const ips of [[NET.app4], [NET.app6], ['10.255.255.255', NET.app6]]) {
    const found = find(folder, ips)
    assert.ok(found.kind === 'found', JSON.stringify(ips))
    assert.deepEqual([found.pid, found.inode], [pid, inode(lab.appNetns)])
  }
  assert.equal(find(folder, [NET.world4]).kind, 'foreign')
  assert.equal(find(folder, []).kind, 'waiting')
})

kernelTest(
  'a process that went into another pod’s namespace is not mistaken, though it is the oldest',
  async (lab, context) => {
    const { folder, container } = makePod(lab)
    const nsenter = ['nsenter', `--net=${lab.worldNetns}`, 'sh', '-c', SLEEP]
    const visitor = await place(lab, context, 'app', container, nsenter)
    assert.equal(find(folder, [NET.app4, NET.app6]).kind, 'foreign')
    const { pid } = await sleeper(lab, context, 'app', container)
    const found = find(folder, [NET.app4, NET.app6])
    assert.ok(found.kind === 'found')
    assert.deepEqual([found.pid, found.inode], [pid, inode(lab.appNetns)])
    assert.notEqual(found.pid, visitor.pid)
  },
)

kernelTest(
  'a namespace that a process made itself, with an address of its own, is not the pod’s',
  async (lab, context) => {
    const { folder, container } = makePod(lab)
    const unshare = ['unshare', '--net', 'sh', '-c', `ip addr add 10.99.0.1/32 dev lo; ip link set lo up; ${SLEEP}`]
    await place(lab, context, 'app', container, unshare)
    assert.equal(find(folder, [NET.app4]).kind, 'foreign')
  },
)

kernelTest('a process in the namespace of the node is refused', async (lab, context) => {
  const { folder, container } = makePod(lab)
  const child = spawn('sleep', ['60'])
  context.after(() => child.kill('SIGKILL'))
  writeFileSync(join(container, 'cgroup.procs'), String(child.pid))
  const own = [...readFileSync('/proc/net/fib_trie', 'latin1').matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)]
  const ips = own.map(([, address = '']) => address)
  assert.ok(ips.includes('127.0.0.1'))
  assert.deepEqual(find(folder, [...ips, NET.app4]), { kind: 'host' })
  await sleeper(lab, context, 'app', container)
  assert.equal(find(folder, [NET.app4]).kind, 'found')
})

kernelTest(
  'when the process that was found ends, the next one tells, and an open namespace stays',
  async (lab, context) => {
    const { folder, container } = makePod(lab)
    const first = await sleeper(lab, context, 'app', container)
    const second = await sleeper(lab, context, 'app', container)
    const { pids } = processesOf(folder)
    const before = findNetns({ pids, ips: [NET.app4] })
    assert.ok(before.kind === 'found')
    assert.equal(before.pid, first.pid)
    const fd = openVerified(before)
    assert.ok(fd !== undefined)
    context.after(() => closeSync(fd))
    first.kill()
    await first.finished
    const after = findNetns({ pids, ips: [NET.app4] })
    assert.equal(after.kind === 'found' && after.pid, second.pid)
    assert.equal(openVerified(before), undefined)
    const text = Buffer.alloc(64)
    const length = lab.shim.raw('understudy_source_address', fd, NET.world4, text, text.length)
    assert.equal(text.toString('latin1', 0, length), NET.app4)
    second.kill()
    await second.finished
    assert.equal(findNetns({ pids, ips: [NET.app4] }).kind, 'none')
  },
)

kernelTest('while processes come and go the pod is found, and nothing is thrown', async (lab, context) => {
  const { folder, container } = makePod(lab)
  await sleeper(lab, context, 'app', container)
  const loop = 'echo ready; while :; do /bin/true; done'
  await place(lab, context, 'app', container, ['sh', '-c', loop])
  const seen = new Set<number>()
  await until('a hundred different processes were seen', () => {
    const { pids } = processesOf(folder)
    for (const pid of pids) seen.add(pid)
    const found = findNetns({ pids, ips: [NET.app4] })
    assert.ok(found.kind === 'found')
    assert.equal(found.inode, inode(lab.appNetns))
    // The dying alone: whatever is left of them when they are looked at.
    const dying = findNetns({ pids: [...seen].slice(-3), ips: [NET.app4] })
    assert.ok(['found', 'none'].includes(dying.kind), dying.kind)
    return seen.size > 100
  })
})

kernelTest(
  'the processes of a threaded cgroup, which lists none, are those of the domain above',
  async (lab, context) => {
    const { folder, container } = makePod(lab)
    const threaded = join(container, 'threads')
    mkdirSync(threaded)
    writeFileSync(join(threaded, 'cgroup.type'), 'threaded')
    const { pid } = await sleeper(lab, context, 'app', container)
    writeFileSync(join(threaded, 'cgroup.threads'), String(pid))
    assert.throws(() => readFileSync(join(threaded, 'cgroup.procs')), { code: 'ENOTSUP' })
    assert.deepEqual(processesOf(folder), { pids: [pid], isCut: false, hidden: 0 })
  },
)

for (const namespaced of [false, true]) {
  const how = namespaced ? 'with a cgroup namespace of its own' : 'in that of the node'
  kernelTest(`a process ${how} knows whether it is a pod’s itself`, async (lab) => {
    const { podsCgroup, container } = makePod(lab)
    const code = `const { isInside } = await import(${JSON.stringify(INSIDE)}); console.log(isInside({ podsCgroup: process.argv[1] }))`
    const argv = [
      ...(namespaced ? ['unshare', '--cgroup'] : []),
      process.execPath,
      '--input-type=module',
      '-e',
      code,
      podsCgroup,
    ]
    const [inside, outside] = [await lab.run('app', argv, container), await lab.run('app', argv)]
    assert.deepEqual([inside.stdout, outside.stdout], ['true\n', 'false\n'], inside.stderr + outside.stderr)
    assert.equal(isInside({ podsCgroup }), false)
  })
}
