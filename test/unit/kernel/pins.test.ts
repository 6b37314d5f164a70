import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { outdatedPinFolders, pinFolder, unpinAll, usePins } from '../../../src/kernel/pins.ts'
import type { RawCall, Shim } from '../../../src/kernel/shim.ts'

const temporary = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-pins-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const EPERM = -1

/** A shim of a machine where no file system can be mounted. */
const barred = (): { shim: Shim; calls: string[] } => {
  const calls: string[] = []
  const raw: RawCall = (name, ..._values) => {
    calls.push(name)
    return EPERM
  }
  return { calls, shim: { raw, call: raw, takeLog: () => [] } }
}

test('the folder of pins is named after the version of the contract, below the one that is set', () => {
  assert.match(pinFolder('/sys/fs/bpf/understudy'), /^\/sys\/fs\/bpf\/understudy\/agent-v\d+$/)
})

test('pins of other versions are found, and nothing else', (t) => {
  const base = temporary(t)
  for (const name of ['agent-v0', 'agent-v99', 'agent-v', 'agent-v1x', '1a2b3c']) mkdirSync(join(base, name))
  mkdirSync(pinFolder(base))
  assert.deepEqual(outdatedPinFolders(base).sort(), [join(base, 'agent-v0'), join(base, 'agent-v99')])
  assert.deepEqual(outdatedPinFolders(join(base, 'none')), [])
})

test('without a folder nothing is pinned, and nothing is asked of the kernel', () => {
  const { shim, calls } = barred()
  const pins = usePins(shim, 1, undefined, {})
  assert.deepEqual(pins.state(), { pinned: false, adopted: [], keptCapacities: {} })
  assert.equal(pins.folder(), '')
  pins.pin()
  pins.done()
  assert.deepEqual(pins.restore(), [])
  assert.deepEqual(calls, [])
})

test('where no BPF file system can be mounted, the reason is told and nothing is pinned', (t) => {
  const { shim, calls } = barred()
  const base = temporary(t)
  const pins = usePins(shim, 1, base, {})
  assert.equal(pins.state().pinned, false)
  assert.equal(pins.state().why, `there is no BPF file system at ${base}, and mounting one fails: EPERM`)
  assert.equal(pins.folder(), '')
  assert.deepEqual(calls, ['understudy_mount_bpffs'])
})

test('a folder that is not there has no pins to remove', (t) => {
  assert.deepEqual(unpinAll(join(temporary(t), 'none')), [])
})
