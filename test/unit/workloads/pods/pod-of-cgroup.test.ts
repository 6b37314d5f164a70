import assert from 'node:assert/strict'
import { mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CgroupIndexOptions, createCgroupIndex } from '../../../../src/workloads/pods/pod-of-cgroup.ts'
import { LAYOUTS, makeTree, pathsOf, RECORDED_PODS } from '../../../support/cgroup-tree.ts'

const indexOf = (context: TestContext, paths: readonly string[], options: Partial<CgroupIndexOptions> = {}) => {
  const root = makeTree(context, paths)
  const clock = { ms: 0 }
  const podsCgroup = join(root, 'kubepods')
  const index = createCgroupIndex({
    podsCgroup,
    nowMs: () => clock.ms,
    rescanMs: 1000,
    burst: 1,
    graceMs: 5000,
    ...options,
  })
  const id = (path: string): bigint => statSync(join(podsCgroup, path), { bigint: true }).ino
  const make = (path: string): bigint => {
    mkdirSync(join(podsCgroup, path), { recursive: true })
    return id(path)
  }
  return { index, clock, id, make, remove: (path: string) => rmSync(join(podsCgroup, path), { recursive: true }) }
}

for (const [layout, pods] of Object.entries(LAYOUTS)) {
  test(`${layout}: the id of every folder of a pod tells its UID, and of no other`, (context) => {
    const root = makeTree(context, pathsOf(layout))
    const index = createCgroupIndex({ podsCgroup: join(root, pods), nowMs: () => 0, burst: 1 })
    for (const path of pathsOf(layout)) {
      const parts = path.split('/')
      for (let length = 1; length <= parts.length; length++) {
        const part = parts.slice(0, length).join('/')
        const uid = Object.values(RECORDED_PODS).find((each) => part.replaceAll('_', '-').includes(`pod${each}`))
        assert.equal(index.uidOf(statSync(join(root, part), { bigint: true }).ino), uid, part)
      }
    }
    assert.equal(index.counts().scans, 1)
  })
}

test('unknown ids cause one scan in so many milliseconds', (context) => {
  const { index, clock, make } = indexOf(context, ['kubepods/poda'])
  assert.equal(index.uidOf(1n), undefined)
  const late = make('podb/x')
  assert.equal(index.uidOf(late), undefined)
  clock.ms = 999
  assert.equal(index.uidOf(late), undefined)
  assert.equal(index.counts().scans, 1)
  clock.ms = 1000
  assert.equal(index.uidOf(late), 'b')
  assert.equal(index.counts().scans, 2)
})

test('pods that come one after the other are each found at once, until there were too many', (context) => {
  const { index, clock, make } = indexOf(context, ['kubepods/poda'], { burst: 3 })
  assert.deepEqual(
    ['podb', 'podc', 'podd', 'pode'].map((name) => index.uidOf(make(name))),
    ['b', 'c', 'd', undefined],
  )
  clock.ms = 1000
  assert.equal(index.uidOf(make('podf')), 'f')
  assert.equal(index.uidOf(make('podg')), undefined)
  clock.ms = 60_000
  assert.deepEqual(
    ['podh', 'podi', 'podj', 'podk'].map((name) => index.uidOf(make(name))),
    ['h', 'i', 'j', undefined],
  )
})

test('an id that was no pod’s after a whole scan causes no other', (context) => {
  const { index, clock } = indexOf(context, ['kubepods/poda'])
  for (; clock.ms < 100_000; clock.ms += 1000) assert.equal(index.uidOf(1n), undefined)
  assert.deepEqual([index.counts().scans, index.counts().misses], [1, 100])
})

test('late events of a pod that went find it for a while, then no more', (context) => {
  const { index, clock, id, remove } = indexOf(context, ['kubepods/poda/c', 'kubepods/podb'])
  const ids = [id('poda'), id('poda/c')]
  index.refresh()
  remove('poda')
  for (clock.ms = 1000; clock.ms < 6000; clock.ms += 1000) {
    index.refresh()
    assert.deepEqual(ids.map(index.uidOf), ['a', 'a'])
  }
  index.refresh()
  assert.deepEqual(ids.map(index.uidOf), [undefined, undefined])
  assert.equal(index.size, 1)
})

test('a pod below a pod belongs to the one above', (context) => {
  const { index, id } = indexOf(context, ['kubepods/poda/c/podb'])
  assert.equal(index.uidOf(id('poda/c/podb')), 'a')
})

test('ids have a bound: those that are gone make room, and the rest is counted', (context) => {
  const { index, id, make, remove } = indexOf(context, ['kubepods/poda', 'kubepods/podb'], { maxIds: 2, burst: 0 })
  index.refresh()
  const gone = id('poda')
  remove('poda')
  index.refresh()
  assert.equal(index.uidOf(gone), 'a')
  const [c, d] = [make('podc'), make('podd')]
  index.refresh()
  assert.equal(index.size, 2)
  assert.equal([c, d].map(index.uidOf).filter(Boolean).length, 1)
  assert.equal(index.counts().idsRefused, 1)
})

test('a scan that is cut short forgets nobody', (context) => {
  const { index, clock, id, make } = indexOf(context, ['kubepods/poda'], { maxFolders: 1 })
  const kept = id('poda')
  index.refresh()
  for (const name of ['x1', 'x2', 'x3']) make(name)
  clock.ms = 100_000
  index.refresh()
  assert.equal(index.uidOf(kept), 'a')
  assert.equal(index.counts().scansCut, 1)
})

test('an id that was asked for while folders could not be read is looked for again', (context) => {
  const clock = { ms: 0 }
  const pods = join(makeTree(context, []), 'loop')
  symlinkSync(pods, pods) // ELOOP stands for EMFILE
  const broken = createCgroupIndex({ podsCgroup: pods, nowMs: () => clock.ms })
  assert.equal(broken.uidOf(7n), undefined)
  rmSync(pods)
  mkdirSync(join(pods, 'podb'), { recursive: true })
  clock.ms = 1000
  assert.equal(broken.uidOf(7n), undefined)
  assert.equal(broken.uidOf(statSync(join(pods, 'podb'), { bigint: true }).ino), 'b')
  assert.deepEqual([broken.counts().scansCut, broken.counts().scans], [1, 2])
})

test('while there is no folder of pods nothing is found, and later it is', (context) => {
  const { index, clock, make } = indexOf(context, [])
  const id = make('poda')
  assert.equal(index.uidOf(id), 'a')
  clock.ms = 1000
  assert.equal(index.uidOf(id), 'a')
})
