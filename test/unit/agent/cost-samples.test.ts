/** When the kernel measures what the programs cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleCosts } from '../../../src/agent/cost-samples.ts'

const refuse = (error: unknown): never => assert.fail(String(error))

const createPrograms = () => {
  const done: string[] = []
  return {
    done,
    enableCosts: () => void done.push('on'),
    disableCosts: () => void done.push('off'),
  }
}

test('programs are measured for a second of each half minute, the first at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const programs = createPrograms()
  const stop = sampleCosts(programs, refuse)
  assert.deepEqual(programs.done, ['on'])
  t.mock.timers.tick(999)
  assert.deepEqual(programs.done, ['on'])
  t.mock.timers.tick(1)
  assert.deepEqual(programs.done, ['on', 'off'])
  t.mock.timers.tick(29_000)
  assert.deepEqual(programs.done, ['on', 'off', 'on'])
  stop()
})

test('an end in the middle of a sample ends the sample, and there is no other', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const programs = createPrograms()
  sampleCosts(programs, refuse)()
  t.mock.timers.tick(90_000)
  assert.deepEqual(programs.done, ['on', 'off'])
})

test('a kernel that cannot measure is told of once and not asked again', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  let asked = 0
  const failures: unknown[] = []
  const refused = new Error('no such command')
  const programs = {
    enableCosts: () => {
      asked++
      throw refused
    },
    disableCosts: () => undefined,
  }
  sampleCosts(programs, (error) => failures.push(error))
  t.mock.timers.tick(90_000)
  assert.deepEqual([asked, failures], [1, [refused]])
})
