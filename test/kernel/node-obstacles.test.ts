import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinFolder, unpinAll } from '../../src/kernel/pins.ts'
import { attachedTo } from '../support/bpftool.ts'
import { failure } from '../support/failure.ts'
import { fixture, labTest, NET, SHIM_PATH, until } from '../support/lab.ts'
import { fetchFrom, loadNode, nodeAgent, ownBpffs } from '../support/node.ts'

const kernelTest = labTest('node-obstacles')

const run = (program: string, ...argv: string[]): string =>
  execFileSync(program, argv, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, encoding: 'utf8' })

for (const [where, at] of [
  ['on the cgroup', (tree: string) => tree],
  ['on a cgroup above it', (tree: string) => join(tree, '..')],
] as const) {
  kernelTest(`a program that was attached ${where} without flags is named`, (lab, context) => {
    const { tree } = lab.addCgroups('kubepods')
    const theirs = loadNode(lab.shim)
    const kernel = loadNode(lab.shim)
    const id = lab.shim.call('understudy_program_id', theirs.nativeHandle(), 'redirect_connect4')
    const cgroup = join(at(tree))
    run('bpftool', 'cgroup', 'attach', cgroup, 'connect4', 'id', `${id}`)
    const detach = () => run('bpftool', 'cgroup', 'detach', cgroup, 'connect4', 'id', `${id}`)
    let isAttached = true
    context.after(() => {
      if (isAttached) detach()
      theirs.close()
      kernel.close()
    })
    const error = failure(() => kernel.attachNode({ podsCgroup: tree, dns: false }))
    assert.equal(error.code, 'ATTACH_REFUSED')
    const excluder = { id, name: 'redirect_connec', hook: 'connect4', cgroup }
    assert.deepEqual(error.facts['excluder'], excluder)
    assert.match(error.message, new RegExp(`program ${id} \\(redirect_connec\\) is attached to ${cgroup} as connect4`))
    assert.match(error.remedy ?? '', /bpftool cgroup detach/)
    detach()
    isAttached = false
    assert.deepEqual(kernel.repairLinks(), ['connect4: missing'])
    assert.deepEqual(kernel.hooksMissingAt(tree), [])
  })
}

kernelTest('an attach to what is no cgroup is refused with its reason', (lab, context) => {
  const kernel = loadNode(lab.shim)
  context.after(kernel.close)
  assert.match(failure(() => kernel.attachNode({ podsCgroup: '/there/is/none', dns: false })).message, /ENOENT/)
  assert.match(failure(() => kernel.attachNode({ podsCgroup: '/tmp', dns: false })).message, /EBADF/)
})

kernelTest(
  'where the file system of pins is read-only, everything works and nothing is pinned',
  async (lab, context) => {
    const { tree, workload, listener } = lab.addCgroups('read-only')
    const folder = ownBpffs(lab.shim, context)
    run('mount', '-o', 'remount,ro', folder)
    const orders = { pins: folder, podsCgroup: tree, agentCgroup: listener, netns: lab.appNetns }
    const agent = await nodeAgent(lab, fixture('node-agent.ts'), { ...orders, name: 'unpinned' })
    context.after(() => agent.kill())
    const pins = JSON.parse(await agent.ask('pins')) as { pinned: boolean; why: string }
    assert.equal(pins.pinned, false)
    assert.match(pins.why, /nothing can be pinned in .*agent-v1: EROFS/)
    assert.equal(await fetchFrom(lab, lab.appNetns, workload, `http://${NET.served4}/`), `unpinned: ${NET.served4} 80`)
    assert.ok((JSON.parse(await agent.ask('links')) as string[]).every((link) => link.endsWith('ours')))
    agent.kill('SIGKILL')
    await agent.finished
    await until('its hooks went with it', () => attachedTo(tree).length === 0)
  },
)

/** Loads with pins at the usual place, in a mount namespace of its own, after `shell` has run; what `pins` says. */
const pinsAfter = async (lab: Parameters<Parameters<typeof kernelTest>[1]>[0], shell: string) => {
  const node = new URL('../support/node.ts', import.meta.url).href
  const shim = new URL('../../src/kernel/shim.ts', import.meta.url).href
  const program = `
    const { loadShim } = await import(${JSON.stringify(shim)})
    const { loadNode } = await import(${JSON.stringify(node)})
    const kernel = loadNode(loadShim(${JSON.stringify(SHIM_PATH)}), { pins: '/sys/fs/bpf/understudy-test' })
    console.log(JSON.stringify(kernel.pins))
    kernel.close()`
  const argv = ['unshare', '--mount', 'sh', '-c', `${shell} && exec "$0" "$@"`]
  const result = await lab.run('app', [...argv, process.execPath, '--input-type=module', '-e', program])
  assert.equal(result.code, 0, result.stderr)
  return JSON.parse(result.stdout) as { pinned: boolean; why?: string }
}

kernelTest('where no file system of pins is mounted, one is', async (lab) => {
  const pins = await pinsAfter(lab, 'umount -l /sys/fs/bpf 2>/dev/null; mount -t tmpfs none /sys/fs/bpf')
  assert.deepEqual([pins.pinned, pins.why], [true, undefined])
})

kernelTest('where none can be mounted, nothing is pinned and the reason is told', async (lab) => {
  const prepared = 'umount -l /sys/fs/bpf 2>/dev/null; mount -t tmpfs none /sys/fs && mount -o remount,ro /sys/fs'
  const pins = await pinsAfter(lab, prepared)
  assert.equal(pins.pinned, false)
  assert.match(pins.why ?? '', /EROFS/)
})

kernelTest('a pin that is not the map of this version is refused, and left as it is', (lab, context) => {
  const base = ownBpffs(lab.shim, context)
  const folder = pinFolder(base)
  mkdirSync(folder)
  const theirs = loadNode(lab.shim)
  lab.shim.call('understudy_pin_map', theirs.nativeHandle(), 'policies', join(folder, 'in_flight'))
  theirs.close()
  const error = failure(() => loadNode(lab.shim, { pins: base }))
  assert.equal(error.code, 'PIN_MISMATCH')
  assert.match(error.message, /in_flight/)
  assert.deepEqual(unpinAll(folder), ['in_flight'])
})

kernelTest('a folder that is not of pins is not emptied', (_lab, context) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-not-pins-'))
  context.after(() => rmdirSync(folder))
  assert.equal(failure(() => unpinAll(folder)).code, 'BAD_CONFIG')
})
