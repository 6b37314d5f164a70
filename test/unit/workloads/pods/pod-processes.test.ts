import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { containersOf, processesOf } from '../../../../src/workloads/pods/pod-processes.ts'
import { makeTree } from '../../../support/cgroup-tree.ts'

const ID = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)

test('the processes of a pod are those of all its folders; one that moves meanwhile counts once', (context) => {
  const root = makeTree(context, ['a/inner', 'b', 'gone'])
  writeFileSync(join(root, 'cgroup.procs'), '')
  writeFileSync(join(root, 'a/cgroup.procs'), '3\n4\n')
  writeFileSync(join(root, 'a/inner/cgroup.procs'), '5\n4\n')
  mkdirSync(join(root, 'b/cgroup.procs')) // as EOPNOTSUPP of a threaded one: it cannot be read
  assert.deepEqual(processesOf(root), { pids: [3, 4, 5], isCut: false, hidden: 0 })
})

test('processes that our PID namespace hides are counted', (context) => {
  const root = makeTree(context, ['a'])
  writeFileSync(join(root, 'a/cgroup.procs'), '0\n0\n9\n')
  assert.deepEqual(processesOf(root), { pids: [9], isCut: false, hidden: 2 })
})

test('of very many processes so many are taken, and it says so', (context) => {
  const root = makeTree(context, ['a', 'b'])
  writeFileSync(join(root, 'a/cgroup.procs'), '1\n2\n3\n')
  writeFileSync(join(root, 'b/cgroup.procs'), '4\n5\n')
  assert.deepEqual(processesOf(root, 4), { pids: [1, 2, 3, 4], isCut: true, hidden: 0 })
  assert.deepEqual(processesOf(root, 5), { pids: [1, 2, 3, 4, 5], isCut: false, hidden: 0 })
})

test('a pod that is gone has none', () => {
  assert.deepEqual(processesOf('/nowhere'), { pids: [], isCut: false, hidden: 0 })
  assert.deepEqual(containersOf('/nowhere'), [])
})

test('folders that a container made below its own are no containers, nor are those of conmon', (context) => {
  const root = makeTree(context, [`crio-${ID}.scope/${OTHER}`, `crio-conmon-${OTHER}.scope`, 'init.scope'])
  assert.deepEqual(
    containersOf(root).map(({ containerId }) => containerId),
    [ID],
  )
})
