import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnderstudyError } from '../../../../src/errors.ts'
import { CGROUP2_MAGIC, findCgroupRoot } from '../../../../src/workloads/pods/cgroup-root.ts'

const TMPFS = 0x01021994
const CGROUP = 0x27e0eb
const found = (setting: string, types: Readonly<Record<string, number>>) =>
  findCgroupRoot({ setting, folder: '/no/cgroup', typeOf: (path) => types[path] })

test('cgroup2 alone, beside version 1, or elsewhere', () => {
  const unified = { '/no/cgroup': CGROUP2_MAGIC }
  assert.deepEqual(found('', unified), { path: '/no/cgroup', layout: 'unified', isWhole: true })
  const hybrid = { '/no/cgroup': TMPFS, '/no/cgroup/unified': CGROUP2_MAGIC }
  assert.deepEqual(found('', hybrid), { path: '/no/cgroup/unified', layout: 'hybrid', isWhole: true })
  const legacy = { '/no/cgroup': TMPFS, '/no/cilium': CGROUP2_MAGIC }
  assert.deepEqual(found('/no/cilium', legacy), { path: '/no/cilium', layout: 'legacy', isWhole: true })
})

test('of several mounts the one that is set is taken', () => {
  const types = { '/no/cgroup': CGROUP2_MAGIC, '/no/host/': CGROUP2_MAGIC }
  assert.equal(found('/no/host/', types).path, '/no/host')
})

test('a setting that is no cgroup2 is an error, although there is one', () => {
  const types = { '/no/cgroup': CGROUP2_MAGIC, '/no/memory': CGROUP }
  assert.throws(
    () => found('/no/memory', types),
    (error) =>
      error instanceof UnderstudyError && error.code === 'NO_CGROUP2' && /\/no\/memory is none/.test(error.message),
  )
})

test('without any the error says where was looked', () => {
  assert.throws(
    () => found('', { '/no/cgroup': TMPFS }),
    (error) => error instanceof UnderstudyError && /cgroup is none, .*unified is not there/.test(error.message),
  )
})
