import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { NET } from '../support/lab.ts'
import { eventually, killHard, loadedBy, type Stage, stageTest, stillLoaded, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('cleanup')

const ASK = `curl -sS ${WORLD4}/who; echo`
/** Asks, waits for a line, asks again, waits for another. */
const PATIENT = `${ASK}; read line; ${ASK}; read line`
const REAL = `world ${NET.app4} at ${NET.world4} 80`

/** A zombie is not: it waits for init, not for us. */
const isAlive = (pid: string): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/**
 * The patient command, waiting at a pipe of the test's own: a child's stdin ends with the child, and this one is to
 * outlive it.
 */
const orphan = (stage: Stage, context: TestContext): { argv: string[]; tell(): void } => {
  const pipe = join(stage.folder(context), 'pipe')
  execFileSync('mkfifo', [pipe])
  const fd = openSync(pipe, 'r+')
  context.after(() => closeSync(fd))
  const script = `exec 3<> '${pipe}'; ${PATIENT.replaceAll('read line', 'read line <&3')}`
  return { argv: ['sh', '-c', script], tell: () => void writeSync(fd, '\n') }
}

const sweep = async (stage: Stage): Promise<string> => {
  const { code, stdout, stderr } = await stage.understudy(['cleanup'])
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
}

runTest('nothing is left of a run that has ended: no file, cgroup, pin, program or map', async (stage, context) => {
  const run = stage.start(['run', '-e', stage.mock(context, '/who', 'mocked'), '--', 'sh', '-c', PATIENT])
  await run.said('mocked')
  const loaded = loadedBy(stage.cgroupOf(run.pid))
  assert.deepEqual([loaded.programs.length >= 5, loaded.maps.length >= 7], [true, true])
  assert.equal(stage.traces(run.pid).length, 4) // cgroup, lock, state, pins
  run.tell('ask again')
  run.tell('end')
  assert.equal((await run.finished).stdout, 'mocked\nmocked\n')
  assert.deepEqual(stage.traces(run.pid), [])
  await eventually('the kernel has freed programs and maps', () => stillLoaded(loaded).length === 0)
})

runTest('what the command leaves running is ended, and told', async (stage) => {
  const script = '(trap "" HUP; exec sleep 600) > /dev/null 2>&1 & echo $!'
  const run = stage.start(['run', '--', 'sh', '-c', script])
  const { code, stdout, stderr } = await run.finished
  assert.equal(code, 0)
  assert.equal(isAlive(stdout.trim()), false)
  assert.match(stderr, /the command left processes running/)
  assert.deepEqual(stage.traces(run.pid), [])
})

runTest('a cgroup that the command has made inside its own goes with it', async (stage) => {
  const script = [
    'own=$(sed -n s/^0:://p /proc/self/cgroup)',
    "mount=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)",
    'mkdir -p "$mount$own/below/deep"',
    'sh -c \'echo $$ > "$0"; exec sleep 600\' "$mount$own/below/deep/cgroup.procs" > /dev/null 2>&1 &',
    'until grep -q . "$mount$own/below/deep/cgroup.procs"; do :; done',
  ].join('\n')
  const run = stage.start(['run', '--', 'sh', '-ec', script])
  const { code, stderr } = await run.finished
  assert.equal(code, 0, stderr)
  assert.match(stderr, /the command left processes running/)
  assert.deepEqual(stage.traces(run.pid), [])
})

runTest('when understudy is killed its command goes on, straight to the real server', async (stage, context) => {
  const { argv, tell } = orphan(stage, context)
  const run = stage.start(['run', '-e', stage.mock(context, '/who', 'mocked'), '--', ...argv])
  await run.said('mocked')
  const cgroup = stage.cgroupOf(run.pid)
  const loaded = loadedBy(cgroup)
  assert.ok(loaded.programs.length >= 5)
  await killHard(run)
  tell()
  await run.said(REAL)
  assert.deepEqual(loadedBy(cgroup).programs, [])
  await eventually('only what was pinned is loaded', () => stillLoaded(loaded).length <= 1)

  assert.match(await sweep(stage), /removed pin .*kept, because its command still runs \(pid \d+/s)
  assert.ok(existsSync(cgroup.workload))
  await eventually('nothing is loaded', () => stillLoaded(loaded).length === 0)

  tell()
  await run.finished
  assert.match(await sweep(stage), /removed cgroup/)
  assert.deepEqual(stage.traces(run.pid), [])
  assert.equal(await sweep(stage), 'nothing to clean up\n')
})

runTest('the next run clears up after a killed one and leaves a living one alone', async (stage, context) => {
  const [living, dead] = ['living', 'dead'].map((name) => {
    return stage.start(['run', '-e', stage.mock(context, '/who', name), '--', 'sh', '-c', PATIENT])
  })
  assert.ok(living && dead)
  await Promise.all([living.said('living'), dead.said('dead')])
  const alive = stage.traces(living.pid)
  await killHard(dead)
  await dead.finished // its stdin ends with understudy, and so does the command
  assert.equal(stage.traces(dead.pid).length, 4)

  const next = await stage.understudy(['run', '--log-level', 'info', '--', 'true'])
  assert.match(next.stderr, /cleared up after a run that was killed/)
  assert.deepEqual(stage.traces(dead.pid), [])
  assert.deepEqual(stage.traces(living.pid), alive)
  living.tell('ask again')
  living.tell('end')
  assert.equal((await living.finished).stdout, 'living\nliving\n')
})

runTest(
  'a bug of ours ends the interception, not the command, and is told with exit code 70',
  async (stage, context) => {
    const crash = "process.on('SIGALRM', () => { throw new Error('made up for a test') })"
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}` }
    const run = stage.start(['run', '-e', stage.mock(context, '/who', 'mocked'), '--', 'sh', '-c', PATIENT], { env })
    await run.said('mocked')
    const cgroup = stage.cgroupOf(run.pid)
    assert.ok(loadedBy(cgroup).programs.length >= 5)
    run.kill('SIGALRM')
    await eventually('the programs are detached', () => loadedBy(cgroup).programs.length === 0)
    run.tell('ask again')
    await run.said(REAL)
    run.tell('end')
    const { code, stderr } = await run.finished
    assert.equal(code, 70)
    assert.match(stderr, /the interception ends, the command goes on.*this is a bug: Error: made up for a test/s)
    assert.deepEqual(stage.traces(run.pid), [])
  },
)
