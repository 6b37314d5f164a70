import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UnderstudyError } from '../../../../src/errors.ts'
import { findPodsCgroup } from '../../../../src/workloads/pods/pods-cgroup.ts'
import { LAYOUTS, makeTree, pathsOf } from '../../../support/cgroup-tree.ts'

const failsWith = (code: string, pattern: RegExp) => (error: unknown) =>
  error instanceof UnderstudyError && error.code === code && pattern.test(error.message)

for (const [layout, pods] of Object.entries(LAYOUTS)) {
  test(`${layout}: the folder of all pods is found`, async (context) => {
    const root = makeTree(context, pathsOf(layout))
    const { path, isCut } = await findPodsCgroup({ root, setting: '' })
    assert.deepEqual([path, isCut], [join(root, pods), false])
  })
}

test('there is none until the kubelet has made it', async (context) => {
  const root = makeTree(context, ['system.slice/kubelet.service', 'kubepodsx', 'my.kubepods', 'kubepods.slice.old'])
  assert.equal((await findPodsCgroup({ root, setting: '' })).path, undefined)
  mkdirSync(join(root, 'kubepods.slice'))
  assert.equal((await findPodsCgroup({ root, setting: '' })).path, join(root, 'kubepods.slice'))
})

test('one that another driver left behind empty is passed over, above or beside', async (context) => {
  const beside = makeTree(context, ['kubepods/burstable', 'kubepods.slice/kubepods-poda.slice'])
  assert.equal((await findPodsCgroup({ root: beside, setting: '' })).path, join(beside, 'kubepods.slice'))
  const above = makeTree(context, ['kubepods/burstable', 'x/y/kubepods/besteffort/poda'])
  assert.equal((await findPodsCgroup({ root: above, setting: '' })).path, join(above, 'x/y/kubepods'))
})

test('a node of another cluster in a container below is not taken for this one', async (context) => {
  const root = makeTree(context, ['kubepods/poda', 'docker/x/kubepods/podb'])
  assert.equal((await findPodsCgroup({ root, setting: '' })).path, join(root, 'kubepods'))
})

test('a folder that a pod made is not taken for that of all pods', async (context) => {
  const root = makeTree(context, ['a/b/c/kubepods/poda/x/kubepods/podb', 'poda/kubepods/podb'])
  assert.equal((await findPodsCgroup({ root, setting: '' })).path, join(root, 'a/b/c/kubepods'))
})

test('two that hold pods are named, and the setting that decides', async (context) => {
  const root = makeTree(context, ['docker/x/kubepods/poda', 'docker/y/kubepods/podb'])
  await assert.rejects(
    findPodsCgroup({ root, setting: '' }),
    failsWith('PODS_CGROUP_UNCLEAR', /docker\/x\/kubepods.*docker\/y\/kubepods/),
  )
  assert.equal((await findPodsCgroup({ root, setting: 'docker/y/kubepods' })).path, join(root, 'docker/y/kubepods'))
})

test('the setting may be given with the mount or without it, and may be of a folder that is yet to come', async (context) => {
  const root = makeTree(context, ['fleet/pods'])
  const path = join(root, 'fleet/pods')
  for (const setting of ['fleet/pods', '/fleet/pods/', path, `${path}/`]) {
    assert.equal((await findPodsCgroup({ root, setting })).path, path)
  }
  assert.equal((await findPodsCgroup({ root, setting: 'fleet/later' })).path, undefined)
})

for (const setting of ['..', '../..', '/..', 'a/../../b', '/', '.']) {
  test(`podsCgroup: ${setting} is refused`, async (context) => {
    const root = makeTree(context, ['a'])
    await assert.rejects(findPodsCgroup({ root, setting }), failsWith('BAD_CONFIG', /podsCgroup/))
  })
}

test('a walk has a bound, and says when it was reached', async (context) => {
  const root = makeTree(
    context,
    Array.from({ length: 30 }, (_, index) => `a${index}/b`),
  )
  assert.deepEqual(await findPodsCgroup({ root, setting: '', maxFolders: 10 }), {
    path: undefined,
    folders: 10,
    isCut: true,
  })
})
