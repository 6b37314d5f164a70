import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { TestContext } from 'node:test'
import { addForeignRules, rulesIn, runWith, VARIANTS, type Variant, without } from '../support/captures.ts'
import { NET, type Started } from '../support/lab.ts'
import { eventually, killHard, type Stage, stageTest, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('capture-ends')

const REAL = `world ${NET.app4} at ${NET.world4} 80`
const ASK = `curl -sS --max-time 5 ${WORLD4}/who; echo`

let foreign = ''
runTest('the namespace has rules of others', async ({ lab }) => {
  addForeignRules(lab)
  foreign = rulesIn(lab)
})

interface Orphan {
  readonly run: Started
  /** Lets the command ask once more. */
  tell(): void
}

/** A run whose command outlives it: it waits at a pipe of the test's own. */
const startOrphan = async (stage: Stage, context: TestContext, variant: Variant): Promise<Orphan> => {
  const pipe = join(stage.folder(context), 'pipe')
  execFileSync('mkfifo', [pipe])
  const fd = openSync(pipe, 'r+')
  context.after(() => closeSync(fd))
  const { args, options } = runWith(stage, context, variant, '-e', stage.mock(context, '/who', 'mocked'))
  const script = `exec 3<> '${pipe}'; ${ASK}; read line <&3; ${ASK}; read line <&3`
  const run = stage.start([...args, '--', 'sh', '-c', script], options)
  await run.said('mocked')
  return { run, tell: () => void writeSync(fd, '\n') }
}

/** Processes below understudy's that keep its rules, by their names. */
const keepersOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? []
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8')
        return Number(parent) === pid && /understudy-guardian|^nft\0-i/.test(command) ? [Number(name)] : []
      } catch {
        return [] // it has ended meanwhile
      }
    })

const areGone = ({ lab }: Stage) => eventually('the rules are gone', () => rulesIn(lab) === foreign)

const sweep = async (stage: Stage, { before }: Variant): Promise<string> => {
  const { code, stdout, stderr } = await stage.understudy(['cleanup'], before === undefined ? {} : { before })
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
}

