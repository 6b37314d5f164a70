import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGuardian } from '../../../src/capture/guardian.ts'
import { runTool, startTool } from '../../../src/capture/tool.ts'

test('a tool tells its status and all it has said, and reads what it is given', async () => {
  const ran = await runTool(-1, 'sh', ['-c', 'cat; echo wrong >&2; exit 7'], 'given')
  assert.deepEqual(ran, { status: 7, out: 'given', err: 'wrong\n' })
})

test('a tool that is not there has the status of a shell, and is named', async () => {
  const { status, err } = await runTool(-1, 'understudy-has-no-such-tool', [])
  assert.equal(status, 127)
  assert.match(err, /understudy-has-no-such-tool/)
})

test('a tool gets nothing of our environment but a path of the system', async () => {
  const { out } = await runTool(-1, 'env', [])
  assert.deepEqual(
    out
      .split('\n')
      .map((line) => line.split('=')[0])
      .filter(Boolean)
      .sort(),
    ['LC_ALL', 'PATH'],
  )
})

test('waiting ends with the answer, or without one when the tool ends', async () => {
  const tool = startTool(-1, 'sh', ['-c', 'echo first; read line; echo second'])
  assert.equal(await tool.until((out) => (out.includes('first') ? 1 : undefined)), 1)
  tool.child.stdin?.end('\n')
  assert.equal(await tool.until((out) => (out.includes('third') ? 3 : undefined)), undefined)
  assert.equal(await tool.ended, 0)
  assert.equal(tool.said().out, 'first\nsecond\n')
})

const guarded = (install: string, remove: string) =>
  startGuardian({ netnsFd: -1, install, remove, args: ['one', 'two'], onLost: () => assert.fail('it is not lost') })

test('a guardian whose commands fail removes what they have made, and says why', async () => {
  const failed = await guarded('echo "no $2" >&2\nfalse\necho never', 'echo removed >&2')
  assert.deepEqual(failed, { kind: 'failed', status: 1, said: 'no two\nremoved\n' })
})

test('a guardian that finds a place taken leaves it as it is', async () => {
  const failed = await guarded('exit 3', 'echo removed >&2')
  assert.deepEqual(failed, { kind: 'failed', status: 3, said: '' })
})

test('a guardian is ready once the commands are through, and removes when it is stopped', async () => {
  const guardian = await guarded('[ "$1" = one ]', '[ "$1" = one ] && exit 0; exit 1')
  assert.ok(guardian.kind === 'ready')
  assert.equal(await guardian.stop(), true)
})

test('a tool that has ended long ago holds up nobody when it is hurried', async () => {
  const tool = startTool(-1, 'true', [])
  await tool.ended
  tool.hurry()
  assert.equal(process.getActiveResourcesInfo().includes('Timeout'), false)
})
