import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isInside, isInsideByPaths } from '../../../../src/workloads/pods/inside-pods.ts'
import { makeTree } from '../../../support/cgroup-tree.ts'

const mounted = (root: string, path: string): string => `41 31 0:38 ${root} ${path} rw,relatime - cgroup2 cgroup2 rw\n`
const NODE = mounted('/', '/sys/fs/cgroup')
const PODS = '/sys/fs/cgroup/kubepods.slice'
const told = (own: string, mountinfo = NODE): boolean | undefined =>
  isInsideByPaths(PODS, mountinfo, `1:cpu:/\n0::${own}\n`)

test('without a cgroup namespace of its own the paths tell', () => {
  assert.equal(told('/kubepods.slice/kubepods-poda.slice/x'), true)
  assert.equal(told('/kubepods.slice'), true)
  assert.equal(told('/kubepods.slice2/x'), false)
  assert.equal(told('/system.slice/understudy.service'), false)
  assert.equal(told('/'), false)
})

test('what is beside the root of the namespace is told by the way there', () => {
  const mountinfo = mounted('/../../..', '/sys/fs/cgroup')
  assert.equal(told('/../../../kubepods.slice/kubepods-poda.slice', mountinfo), true)
  assert.equal(told('/../../../system.slice/x.service', mountinfo), false)
  assert.equal(told('/../../../../x', mountinfo), false)
})

test('what is above the root of the namespace has no name, so the paths do not tell', () => {
  assert.equal(told('/', mounted('/../../..', '/sys/fs/cgroup')), undefined)
  assert.equal(isInsideByPaths('/pods', mounted('/../..', '/pods'), '0::/x\n'), true)
})

test('of several mounts the nearest counts, and of those in one place the last', () => {
  const several = mounted('/a', '/sys/fs') + mounted('/..', '/sys/fs/cgroup') + NODE
  assert.equal(told('/kubepods.slice/poda', several), true)
})

test('no cgroup2 mount, no line of cgroup2: the paths do not tell', () => {
  assert.equal(isInsideByPaths(PODS, '', '0::/kubepods.slice\n'), undefined)
  assert.equal(isInsideByPaths(PODS, NODE, '1:cpu:/\n'), undefined)
})

test('where the paths do not tell, the list of processes does', (context) => {
  const root = makeTree(context, ['kubepods/poda/c', 'kubepods/podb'])
  const options = {
    podsCgroup: join(root, 'kubepods'),
    mountinfo: mounted('/../..', root),
    cgroupFile: '0::/\n',
    pid: 77,
  }
  writeFileSync(join(root, 'kubepods/podb/cgroup.procs'), '7\n777\n')
  assert.equal(isInside(options), false)
  writeFileSync(join(root, 'kubepods/poda/c/cgroup.procs'), '5\n77\n')
  assert.equal(isInside(options), true)
})
