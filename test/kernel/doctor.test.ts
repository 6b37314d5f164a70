import assert from 'node:assert/strict'
import { join } from 'node:path'
import { rulesIn, without } from '../support/captures.ts'
import { ROOT, stageTest, UNDERSTUDY } from '../support/stage.ts'

const doctorTest = stageTest('doctor')

interface Report {
  readonly works: boolean
  readonly findings: readonly { feature: string; state: string; here: string; remedy: string }[]
}

doctorTest('as root every feature is asked for, interception is proved, and nothing stays', async (stage) => {
  const run = stage.start(['doctor', '--json'])
  const { code, stdout, stderr } = await run.finished
  const { works, findings } = JSON.parse(stdout) as Report
  assert.deepEqual([code, works, stderr], [0, true, ''])
  const bad = findings.filter(
    ({ state, feature }) => state !== 'ok' && !['connect: process names', 'BPF JIT'].includes(feature),
  )
  assert.deepEqual(bad, [])
  assert.match(findings.at(-1)?.here ?? '', /127\.\d+\.\d+\.\d+:9 was intercepted/)
  assert.deepEqual(stage.traces(run.pid), [])
})

doctorTest('every way of capturing is tried where the rules of this namespace are not', async ({ lab, understudy }) => {
  const before = rulesIn(lab)
  const { stdout } = await understudy(['doctor', '--json'])
  const captures = (JSON.parse(stdout) as Report).findings.filter(({ feature }) => feature.startsWith('capture: '))
  assert.deepEqual(
    captures.map(({ feature, state, here }) => [feature, state, here]),
    [
      ['capture: ebpf', 'ok', 'works, and is what auto takes'],
      ['capture: nft', 'ok', 'works'],
      ['capture: iptables', 'ok', 'works'],
      ['capture: tproxy', 'ok', 'works'],
    ],
  )
  assert.equal(rulesIn(lab), before)
})

doctorTest(
  'a tool that is not there is told with what to install, and the others still work',
  async ({ understudy }) => {
    const { code, stdout } = await understudy(['doctor'], { before: without('iptables') })
    assert.equal(code, 0)
    assert.match(stdout, /missing +capture: iptables .*iptables.*\[CAPTURE_REFUSED\]\n.*\n +remedy: .*apt-get install/)
    assert.match(stdout, /ok +capture: nft .*`understudy run` works here\.\n$/s)
  },
)

doctorTest('programs of others above this cgroup are named', async (stage) => {
  const { code, stdout } = await stage.understudy(['run', '--', UNDERSTUDY, 'doctor'])
  assert.equal(code, 0)
  assert.match(stdout, /other connect programs .*redirect_connect4 \(multi\).*ours run first/)
})

doctorTest(
  'the table has a line for each and a verdict, without colours where nobody looks',
  async ({ understudy }) => {
    const [plain, terminal] = await Promise.all([understudy(['doctor']), understudy(['doctor'], { terminal: true })])
    assert.match(plain.stdout, /\nok +kernel BTF .*\nok +cgroup2 .*`understudy run` works here\.\n$/s)
    assert.equal(plain.stdout.includes('\x1b'), false)
    assert.ok(terminal.stdout.includes('\x1b[32mok'))
  },
)

doctorTest('without root it says what it could not ask', async ({ lab }) => {
  const argv = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', UNDERSTUDY, 'doctor']
  const { code, stdout } = await lab.run('app', argv)
  assert.equal(code, 3)
  assert.match(stdout, /missing +rights .*user 65534, not root/)
  assert.match(stdout, /unknown +self-test .*skipped: needs root/)
  assert.match(stdout, /Not root: .*With sudo/s)
})

doctorTest('root without capabilities is told which, and that run does not work', async ({ lab }) => {
  const drop = '-bpf,-net_admin,-sys_admin'
  const argv = ['setpriv', `--bounding-set=${drop}`, `--inh-caps=${drop}`, UNDERSTUDY, 'doctor']
  const { code, stdout } = await lab.run('app', argv)
  assert.equal(code, 3)
  assert.match(stdout, /root, but without CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_BPF/)
  assert.match(stdout, /does not work here: rights/)
})

doctorTest('what is not built is named with what builds it', async ({ lab }) => {
  const script = `mount -t tmpfs none '${join(ROOT, 'build')}'; exec '${UNDERSTUDY}' doctor --json`
  const result = await lab.run('app', ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script])
  const { works, findings } = JSON.parse(result.stdout) as Report
  assert.deepEqual([result.code, works], [3, false])
  const build = findings.find(({ feature }) => feature === 'build')
  assert.deepEqual([build?.state, build?.remedy], ['missing', 'make setup bpf native'])
})
