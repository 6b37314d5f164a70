import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cleanUpAgents } from '../../../src/agent/clean-up.ts'
import { takeOver } from '../../../src/agent/ownership.ts'
import { UNTIL_FILE } from '../../../src/agent/until-clock.ts'
import { pinFolder as versioned } from '../../../src/kernel/pins.ts'
import { loadShim } from '../../../src/kernel/shim.ts'
import { lockPorts } from '../../../src/run/rules-left.ts'
import { makeTree } from '../../support/cgroup-tree.ts'
import { failure } from '../../support/failure.ts'
import { SHIM_PATH } from '../../support/lab.ts'

const skip = existsSync(SHIM_PATH) ? false : 'the shim is not built'

const open = (t: TestContext) => {
  const root = makeTree(t, ['state', 'bpf'])
  const config = { stateFolder: join(root, 'state'), pinFolder: join(root, 'bpf') }
  const shim = loadShim(SHIM_PATH)
  return { config, shim, until: join(config.stateFolder, UNTIL_FILE), clean: () => cleanUpAgents(shim, config) }
}

test('where no agent was there is nothing to remove, not even the folders', { skip }, (t) => {
  const { clean, config, shim } = open(t)
  assert.deepEqual(clean(), { removed: [] })
  assert.deepEqual(cleanUpAgents(shim, { stateFolder: '/nowhere/state', pinFolder: '/nowhere/bpf' }), { removed: [] })
  assert.ok(existsSync(config.stateFolder))
})

test('what pods have said of `until` goes with the last agent', { skip }, (t) => {
  const { clean, until } = open(t)
  writeFileSync(until, '{}')
  assert.deepEqual(clean(), { removed: [until] })
  assert.ok(!existsSync(until))
  assert.deepEqual(clean(), { removed: [] })
})

test('while an agent lives all of it stays, and that is told only where there are pins', { skip }, (t) => {
  const { clean, config, shim, until } = open(t)
  writeFileSync(until, '{}')
  const agent = takeOver(config.stateFolder, lockPorts(shim))
  assert.deepEqual(clean(), { removed: [] })
  mkdirSync(versioned(config.pinFolder))
  assert.deepEqual(clean(), { removed: [], kept: 'an agent is alive' })
  assert.ok(existsSync(until))
  agent.release()
})

test('the file of an agent that was killed keeps nothing', { skip }, (t) => {
  const { clean, config, until } = open(t)
  writeFileSync(join(config.stateFolder, 'agent-3.turn'), '')
  writeFileSync(until, '{}')
  assert.deepEqual(clean(), { removed: [until] })
  assert.ok(!existsSync(join(config.stateFolder, 'agent-3.turn')))
})

for (const version of ['this', 'another'] as const) {
  test(`a folder of ${version} version that is on no BPF file system is not touched`, { skip }, (t) => {
    const { clean, config } = open(t)
    const folder = version === 'this' ? versioned(config.pinFolder) : join(config.pinFolder, 'agent-v99999')
    mkdirSync(folder)
    writeFileSync(join(folder, 'mine'), '')
    assert.match(failure(clean).message, /is not on a BPF file system/)
    assert.ok(existsSync(join(folder, 'mine')))
  })
}
