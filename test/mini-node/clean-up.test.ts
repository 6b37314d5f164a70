/** Nothing of a mini-node outlives it, however it ends; and nothing of another is touched. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cgroup2Mount, until } from '../support/lab.ts'
import { hierarchies } from '../support/mini-node/cgroup-trees.ts'
import type { MiniNode, MiniNodeOptions } from '../support/mini-node/interface.ts'
import { startMiniNode } from '../support/mini-node/mini-node.ts'
import { requireMiniNode } from '../support/mini-node/required.ts'
import { processesLeft, type Traces, thingsLeft, tracesOf } from '../support/mini-node/traces.ts'

const HOLDER = fileURLToPath(new URL('../support/mini-node/held-node.ts', import.meta.url))
const POD = { namespace: 'default', name: 'p', qos: 'burstable', image: 'busybox', command: ['sleep', '3600'] } as const

const start = async (context: TestContext, options: MiniNodeOptions = {}): Promise<MiniNode> => {
  const node = await startMiniNode(options)
  context.after(node.close)
  return node
}

const nothingIsLeft = (traces: Traces): void => {
  assert.deepEqual(processesLeft(traces), [])
  assert.deepEqual(thingsLeft(traces), [])
}

/** Starts a process that holds a node with a pod; what that node is known by. */
const startHolder = async (context: TestContext) => {
  const child = spawn(process.execPath, [HOLDER], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for await (const line of createInterface(child.stdout)) {
    const traces = JSON.parse(line) as Traces
    assert.ok(processesLeft(traces).length >= 4, 'init, runtime, shim and two containers')
    assert.ok(thingsLeft(traces).length >= 2)
    return { child, ended, traces }
  }
  throw new Error('the holder ended before it had a node')
}

describe('a mini-node that ends', { skip: requireMiniNode() }, () => {
  test('leaves no process, cgroup, file or mount behind when it is closed', async (context) => {
    const node = await start(context)
    for (const name of ['a', 'b']) await node.createPod({ ...POD, name })
    await node.createPod({ ...POD, name: 'c', hostNetwork: true })
    node.start(['sleep', '3600'], { view: 'node' })
    mkdirSync(join(node.cgroupRoot, 'made-by-a-test'))
    const traces = tracesOf(node)
    assert.ok(processesLeft(traces).length >= 9)
    await node.close()
    nothingIsLeft(traces)
  })

  test('leaves nothing when the test ends its process without closing it', async (context) => {
    const { child, ended, traces } = await startHolder(context)
    child.kill('SIGTERM')
    await ended
    nothingIsLeft(traces)
  })

  test('leaves no process when the test is killed, and the next start removes the rest', async (context) => {
    const { child, ended, traces } = await startHolder(context)
    child.kill('SIGKILL')
    await ended
    await until('the kernel has ended its processes', () => processesLeft(traces).length === 0)
    assert.ok(existsSync(traces.folder))
    const next = await start(context)
    nothingIsLeft(traces)
    const pod = await next.createPod(POD)
    assert.equal((await pod.exec(['true'])).exitCode, 0)
  })

  test('does not touch another one', async (context) => {
    const [one, other] = [await start(context), await start(context)]
    const [pod] = [await other.createPod(POD), await one.createPod(POD)]
    await one.close()
    assert.equal((await pod.exec(['true'])).exitCode, 0)
    const third = await start(context)
    await third.close()
    assert.equal((await pod.exec(['true'])).exitCode, 0)
    assert.ok(existsSync(pod.cgroupPath))
  })

  test('that could not start has left nothing either', async (context) => {
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.includes(`mini-node-${process.pid}-`))
    const root = cgroup2Mount() ?? ''
    const inTheWay = join(root, 'kubepods')
    if (existsSync(inTheWay)) return context.skip('there is a /kubepods here')
    mkdirSync(inTheWay)
    context.after(() => existsSync(inTheWay) && rmdirSync(inTheWay))
    const before = folders()
    await assert.rejects(startMiniNode({ kubepods: 'plain' }), /there is a \/kubepods cgroup already/)
    assert.deepEqual(folders(), before)
    assert.ok(existsSync(inTheWay), 'it is not ours')
    rmdirSync(inTheWay)
    return undefined
  })
})

describe('a mini-node of another form', { skip: requireMiniNode() }, () => {
  test('has its pods in /kubepods where it is asked to', async (context) => {
    if (existsSync(join(hierarchies().unified, 'kubepods'))) return context.skip('there is a /kubepods here')
    const node = await start(context, { kubepods: 'plain' })
    const pod = await node.createPod({ ...POD, qos: 'besteffort' })
    assert.equal(pod.cgroupPath, join(hierarchies().unified, 'kubepods/besteffort', `pod${pod.uid}`))
    assert.match(readFileSync(`/proc/${pod.containerPid()}/cgroup`, 'utf8'), /^0::\/kubepods\/besteffort\/pod/m)
    await node.close()
    const left = [hierarchies().unified, ...hierarchies().v1].filter((mount) => existsSync(join(mount, 'kubepods')))
    assert.deepEqual(left, [])
    return undefined
  })

  test('shows only version 2 of cgroups where it is asked to, and its containers have a cgroup namespace each', async (context) => {
    const node = await start(context, { cgroupView: 'pure-v2' })
    const { stdout } = await node.run(['stat', '-f', '-c', '%T', '/sys/fs/cgroup'], { view: 'node' })
    assert.equal(stdout, 'cgroup2fs\n')
    const pod = await node.createPod(POD)
    const inside = await pod.exec(['cat', '/proc/self/cgroup'])
    assert.match(inside.stdout, /^0::\/$/m)
    assert.match(
      readFileSync(`/proc/${pod.containerPid()}/cgroup`, 'utf8'),
      new RegExp(`^0::.*/kubepods/burstable/pod${pod.uid}/${pod.containerId()}$`, 'm'),
    )
    await pod.remove()
    assert.equal(existsSync(pod.cgroupPath), false)
  })
})
