import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { agentLives, takeOver } from '../../../src/agent/ownership.ts'
import { loadShim } from '../../../src/kernel/shim.ts'
import { PATHS } from '../../../src/paths.ts'
import { lockPorts } from '../../../src/run/rules-left.ts'
import { failure } from '../../support/failure.ts'
import { until } from '../../support/lab.ts'

const skip = existsSync(PATHS.shim) ? false : 'the shim is not built'

/** Locks of the kernel, which are the open file's: two agents of one process are two agents. */
const setUp = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'ownership-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, ports: lockPorts(loadShim(PATHS.shim)) }
}

test('the younger agent is in charge, and the elder again once it has gone', { skip }, (t) => {
  const { folder, ports } = setUp(t)
  const elder = takeOver(folder, ports)
  assert.ok(elder.isOwner())
  const younger = takeOver(folder, ports)
  assert.equal(younger.generation, elder.generation + 1)
  assert.deepEqual([elder.isOwner(), younger.isOwner()], [false, true])
  younger.release()
  assert.ok(elder.isOwner())
  assert.ok(agentLives(folder, ports))
  elder.release()
  assert.ok(!agentLives(folder, ports))
  assert.deepEqual(readdirSync(folder), [])
})

test('the file of an agent that was killed holds nobody up, and goes', { skip }, (t) => {
  const { folder, ports } = setUp(t)
  const elder = takeOver(folder, ports)
  writeFileSync(join(folder, 'agent-17.turn'), '')
  assert.ok(elder.isOwner())
  assert.deepEqual(readdirSync(folder), ['agent-1.turn'])
  elder.release()
})

test('files of other names are nobody', { skip }, (t) => {
  const { folder, ports } = setUp(t)
  for (const name of ['agent-x.turn', 'agent-.turn', 'agent-1234567890123.turn', 'agent-3.turn.old'])
    writeFileSync(join(folder, name), '')
  const agent = takeOver(folder, ports)
  assert.equal(agent.generation, 1)
  agent.release()
})

test('a folder that cannot be had is told with its reason', { skip }, (t) => {
  const { folder, ports } = setUp(t)
  writeFileSync(join(folder, 'file'), '')
  const error = failure(() => takeOver(join(folder, 'file/below'), ports))
  assert.equal(error.code, 'FILE_UNWRITABLE')
  assert.match(error.message, /ENOTDIR/)
  const refused = failure(() => takeOver(folder, { lock: () => -30, unlock: () => {} }))
  assert.match(refused.message, /cannot take its turn in .*: EROFS/)
  assert.ok(!agentLives(join(folder, 'none'), ports))
})

test('an agent whose folder was removed stays in charge, and is found by a younger one', { skip }, (t) => {
  const { folder, ports } = setUp(t)
  const elder = takeOver(folder, ports)
  const second = takeOver(folder, ports)
  rmSync(folder, { recursive: true })
  assert.ok(second.isOwner())
  const youngest = takeOver(folder, ports)
  assert.ok(youngest.generation > second.generation)
  assert.deepEqual([elder.isOwner(), second.isOwner(), youngest.isOwner()], [false, false, true])
  for (const agent of [elder, second, youngest]) agent.release()
})

test('that another agent has come and gone is seen, however short its time was', { skip }, async (t) => {
  const { folder, ports } = setUp(t)
  const elder = takeOver(folder, ports)
  const before = elder.turn()
  // The clock of the file system stands still for some milliseconds.
  await until('the folder has another time', () => {
    takeOver(folder, ports).release()
    return elder.turn() !== before
  })
  const after = elder.turn()
  assert.ok(elder.isOwner())
  assert.equal(elder.turn(), after)
  elder.release()
})