for (const variant of VARIANTS) {
  const { name } = variant

  runTest(`${name}: rules are there as long as the command, and no trace afterwards`, async (stage, context) => {
    const { args, options } = runWith(stage, context, variant)
    const run = stage.start([...args, '--', 'sh', '-c', `${ASK}; read line`], options)
    await run.said(REAL)
    assert.notEqual(rulesIn(stage.lab), foreign)
    run.tell('end')
    assert.equal((await run.finished).code, 0)
    assert.equal(rulesIn(stage.lab), foreign)
    assert.deepEqual(stage.traces(run.pid), [])
    assert.deepEqual(keepersOf(run.pid), [])
  })

  runTest(`${name}: a signal that ends the command ends the rules`, async (stage, context) => {
    const { args, options } = runWith(stage, context, variant)
    const run = stage.start([...args, '--', 'sh', '-c', `${ASK}; exec sleep 600`], options)
    await run.said(REAL)
    run.kill('SIGTERM')
    assert.equal((await run.finished).code, 143)
    assert.equal(rulesIn(stage.lab), foreign)
    assert.deepEqual(stage.traces(run.pid), [])
  })

  runTest(
    `${name}: when understudy is killed the rules go, and its command goes on directly`,
    async (stage, context) => {
      const { run, tell } = await startOrphan(stage, context, variant)
      await killHard(run)
      await areGone(stage)
      tell()
      await run.said(REAL)
      assert.match(await sweep(stage, variant), /kept, because its command still runs/)
      tell()
      await run.finished
      await sweep(stage, variant)
      assert.deepEqual(stage.traces(run.pid), [])
      assert.equal(rulesIn(stage.lab), foreign)
    },
  )

  runTest(`${name}: what keeps the rules dies alone: that is told, and none of them stays`, async (stage, context) => {
    const { args, options } = runWith(stage, context, variant)
    const run = stage.start([...args, '--', 'sh', '-c', `${ASK}; read line`], options)
    await run.said(REAL)
    const keepers = keepersOf(run.pid)
    for (const pid of keepers) process.kill(pid, 'SIGKILL')
    await eventually('understudy has noticed', () => keepers.every((pid) => !existsSync(`/proc/${pid}`)))
    run.tell('end')
    const { code, stderr } = await run.finished
    assert.equal(code, 0)
    assert.match(stderr, /the capture is not whole any more/)
    assert.equal(rulesIn(stage.lab), foreign)
    assert.deepEqual(stage.traces(run.pid), [])
  })

  if (!variant.isGuarded) continue

  runTest(
    `${name}: what even a killed guardian leaves, cleanup removes while the command lives`,
    async (stage, context) => {
      const { run, tell } = await startOrphan(stage, context, variant)
      const keepers = keepersOf(run.pid)
      assert.ok(keepers.length > 0)
      for (const pid of keepers) process.kill(pid, 'SIGKILL')
      await killHard(run)
      assert.notEqual(rulesIn(stage.lab), foreign)
      const said = await sweep(stage, variant)
      assert.match(said, variant.mode === 'tproxy' ? /removed ip -4 rule fwmark/ : /removed iptables chain UNDERSTUDY-/)
      assert.match(said, /kept, because its command still runs/)
      assert.equal(rulesIn(stage.lab), foreign)
      tell()
      await run.said(REAL)
      tell()
      await run.finished
      await sweep(stage, variant)
      assert.deepEqual(stage.traces(run.pid), [])
    },
  )

  runTest(`${name}: where the tools are gone cleanup says that rules are left`, async (stage, context) => {
    if (variant.mode !== 'iptables') return
    const { run, tell } = await startOrphan(stage, context, variant)
    for (const pid of keepersOf(run.pid)) process.kill(pid, 'SIGKILL')
    await killHard(run)
    const { stdout } = await stage.understudy(['cleanup'], { before: without('iptables', 'ip6tables') })
    assert.match(stdout, /kept, because capture iptables: the rules of run .* cannot be removed/)
    assert.match(await sweep(stage, variant), /removed iptables chain/)
    tell()
    tell()
    await run.finished
    await sweep(stage, variant)
    assert.equal(rulesIn(stage.lab), foreign)
  })

  runTest(`${name}: rules whose namespace is gone are gone`, async (stage, context) => {
    const netns = `${basename(stage.lab.appNetns)}-${VARIANTS.indexOf(variant)}`
    // Where understudy's folders are, mounts made outside are not seen.
    const ip = async (...args: string[]) => (await stage.run(['ip', ...args])).code
    assert.equal(await ip('netns', 'add', netns), 0)
    context.after(() => ip('netns', 'delete', netns))
    assert.equal(await ip('-n', netns, 'link', 'set', 'lo', 'up'), 0)
    const { args, options } = runWith(stage, context, variant, '--netns', netns)
    const run = stage.start([...args, '--', 'sh', '-c', 'echo there; read line'], options)
    await run.said('there')
    for (const pid of keepersOf(run.pid)) process.kill(pid, 'SIGKILL')
    await killHard(run)
    await run.finished // its stdin ends with understudy, and so does the command
    assert.equal(await ip('netns', 'delete', netns), 0)
    assert.doesNotMatch(await sweep(stage, variant), /chain|rule|kept/)
    assert.deepEqual(stage.traces(run.pid), [])
  })

  runTest(`${name}: the next start removes it too, from wherever it is started`, async (stage, context) => {
    const { run, tell } = await startOrphan(stage, context, variant)
    for (const pid of keepersOf(run.pid)) process.kill(pid, 'SIGKILL')
    await killHard(run)
    tell()
    tell()
    await run.finished
    assert.notEqual(rulesIn(stage.lab), foreign)
    const { options } = runWith(stage, context, variant)
    const next = await stage.understudy(['run', '--log-level', 'info', '--', 'true'], { ...options, place: 'world' })
    assert.match(next.stderr, /cleared up after a run that was killed/)
    assert.equal(rulesIn(stage.lab), foreign)
    assert.deepEqual(stage.traces(run.pid), [])
  })
}
