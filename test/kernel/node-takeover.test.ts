import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pinFolder, unpinAll } from '../../src/kernel/pins.ts'
import { attachedTo } from '../support/bpftool.ts'
import { serveWorld } from '../support/client.ts'
import { fixture, type Lab, labTest, NET, until } from '../support/lab.ts'
import { ended, fetchFrom, loadNode, nodeAgent, ownBpffs } from '../support/node.ts'

const kernelTest = labTest('node-takeover')
const URL4 = `http://${NET.served4}/`
const ALL = ['connect4', 'connect6', 'getpeername4', 'getpeername6', 'recvmsg4', 'recvmsg6', 'sendmsg4', 'sendmsg6']
const HOOKS = [...ALL, 'sock_release', 'sockops'].sort()

const bpftool = (...argv: string[]): void =>
  void execFileSync('bpftool', argv, { env: { PATH: '/usr/sbin:/usr/bin' }, stdio: ['ignore', 'ignore', 'pipe'] })

type Context = { after(run: () => void | Promise<void>): void }
let trees = 0

/** Where two agents meet: a cgroup of pods and a folder of pins, the latter gone with the test. */
const meetingPlace = (lab: Lab, context: Context) => {
  const { tree, workload, listener } = lab.addCgroups(`kubepods-${++trees}`)
  const base = ownBpffs(lab.shim, context)
  const pins = pinFolder(base)
  context.after(() => void unpinAll(pins))
  const start = async (name: string, more: Record<string, unknown> = {}) => {
    const orders = { pins: base, podsCgroup: tree, agentCgroup: listener, netns: lab.appNetns, name, ...more }
    const agent = await nodeAgent(lab, fixture('node-agent.ts'), orders)
    context.after(() => agent.kill())
    const [did = ''] = (await agent.said('attached')).split('\n')
    return { ...agent, did: JSON.parse(did) as Record<string, string> }
  }
  return { tree, workload, base, pins, start, fetched: () => fetchFrom(lab, lab.appNetns, workload, URL4) }
}

/** Connections one after the other until told to stop; then how many, and what was wrong. */
const STEADY = `
import select, socket, sys
count, wrong = 0, []
print('running', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        s = socket.create_connection(('${NET.served4}', 80), timeout=10)
        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        answer = b''
        while part := s.recv(4096):
            answer += part
        s.close()
        if b': ${NET.served4} 80' not in answer: wrong.append(answer.decode())
    except OSError as error:
        wrong.append(str(error))
    count += 1
    if count % 50 == 0: print(f'done {count}.', flush=True)
print(count, wrong, flush=True)
`

kernelTest('a second agent takes the links over in place, and no connection fails meanwhile', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const first = await place.start('first')
  assert.deepEqual(new Set(Object.values(first.did)), new Set(['attached']))
  assert.equal(await place.fetched(), `first: ${NET.served4} 80`)
  const port = Number(await first.ask('port'))

  const client = lab.start('app', ['python3', '-S', '-E', '-c', STEADY], place.workload)
  await client.said('done 50.')
  const second = await place.start('second', { port })
  assert.deepEqual(second.did, Object.fromEntries(HOOKS.map((hook) => [hook, 'updated'])))
  await client.said('done 200.')
  client.tell('stop')
  const [, tally] = /^(\d+ .*)$/m.exec((await client.finished).stdout) ?? []
  assert.match(tally ?? '', /^\d+ \[\]$/)

  assert.equal(await place.fetched(), `second: ${NET.served4} 80`)
  const theirs = JSON.parse(await first.ask('links')) as string[]
  assert.deepEqual(new Set(theirs.map((link) => link.split(': ')[1])), new Set(['other_program']))
  assert.equal(attachedTo(place.tree).length, HOOKS.length, 'nothing is attached twice')
})

kernelTest(
  'an agent that is killed leaves its hooks; what connects goes direct until the next adopts them',
  async (lab, context) => {
    const place = meetingPlace(lab, context)
    const server = await serveWorld(lab, [80])
    context.after(() => ended(server))
    const first = await place.start('first')
    assert.match(await place.fetched(), /^first/)
    first.kill('SIGKILL')
    await first.finished
    assert.match(await place.fetched(), /^world/)
    assert.equal(attachedTo(place.tree).length, HOOKS.length)

    const second = await place.start('second')
    assert.deepEqual(new Set(Object.values(second.did)), new Set(['updated']))
    assert.match(await place.fetched(), /^second/)
    const events = JSON.parse(await second.ask('events')) as string[]
    assert.deepEqual(
      events.map((event) => event.split(' ')[1]),
      ['redirected', 'no_listener', 'redirected'],
      'what nobody had read was kept',
    )
  },
)

