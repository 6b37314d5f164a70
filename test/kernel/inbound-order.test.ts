import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type InboundKernel, loadInbound } from '../../src/kernel/inbound.ts'
import { APP_PORT, inboundOptions, startInbound, whoIsAt } from '../support/inbound-plane.ts'
import { type Lab, labTest, NET } from '../support/lab.ts'

const kernelTest = labTest('inbound-order')
const PROXY = `proxy for ${NET.app4} ${APP_PORT}`

/** An instance of the same object that steers to where nobody listens: it only counts the SYNs to `port` it sees. */
const counting = (lab: Lab, context: TestContext, port: number): InboundKernel => {
  const kernel = loadInbound(lab.shim, inboundOptions(lab))
  context.after(kernel.close)
  kernel.setPorts([{ appPort: port, proxyPort: 15_999 }])
  return kernel
}

const counted = (kernel: InboundKernel): number | undefined => kernel.readCounters()['no_listener']

/** Hangs its ingress program on the interface as another user of clsact would. */
const addFilter = async (lab: Lab, context: TestContext, kernel: InboundKernel, priority: number): Promise<void> => {
  const pin = `/sys/fs/bpf/ut-${process.pid}-order-${priority}`
  context.after(() => rmSync(pin, { force: true }))
  const [id] = kernel.remains()?.programIds ?? []
  execFileSync('bpftool', ['prog', 'pin', 'id', String(id), pin])
  const place = ['dev', NET.device, 'ingress', 'prio', String(priority), 'protocol', 'all']
  const { code, stderr } = await lab.run('app', ['tc', 'filter', 'add', ...place, 'bpf', 'da', 'object-pinned', pin])
  assert.equal(code, 0, stderr)
}

kernelTest(
  'tcx: programs before and behind ours run, and those behind see the port as we leave it',
  async (lab, context) => {
    const before = counting(lab, context, APP_PORT)
    before.attach()
    const plane = await startInbound(lab, context, { inbound: { hook: 'tcx' } })
    const behind = counting(lab, context, plane.proxyPort(APP_PORT))
    behind.attach()
    assert.equal(await whoIsAt(lab, NET.app4, APP_PORT), PROXY)
    assert.deepEqual([counted(before), counted(behind)], [1, 1])
  },
)

kernelTest('clsact: other filters before and behind ours run, and stay when we go', async (lab, context) => {
  const plane = await startInbound(lab, context, { inbound: { hook: 'clsact' } })
  context.after(() => lab.run('app', ['tc', 'qdisc', 'del', 'dev', NET.device, 'clsact']))
  const before = counting(lab, context, APP_PORT)
  await addFilter(lab, context, before, 100)
  const behind = counting(lab, context, plane.proxyPort(APP_PORT))
  await addFilter(lab, context, behind, 60_000)
  assert.equal(await whoIsAt(lab, NET.app4, APP_PORT), PROXY)
  assert.deepEqual([counted(before), counted(behind)], [1, 1])
  plane.kernel.detach()
  assert.equal(await whoIsAt(lab, NET.app4, APP_PORT), 'ECONNREFUSED')
  assert.deepEqual([counted(before), counted(behind)], [2, 1])
})
