import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { type InboundOptions, loadInbound } from '../../../src/kernel/inbound.ts'
import { INBOUND_LAYOUTS } from '../../../src/kernel/inbound-layout.ts'
import type { RawCall, Shim, ShimFunction } from '../../../src/kernel/shim.ts'
import { btfSection, elfFile } from '../../support/btf-object.ts'

const HANDLE = 3
const EBADF = -9
const IFINDEX = 2

/** A shim without a kernel: notes each call with its text arguments; the functions in `answers` answer with that. */
const fakeShim = (answers: Partial<Record<ShimFunction, number>> = {}) => {
  const calls: string[] = []
  const raw: RawCall = (name, ...values) => {
    calls.push([name.replace('understudy_', ''), ...values.filter((value) => typeof value === 'string')].join(' '))
    if (answers[name] !== undefined) return answers[name]
    if (name === 'understudy_open') return HANDLE
    if (name === 'understudy_interface') return IFINDEX
    const takesHandle = !/clsact|filter|fd$|netns$/.test(name) || name.startsWith('understudy_attach')
    return takesHandle && values[0] !== HANDLE ? EBADF : 0
  }
  const call: RawCall = (name, ...values) => {
    const result = raw(name, ...values)
    if (result < 0) throw new Error(`${name}: ${result}`)
    return result
  }
  const shim: Shim = { raw, call, takeLog: () => [] }
  return { shim, taken: () => calls.splice(0) }
}

const optionsFor = (t: TestContext, change: Partial<InboundOptions> = {}): InboundOptions => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-inbound-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const structs = Object.entries(INBOUND_LAYOUTS).map(([name, { size, fields }]) => ({
    name,
    size,
    members: Object.entries(fields).map(([field, { offset }]) => ({ name: field, offset })),
  }))
  const objectPath = join(folder, 'object.o')
  writeFileSync(objectPath, elfFile({ '.BTF': btfSection(structs) }))
  return {
    objectPath,
    mode: 'tc',
    netnsFd: -1,
    interface: 'eth0',
    listenerCgroup: '/cgroup/listener',
    mark: 0,
    heartbeatIntervalMs: 1000,
    heartbeatStaleMs: 5000,
    flowCapacity: 1024,
    thirdParty: false,
    ...change,
  }
}

const attachments = (calls: string[]): string[] => calls.filter((call) => /attach|detach|clsact/.test(call))

for (const step of ['understudy_skip_program', 'understudy_set_tunable', 'understudy_load'] as const) {
  test(`a load that fails in ${step} leaves no handle behind`, (t) => {
    const { shim, taken } = fakeShim({ [step]: -22 })
    assert.throws(() => loadInbound(shim, optionsFor(t)))
    assert.equal(taken().at(-1), 'close')
  })
}

test('only what a mode needs is loaded', (t) => {
  const skipped = (change: Partial<InboundOptions>): string[] => {
    const { shim, taken } = fakeShim()
    loadInbound(shim, optionsFor(t, change))
    return taken().flatMap((call) => (call.startsWith('skip_program ') ? [call.slice(13)] : []))
  }
  assert.deepEqual(skipped({}), ['steer_lookup', 'answer_original_dst'])
  assert.deepEqual(skipped({ thirdParty: true }), ['steer_lookup'])
  assert.deepEqual(skipped({ mode: 'sk_lookup' }), ['steer_ingress', 'restore_egress', 'answer_original_dst'])
})

test('the record comes before the steering, the way out before the way in, and the way in goes first', (t) => {
  const { shim, taken } = fakeShim()
  const kernel = loadInbound(shim, optionsFor(t, { thirdParty: true }))
  taken()
  kernel.attach()
  assert.deepEqual(attachments(taken()), [
    'attach record_inbound /cgroup/listener',
    'attach answer_original_dst /cgroup/listener',
    'attach_tcx restore_egress',
    'attach_tcx steer_ingress',
  ])
  assert.equal(kernel.attachedBy, 'tcx')
  kernel.detach()
  assert.deepEqual(attachments(taken()), ['detach steer_ingress', 'detach restore_egress'])
  kernel.attach()
  assert.deepEqual(attachments(taken()), ['attach_tcx restore_egress', 'attach_tcx steer_ingress'])
})

test('a kernel without tcx gets filters, in a qdisc that goes with them', (t) => {
  const { shim, taken } = fakeShim({ understudy_attach_tcx: -22, understudy_make_clsact: 1 })
  const kernel = loadInbound(shim, optionsFor(t))
  taken()
  kernel.attach()
  assert.equal(kernel.attachedBy, 'clsact')
  kernel.detach()
  assert.deepEqual(attachments(taken()).slice(1), [
    'attach_tcx restore_egress',
    'make_clsact',
    'attach_clsact restore_egress',
    'attach_clsact steer_ingress',
    'detach steer_ingress',
    'detach restore_egress',
    'remove_clsact',
  ])
})

test('a qdisc that was there, or a kernel that refuses tcx for another reason, is left as it is', (t) => {
  const there = fakeShim()
  const kernel = loadInbound(there.shim, optionsFor(t, { hook: 'clsact' }))
  kernel.attach()
  there.taken()
  kernel.detach()
  assert.deepEqual(attachments(there.taken()), ['detach steer_ingress', 'detach restore_egress'])

  const refusing = fakeShim({ understudy_attach_tcx: -1 })
  const isRefusal = (error: unknown) => error instanceof UnderstudyError && error.code === 'ATTACH_REFUSED'
  assert.throws(() => loadInbound(refusing.shim, optionsFor(t)).attach(), isRefusal)
  assert.ok(!refusing.taken().includes('make_clsact'))
})

test('filters that cannot be attached take their qdisc with them', (t) => {
  const { shim, taken } = fakeShim({ understudy_attach_clsact: -17, understudy_make_clsact: 1 })
  assert.throws(() => loadInbound(shim, optionsFor(t, { hook: 'clsact' })).attach(), /EEXIST/)
  assert.equal(attachments(taken()).at(-1), 'remove_clsact')
})

test('only filters can be left behind', (t) => {
  const remains = (change: Partial<InboundOptions>) => {
    const { shim } = fakeShim({ understudy_program_id: 77, understudy_has_clsact: 1 })
    return loadInbound(shim, optionsFor(t, { netnsPath: '/run/netns/pod', ...change })).remains()
  }
  assert.equal(remains({ hook: 'tcx' }), undefined)
  assert.equal(remains({ mode: 'sk_lookup' }), undefined)
  const { netnsInode, ...rest } = remains({ hook: 'auto' }) ?? {}
  assert.match(String(netnsInode), /^\d+$/)
  assert.deepEqual(rest, { netnsPath: '/run/netns/pod', ifindex: IFINDEX, programIds: [77, 77], madeQdisc: false })
})

test('after the close nothing reaches what has the number by then', (t) => {
  const { shim, taken } = fakeShim()
  const kernel = loadInbound(shim, optionsFor(t))
  kernel.close()
  assert.equal(taken().at(-1), 'close')
  kernel.close()
  assert.deepEqual(taken(), [])
  assert.throws(() => kernel.setPorts([{ appPort: 80, proxyPort: 81 }]), /-9/)
  assert.throws(() => kernel.drain(), /-9/)
  assert.throws(() => kernel.attach(), UnderstudyError)
})
