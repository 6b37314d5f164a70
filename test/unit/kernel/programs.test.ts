import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LAYOUTS } from '../../../src/kernel/layout.ts'
import { loadKernel } from '../../../src/kernel/programs.ts'
import type { RawCall, Shim, ShimFunction } from '../../../src/kernel/shim.ts'
import { btfSection, elfFile } from '../../support/btf-object.ts'

const HANDLE = 3
const EBADF = -9

/** A shim without a kernel: it notes what is called; the functions in `fails` answer with an error. */
const fakeShim = (fails: Partial<Record<ShimFunction, number>> = {}) => {
  const calls: string[] = []
  const raw: RawCall = (name, ...values) => {
    calls.push(name)
    if (name === 'understudy_open') return fails[name] ?? HANDLE
    return values[0] === HANDLE || name === 'understudy_probe_helper' ? (fails[name] ?? 0) : EBADF
  }
  const call: RawCall = (name, ...values) => {
    const result = raw(name, ...values)
    if (result < 0) throw new Error(`${name}: ${result}`)
    return result
  }
  const shim: Shim = { raw, call, takeLog: () => [] }
  const closes = (): number => calls.filter((name) => name === 'understudy_close').length
  return { shim, closes }
}

/** An object file that fits this program, and nothing else in it. */
const optionsFor = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-programs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const structs = Object.entries(LAYOUTS).map(([name, { size, fields }]) => ({
    name,
    size,
    members: Object.entries(fields).map(([field, { offset }]) => ({ name: field, offset })),
  }))
  const objectPath = join(folder, 'object.o')
  writeFileSync(objectPath, elfFile({ '.BTF': btfSection(structs) }))
  return {
    objectPath,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 5000,
    flowCapacity: 1024,
    ringBytes: 4096,
    mark: 0,
    byNetns: false,
  }
}

const STEPS = ['understudy_set_tunable', 'understudy_set_capacity', 'understudy_load'] as const
for (const step of STEPS) {
  test(`a load that fails in ${step} leaves no handle behind`, (t) => {
    const { shim, closes } = fakeShim({ [step]: -22 })
    assert.throws(() => loadKernel(shim, optionsFor(t)))
    assert.equal(closes(), 1)
  })
}

test('an object that cannot be opened has no handle to close', (t) => {
  const { shim, closes } = fakeShim({ understudy_open: -2 })
  assert.throws(() => loadKernel(shim, optionsFor(t)))
  assert.equal(closes(), 0)
})

test('a second close does not close what has the number by then', (t) => {
  const { shim, closes } = fakeShim()
  const kernel = loadKernel(shim, optionsFor(t))
  kernel.close()
  kernel.close()
  assert.equal(closes(), 1)
})

test('what is asked after the close is not answered by what has the number by then', (t) => {
  const kernel = loadKernel(fakeShim().shim, optionsFor(t))
  assert.equal(kernel.readMapEntries()['orig_dst'], 0)
  kernel.close()
  assert.throws(() => kernel.readMapEntries(), /map_entries: -9/)
  assert.deepEqual(kernel.identify(7), { cookie: 0n })
})
