import assert from 'node:assert/strict'
import { fixture } from '../support/lab.ts'
import { stageTest } from '../support/stage.ts'

const runTest = stageTest('signals')

const COUNTER = ['python3', '-S', '-E', fixture('signals.py')]
const CTRL_C = '03'
const CTRL_BACKSLASH = '1c'
const LINE_FEED = '0a'

const countsOf = (stdout: string): unknown => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')

runTest('signals sent to understudy reach the command, each once', async ({ start }) => {
  const run = start(['run', '--', ...COUNTER])
  await run.said('counting')
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    run.kill(name)
    await run.said(`${name} 1`)
  }
  run.tell('that is all')
  const { code, stdout } = await run.finished
  assert.deepEqual([code, countsOf(stdout)], [0, { SIGTERM: 1, SIGINT: 1, SIGHUP: 1, SIGUSR1: 1, SIGUSR2: 1 }])
})

runTest('a command that does not handle SIGTERM ends with it, and nothing stays', async ({ start, traces }) => {
  const run = start(['run', '--', 'sh', '-c', 'echo up; exec cat'])
  await run.said('up')
  run.kill('SIGTERM')
  const { code, signal } = await run.finished
  assert.deepEqual([code, signal], [143, null])
  assert.deepEqual(traces(run.pid), [])
})

runTest('Ctrl-C at a terminal reaches the command exactly once', async ({ start }) => {
  const run = start(['run', '--no-summary', '--', ...COUNTER], { terminal: true })
  await run.said('counting')
  run.tell(CTRL_C)
  await run.said('SIGINT 1')
  run.tell(CTRL_C)
  await run.said('SIGINT 2')
  run.tell(LINE_FEED)
  const { code, stdout } = await run.finished
  assert.deepEqual([code, countsOf(stdout)], [0, { SIGINT: 2 }])
})

runTest('Ctrl-\\ at a terminal reaches the command once, and its exit code is kept', async ({ start }) => {
  const run = start(['run', '--no-summary', '--', ...COUNTER], { terminal: true })
  await run.said('counting')
  run.tell(CTRL_BACKSLASH)
  const { code, stdout } = await run.finished
  assert.deepEqual([code, countsOf(stdout)], [7, { SIGQUIT: 1 }])
})

runTest('a signal before the command has started ends the start, and nothing stays', async ({ start, traces }) => {
  // The preload is the only way to be sure of the moment: it raises the signal once the state folder is looked at.
  const early = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { statfsSync } = fs
    fs.statfsSync = (...args) => { process.kill(process.pid, 'SIGTERM'); return statfsSync(...args) }
    syncBuiltinESMExports()`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(early)}` }
  const run = start(['run', '--', 'echo', 'started'], { env })
  const { code, stdout } = await run.finished
  assert.deepEqual([code, stdout, traces(run.pid)], [143, '', []])
})
