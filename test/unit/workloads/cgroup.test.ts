import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import {
  cgroup2Mounts,
  cgroupAddress,
  createRunCgroup,
  ownCgroup,
  processesIn,
  removeRunCgroup,
  unifiedPath,
} from '../../../src/workloads/cgroup.ts'

/** A plain folder stands in for the mount: cgroupfs differs only in what writing to its files does. */
const folder = (context: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'understudy-cgroup-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const HYBRID = [
  '22 17 0:19 / /sys/fs/cgroup ro,nosuid shared:7 - tmpfs tmpfs ro,mode=755',
  '23 22 0:20 / /sys/fs/cgroup/unified rw,nosuid shared:8 - cgroup2 cgroup2 rw,nsdelegate',
  '24 22 0:21 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
].join('\n')

test('the cgroup2 mount of a hybrid machine is found beside those of version 1', () => {
  assert.deepEqual(cgroup2Mounts(HYBRID), [{ root: '/', path: '/sys/fs/cgroup/unified' }])
})

test('a mount point with a space is understood', () => {
  const line = '23 22 0:20 /a /my\\040cgroups rw master:1 shared:8 - cgroup2 cgroup2 rw'
  assert.deepEqual(cgroup2Mounts(line), [{ root: '/a', path: '/my cgroups' }])
})

test('a cgroup is named from the root of its hierarchy, wherever that is mounted', () => {
  const folder = '/sys/fs/cgroup/unified/user.slice/run'
  assert.deepEqual(cgroupAddress(folder, HYBRID), { folder, path: 'user.slice/run', level: 2 })
})

test('where a part of the hierarchy is mounted what is above it counts', () => {
  const line = '23 22 0:20 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
  const folder = '/sys/fs/cgroup/run/workload'
  assert.deepEqual(cgroupAddress(folder, line), { folder, path: 'docker/abc/run/workload', level: 4 })
})

test('the mount of a cgroup namespace hides the one below it, which names what is outside', () => {
  const mounts = [
    '23 22 0:20 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
    '24 23 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
  ]
  assert.equal(cgroupAddress('/sys/fs/cgroup/run', mounts.join('\n')).level, 1)
  assert.throws(
    () => cgroupAddress('/sys/fs/cgroup/run', mounts[0]),
    (error) => error instanceof UnderstudyError && error.code === 'NO_CGROUP2',
  )
})

test('a folder that only begins like the mount is not in it, nor is its root a cgroup of somebody', () => {
  for (const folder of ['/sys/fs/cgroup/unified2/run', '/sys/fs/cgroup/unified']) {
    assert.throws(() => cgroupAddress(folder, HYBRID), UnderstudyError)
  }
})

test('the unified path is the one with hierarchy number 0', () => {
  assert.equal(unifiedPath('4:memory:/a\n0::/user.slice/b\n'), '/user.slice/b')
  assert.equal(unifiedPath('4:memory:/a\n'), undefined)
})

test('a container sees its cgroup below a mount whose root is deeper than the hierarchy', (context) => {
  const mount = folder(context)
  mkdirSync(join(mount, 'own'))
  writeFileSync(join(mount, 'own/cgroup.procs'), '')
  const mountinfo = `23 22 0:20 /pod/app ${mount} rw - cgroup2 cgroup2 rw`
  assert.equal(ownCgroup(mountinfo, '0::/pod/app/own\n'), join(mount, 'own'))
})

test('without a mount that shows the own cgroup there is a remedy', () => {
  for (const [mountinfo, own] of [
    ['', '0::/\n'],
    [HYBRID, '4:memory:/a\n'],
  ] as const) {
    assert.throws(
      () => ownCgroup(mountinfo, own),
      (error) => error instanceof UnderstudyError && error.code === 'NO_CGROUP2' && error.remedy?.includes('mount -t'),
    )
  }
})

test('the folders of a run are made and removed with what its command made in them', (context) => {
  const parent = folder(context)
  const cgroup = createRunCgroup('1-a', parent)
  assert.ok(existsSync(cgroup.workload) && existsSync(cgroup.listener))
  mkdirSync(join(cgroup.workload, 'nested/deep'), { recursive: true })
  assert.equal(removeRunCgroup(cgroup), true)
  assert.equal(existsSync(cgroup.tree), false)
  assert.equal(removeRunCgroup(cgroup), true)
})

test('a cgroup that is in use stays, and that is told', (context) => {
  const cgroup = createRunCgroup('1-a', folder(context))
  writeFileSync(join(cgroup.workload, 'cgroup.procs'), '17\n') // keeps rmdir from succeeding, as a process would
  assert.equal(removeRunCgroup(cgroup), false)
})

test('processes are counted in cgroups below, too', (context) => {
  const top = folder(context)
  mkdirSync(join(top, 'below'))
  writeFileSync(join(top, 'cgroup.procs'), '17\n18\n')
  writeFileSync(join(top, 'below/cgroup.procs'), '19\n')
  assert.deepEqual(processesIn(top), [17, 18, 19])
  assert.deepEqual(processesIn(join(top, 'gone')), [])
})

test('a folder that cannot be made leaves nothing half made', (context) => {
  const parent = folder(context)
  writeFileSync(join(parent, 'understudy-1-a'), '')
  assert.throws(
    () => createRunCgroup('1-a', parent),
    (error) => error instanceof UnderstudyError && error.code === 'NO_CGROUP2',
  )
})