kernelTest('the elder agent has its hooks back when the younger dies', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const first = await place.start('first')
  const second = await place.start('second', { port: Number(await first.ask('port')) })
  assert.match(await place.fetched(), /^second/)
  second.kill('SIGKILL')
  await second.finished
  const mended = JSON.parse(await first.ask('repair')) as string[]
  assert.deepEqual(
    mended.sort(),
    HOOKS.map((hook) => `${hook}: other_program`),
  )
  assert.match(await place.fetched(), /^first/)
  assert.deepEqual(JSON.parse(await first.ask('repair')), [])
})

kernelTest('hooks that somebody unpins, detaches or replaces are named and mended', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const agent = await place.start('agent')
  const pin = (hook: string) => join(place.pins, hook)
  unlinkSync(pin('connect4'))
  bpftool('link', 'detach', 'pinned', pin('connect6'))
  unlinkSync(pin('sockops'))
  bpftool('map', 'pin', 'pinned', pin('policies'), pin('sockops'))
  const before = JSON.parse(await agent.ask('links')) as string[]
  assert.deepEqual(before.filter((link) => !link.endsWith('ours')).sort(), [
    'connect4: missing',
    'connect6: dead',
    'sockops: other_program',
  ])
  const mended = JSON.parse(await agent.ask('repair')) as string[]
  assert.deepEqual(mended.sort(), ['connect4: missing', 'connect6: dead', 'sockops: other_program'])
  assert.deepEqual(JSON.parse(await agent.ask('repair')), [])
  assert.equal(attachedTo(place.tree).length, HOOKS.length, 'nothing is attached twice')
  assert.ok(existsSync(pin('connect4')))
  assert.match(await place.fetched(), /^agent/)
})

kernelTest('a folder of pins that somebody has removed is made and filled again', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const agent = await place.start('agent')
  unpinAll(place.pins)
  assert.match(await place.fetched(), /^agent/, 'the agent holds what it had')
  const mended = JSON.parse(await agent.ask('repair')) as string[]
  assert.equal(mended.length, HOOKS.length + 11)
  assert.ok(mended.every((what) => what.endsWith(': missing')))
  assert.deepEqual(JSON.parse(await agent.ask('repair')), [])
  assert.equal(readdirSync(place.pins).length, HOOKS.length + 11 + 1)
  assert.equal(attachedTo(place.tree).length, HOOKS.length)
  assert.match(await place.fetched(), /^agent/)
})

kernelTest('hooks that the next agent does not want go with the one that had them', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const first = await place.start('first')
  first.kill('SIGKILL')
  await first.finished
  const kernel = loadNode(lab.shim, { pins: place.base })
  context.after(kernel.close)
  kernel.attachNode({ podsCgroup: place.tree, dns: false })
  await until('those of DNS are gone', () => attachedTo(place.tree).length === HOOKS.length - 4)
  assert.ok(kernel.links().every(({ state }) => state === 'ours'))
  assert.ok(!existsSync(join(place.pins, 'sendmsg4')))
})

kernelTest('links on a cgroup that is gone are made anew on the one that took its place', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const lost = join(place.tree, 'lost')
  mkdirSync(lost)
  const kernel = loadNode(lab.shim, { pins: place.base })
  context.after(kernel.close)
  kernel.attachNode({ podsCgroup: lost, dns: false })
  assert.deepEqual(kernel.hooksMissingAt(lost), [])
  assert.equal(kernel.hooksMissingAt(place.tree).length, HOOKS.length - 4)
  rmdirSync(lost)
  await until('the links have lost their cgroup', () => kernel.links().every(({ state }) => state === 'dead'))
  mkdirSync(lost)
  assert.ok(kernel.links().every(({ state }) => state === 'dead'))
  assert.equal(kernel.repairLinks().length, HOOKS.length - 4)
  assert.ok(kernel.links().every(({ state }) => state === 'ours'))
  assert.deepEqual(kernel.hooksMissingAt(lost), [])
})

kernelTest('a changed capacity keeps the maps that are pinned, and says so', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const first = await place.start('first')
  const second = await place.start('second', { port: Number(await first.ask('port')), flowCapacity: 512 })
  const { adopted, keptCapacities, pinned } = JSON.parse(await second.ask('pins')) as Record<string, unknown>
  assert.equal(pinned, true)
  assert.ok(Array.isArray(adopted) && adopted.length === 11)
  assert.deepEqual(keptCapacities, { orig_dst: 4096, in_flight: 4096 })
  assert.match(await place.fetched(), /^second/)
})

kernelTest('unpinning detaches what no living agent holds, and removes the folder', async (lab, context) => {
  const place = meetingPlace(lab, context)
  const agent = await place.start('agent')
  agent.kill('SIGKILL')
  await agent.finished
  assert.equal(readdirSync(place.pins).length, HOOKS.length + 11 + 1)
  assert.equal(unpinAll(place.pins).length, HOOKS.length + 11)
  assert.deepEqual(unpinAll(place.pins), [])
  await until('nothing is attached', () => attachedTo(place.tree).length === 0)
  assert.ok(!existsSync(place.pins))
})
