import assert from 'node:assert/strict'
import { mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createCgroupFinder } from '../../../../src/workloads/pods/find-cgroup.ts'
import { containersOf } from '../../../../src/workloads/pods/pod-processes.ts'
import { LAYOUTS, makeTree, pathsOf, RECORDED_PODS } from '../../../support/cgroup-tree.ts'

const UID = RECORDED_PODS.burstable
const ID = 'ab'.repeat(32)
const named = (cgroupUid: string, containerIds: readonly string[] = []) => ({ cgroupUid, containerIds })

for (const [layout, pods] of Object.entries(LAYOUTS)) {
  test(`${layout}: pods of every class and static ones are found by UID, with their two containers`, async (context) => {
    const root = makeTree(context, pathsOf(layout))
    const finder = createCgroupFinder({ root })
    for (const uid of Object.values(RECORDED_PODS)) {
      const result = await finder.search(named(uid))
      assert.ok(result.kind === 'found')
      const [pod, ...others] = result.folders
      assert.deepEqual([result.matchedBy, others], ['uid', []])
      assert.match(pod.path.replaceAll('_', '-'), new RegExp(`pod${uid}(\\.slice)?$`))
      assert.ok(pod.path.startsWith(join(root, pods, '/')))
      assert.equal(pod.level, pod.path.slice(root.length + 1).split('/').length)
      assert.equal(pod.id, statSync(pod.path, { bigint: true }).ino)
      const containers = containersOf(pod.path)
      assert.equal(containers.length, 2)
      for (const { path, id, containerId } of containers) {
        assert.ok(path.includes(containerId))
        assert.equal(id, statSync(path, { bigint: true }).ino)
      }
    }
  })
}

test('where the drivers of kubelet and runtime differ all folders of the pod are found, outside of the pods cgroup', async (context) => {
  const root = makeTree(context, pathsOf('drivers-differ'))
  const finder = createCgroupFinder({ root, podsCgroup: () => join(root, 'kubepods.slice') })
  for (const uid of Object.values(RECORDED_PODS)) {
    const result = await finder.search(named(uid))
    assert.ok(result.kind === 'found' && result.matchedBy === 'uid')
    assert.equal(result.folders.length, 2)
  }
})

test('a pod beside one that was found before needs no walk', async (context) => {
  const root = makeTree(context, pathsOf('systemd-containerd'))
  const finder = createCgroupFinder({ root })
  assert.equal(finder.lookUp(named(UID)).kind, 'none')
  await finder.search(named(UID))
  const { walks } = finder.counts()
  const fresh = '11111111-2222-4333-8444-555555555555'
  assert.equal(finder.lookUp(named(fresh)).kind, 'none')
  const path = `kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${fresh.replaceAll('-', '_')}.slice`
  mkdirSync(join(root, path))
  const result = finder.lookUp(named(fresh))
  assert.ok(result.kind === 'found')
  assert.equal(result.folders[0].path, join(root, path))
  assert.equal((await finder.search(named(fresh))).kind, 'found')
  assert.equal(finder.counts().walks, walks)
})

test('a pod whose folder went is not found any more', async (context) => {
  const root = makeTree(context, [`kubepods/pod${UID}/${ID}`])
  const finder = createCgroupFinder({ root })
  assert.equal((await finder.search(named(UID))).kind, 'found')
  rmSync(join(root, 'kubepods'), { recursive: true })
  assert.equal(finder.lookUp(named(UID)).kind, 'none')
  assert.equal((await finder.search(named(UID))).kind, 'none')
})

test('a UID is no part of another one', async (context) => {
  const root = makeTree(context, ['kubepods/podabcd', 'kubepods/pod0abc', 'kubepods/podabc.bak', 'kubepods/xpodabc'])
  const finder = createCgroupFinder({ root })
  assert.equal((await finder.search(named('abc'))).kind, 'none')
  assert.equal((await finder.search(named('abcd'))).kind, 'found')
})

for (const uid of ['', '.', '..', '../x', 'a/b', 'a\0b', 'a.slice', '-a', 'a'.repeat(129), 'ü', '*', 'a b']) {
  test(`the UID ${JSON.stringify(uid.slice(0, 20))} is refused before a path is touched`, async () => {
    const finder = createCgroupFinder({ root: '/nowhere' })
    assert.equal((await finder.search(named(uid))).kind, 'refused')
    assert.equal(finder.lookUp(named(uid)).kind, 'refused')
    assert.equal(finder.counts().walks, 0)
  })
}

test('a container is found by its id where the UID is nowhere, and the answer says so', async (context) => {
  const root = makeTree(context, [`kubepods/pod${RECORDED_PODS.static}/${ID}`, `kubepods/podother/${'cd'.repeat(32)}`])
  const result = await createCgroupFinder({ root }).search(named(UID, [ID]))
  assert.ok(result.kind === 'found')
  assert.equal(result.matchedBy, 'container')
  assert.deepEqual(
    result.folders.map(({ path }) => path),
    [join(root, `kubepods/pod${RECORDED_PODS.static}/${ID}`)],
  )
})

test('container ids that are none match nothing', async (context) => {
  const root = makeTree(context, ['kubepods/podother/app', 'kubepods/podother/crio-conmon-'.concat(ID, '.scope')])
  const finder = createCgroupFinder({ root })
  assert.equal((await finder.search(named(UID, ['', 'app', '..', ID.slice(1), ID]))).kind, 'none')
})

test('a pod cannot make itself found in the place of another', async (context) => {
  const other = 'cd'.repeat(32)
  const root = makeTree(context, [
    `kubepods/podevil/${ID}/pod${UID}`,
    `kubepods/podevil/pod${UID}`,
    `kubepods/podevil/${ID}/kubepods/pod${UID}/${other}`,
    `kubepods/podevil/${ID}/${other}`,
  ])
  assert.equal((await createCgroupFinder({ root }).search(named(UID, [other]))).kind, 'none')
})

test('symbolic links are not followed', async (context) => {
  const root = makeTree(context, ['kubepods'])
  const elsewhere = makeTree(context, [`deep/pod${UID}`])
  symlinkSync(join(elsewhere, 'deep'), join(root, 'kubepods/deep'))
  symlinkSync(root, join(root, 'kubepods/loop'))
  assert.equal((await createCgroupFinder({ root }).search(named(UID))).kind, 'none')
})

test('a tree with too many folders is given up, and counted', async (context) => {
  const root = makeTree(
    context,
    Array.from({ length: 50 }, (_, index) => `a${index}`),
  )
  const finder = createCgroupFinder({ root, maxFolders: 20 })
  assert.equal((await finder.search(named(UID))).kind, 'none')
  assert.equal(finder.counts().walksCut, 1)
})

test('the places remembered have a bound', async (context) => {
  const root = makeTree(
    context,
    Array.from({ length: 80 }, (_, index) => `tenant${index}/kubepods/podp${index}`),
  )
  const finder = createCgroupFinder({ root })
  await finder.search(named(UID))
  assert.deepEqual([finder.counts().places, finder.counts().placesRefused], [64, 16])
  assert.equal((await finder.search(named('p79'))).kind, 'found')
})
