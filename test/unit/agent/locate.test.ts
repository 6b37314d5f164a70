import assert from 'node:assert/strict'
import { linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLocate, isStillThere } from '../../../src/agent/locate.ts'
import { createCgroupFinder } from '../../../src/workloads/pods/find-cgroup.ts'
import { factsOf } from '../../support/agent-desk.ts'
import { makeTree } from '../../support/cgroup-tree.ts'

const UID = '0f2b4c1e-7a55-4c1b-9d0e-3a1f5b6c7d01'
const TRIE = '     |-- 10.1.0.7\n        /32 host LOCAL\n'
const POD_FOLDER = `kubepods/burstable/pod${UID}`

/** A node: cgroups below one folder, processes below another. Time is the test's. */
const open = (t: TestContext, cgroups: readonly string[] = [POD_FOLDER]) => {
  const root = makeTree(t, ['kubepods/burstable', ...cgroups])
  const procFolder = makeTree(t, ['netns'])
  const finder = createCgroupFinder({ root, podsCgroup: () => join(root, 'kubepods') })
  let nowMs = 0
  const locate = createLocate({ finder, procFolder, walkEveryMs: 1000, nowMs: () => nowMs })
  const addProcess = (pid: number, netns: string): void => {
    for (const folder of ['ns', 'net']) mkdirSync(join(procFolder, String(pid), folder), { recursive: true })
    writeFileSync(join(procFolder, 'netns', netns), '', { flag: 'a' })
    linkSync(join(procFolder, 'netns', netns), join(procFolder, String(pid), 'ns/net'))
    writeFileSync(join(procFolder, String(pid), 'stat'), `${pid} (app) S ${'0 '.repeat(18)}100 0 0\n`)
    writeFileSync(join(procFolder, String(pid), 'net/fib_trie'), TRIE)
    writeFileSync(join(procFolder, String(pid), 'net/if_inet6'), '')
  }
  addProcess(1, 'node')
  return {
    ...{ root, procFolder, finder, addProcess },
    pod: join(root, POD_FOLDER),
    join: (...pids: number[]) => writeFileSync(join(root, POD_FOLDER, 'cgroup.procs'), `${pids.join('\n')}\n`),
    locate: (changes: Parameters<typeof factsOf>[1] = {}) => locate(factsOf(UID, changes)),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

test('a pod is found by its cgroup, and its namespace by a process in that', async (t) => {
  const { procFolder, addProcess, join: enter, pod, locate } = open(t)
  addProcess(30, 'pod')
  enter(30)
  const path = join(procFolder, '30/ns/net')
  const inode = statSync(path, { bigint: true }).ino
  assert.deepEqual(await locate(), { kind: 'found', path, inode, startTime: 100, pid: 30, cgroup: pod })
})

test('a pod without a cgroup, a process or an address waits, and says for what', async (t) => {
  const none = await open(t, []).locate()
  assert.equal(none.kind, 'waiting')
  const { join: enter, addProcess, locate } = open(t)
  const empty = await locate()
  assert.ok(empty.kind === 'waiting')
  assert.match(empty.why, /no running process/)
  addProcess(30, 'pod')
  enter(30)
  const early = await locate({ ips: [] })
  assert.ok(early.kind === 'waiting')
  assert.match(early.why, /no address yet/)
  const foreign = await locate({ ips: ['10.1.0.8'] })
  assert.ok(foreign.kind === 'waiting')
  assert.match(foreign.why, /has an address of the pod/)
})

test('processes that cannot be seen are told as what they are', async (t) => {
  const { join: enter, locate } = open(t)
  enter(0, 0)
  const hidden = await locate()
  assert.ok(hidden.kind === 'waiting')
  assert.match(hidden.why, /hostPID: true/)
})

test('a pod in the node’s own namespace is refused, and so is a UID that can be no folder', async (t) => {
  const { join: enter, locate } = open(t)
  enter(1)
  const host = await locate()
  assert.ok(host.kind === 'refused')
  assert.match(host.why, /node's own network namespace/)
  for (const cgroupUid of ['../../etc', '', 'a/b', 'x'.repeat(300)]) {
    assert.equal((await locate({ cgroupUid })).kind, 'refused', cgroupUid)
  }
})

test('pods that are not there yet have the node searched no more often than told', async (t) => {
  const { root, finder, locate, pass, addProcess, join: enter } = open(t, [])
  await locate()
  const once = finder.counts().walks
  assert.ok(once > 0)
  for (let time = 0; time < 5; time++) await locate()
  assert.equal(finder.counts().walks, once)
  mkdirSync(join(root, POD_FOLDER))
  addProcess(30, 'pod')
  enter(30)
  pass(999)
  assert.equal((await locate()).kind, 'waiting')
  pass(1)
  assert.equal((await locate()).kind, 'found')
  const walks = finder.counts().walks
  for (let time = 0; time < 5; time++) {
    pass(1000)
    assert.equal((await locate()).kind, 'found')
  }
  assert.equal(finder.counts().walks, walks, 'beside pods that were found it need not be searched for')
})

test('a namespace that the source names is taken as it is, if it is there', async (t) => {
  const { procFolder, addProcess, locate } = open(t, [])
  addProcess(30, 'pod')
  const netnsPath = join(procFolder, 'netns/pod')
  const inode = statSync(netnsPath, { bigint: true }).ino
  assert.deepEqual(await locate({ netnsPath }), { kind: 'found', path: netnsPath, inode })
  assert.deepEqual(await locate({ netnsPath, cgroupPath: '/cg/a' }), {
    ...{ kind: 'found', path: netnsPath, inode, cgroup: '/cg/a' },
  })
  const missing = await locate({ netnsPath: join(procFolder, 'netns/other') })
  assert.ok(missing.kind === 'waiting')
  assert.match(missing.why, /netns\/other cannot be looked at: .*ENOENT/)
})

test('a place is the same only while its path leads to the same namespace', async (t) => {
  const { procFolder, addProcess, join: enter, locate } = open(t)
  addProcess(30, 'pod')
  addProcess(31, 'other')
  enter(30)
  const place = await locate()
  assert.ok(place.kind === 'found')
  assert.ok(isStillThere(place))
  renameSync(join(procFolder, '31/ns/net'), place.path)
  assert.ok(!isStillThere(place))
  rmSync(place.path)
  assert.ok(!isStillThere(place))
})
