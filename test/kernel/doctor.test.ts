import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { processesIn } from '../../src/workloads/cgroup.ts'
import { rulesIn, without } from '../support/captures.ts'
import type { Lab } from '../support/lab.ts'
import { ROOT, stageTest, UNDERSTUDY } from '../support/stage.ts'

const doctorTest = stageTest('doctor')

interface Strategy {
  readonly name: string
  readonly state: string
  readonly said: string
  readonly remedy: string
}

interface Report {
  readonly works: boolean
  readonly findings: readonly { feature: string; state: string; here: string; remedy: string }[]
  readonly strategies: readonly Strategy[]
}

const ALL = ['proxy-protocol', 'tproxy', 'ebpf', 'listener', 'so-original-dst', 'conntrack', 'dns', 'host']
/** A kernel whose BPF cannot be used: its type information is hidden. */
const NO_BPF = 'mount -t tmpfs none /sys/kernel/btf'

const strategiesOf = (stdout: string): ReadonlyMap<string, Strategy> =>
  new Map((JSON.parse(stdout) as Report).strategies.map((each) => [each.name, each]))

/** What a doctor could leave behind: processes of its cgroup, rules, devices and addresses of its namespace. */
const tracesIn = (lab: Lab): unknown => ({
  processes: processesIn(join(dirname(lab.cgroups.tree), 'outside')),
  rules: rulesIn(lab),
  devices: spawnSync('nsenter', [`--net=${lab.appNetns}`, 'ip', 'address', 'show'], { encoding: 'utf8' }).stdout,
})

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

doctorTest('all eight strategies are proved, and nothing of that stays', async (stage, context) => {
  const before = tracesIn(stage.lab)
  const folder = stage.folder(context)
  const run = stage.start(['doctor', '--json'], { env: { TMPDIR: folder } })
  const { stdout } = await run.finished
  const { strategies } = JSON.parse(stdout) as Report
  assert.deepEqual(
    strategies.map(({ name, state, remedy }) => [name, state, remedy]),
    ALL.map((name) => [name, 'ok', '']),
  )
  assert.match(strategiesOf(stdout).get('conntrack')?.said ?? '', /over netlink/)
  assert.deepEqual([stage.traces(run.pid), readdirSync(folder), tracesIn(stage.lab)], [[], [], before])
})

doctorTest(
  'both ways of inbound interception take a connection from a namespace of their own',
  async ({ understudy }) => {
    const { stdout } = await understudy(['doctor', '--json'])
    const inbound = (JSON.parse(stdout) as Report).findings.filter(({ feature }) => /^inbound: \S+$/.test(feature))
    assert.deepEqual(
      inbound.map(({ feature, state }) => [feature, state]),
      [
        ['inbound: tc', 'ok'],
        ['inbound: sk_lookup', 'ok'],
      ],
    )
    for (const { here } of inbound) assert.match(here, /^a connection was handed to us by (tcx links|filters|a link)/)
  },
)

doctorTest('where one tool for rules is lacking, the other proves what NAT knows', async ({ understudy }) => {
  const { stdout } = await understudy(['doctor', '--json'], { before: without('nft') })
  const strategies = strategiesOf(stdout)
  for (const name of ['so-original-dst', 'conntrack']) {
    const { state, said } = strategies.get(name) ?? {}
    assert.equal(state, 'ok')
    assert.match(said ?? '', /behind rules of iptables/)
  }
})

doctorTest('where no rules can be made, what only they prove is unknown, and why', async ({ understudy }) => {
  const { code, stdout } = await understudy(['doctor', '--json'], { before: without('nft', 'iptables', 'ip6tables') })
  const strategies = strategiesOf(stdout)
  assert.equal(code, 0)
  assert.deepEqual(
    ALL.map((name) => [name, strategies.get(name)?.state]),
    [
      ['proxy-protocol', 'ok'],
      ['tproxy', 'missing'],
      ['ebpf', 'ok'],
      ['listener', 'ok'],
      ['so-original-dst', 'unknown'],
      ['conntrack', 'unknown'],
      ['dns', 'ok'],
      ['host', 'ok'],
    ],
  )
  for (const name of ['tproxy', 'so-original-dst', 'conntrack']) {
    const { said = '', remedy = '' } = strategies.get(name) ?? {}
    assert.match(said, /failed to execute (nft|iptables): .*\[CAPTURE_REFUSED\]/)
    assert.match(remedy, /apt-get install/)
  }
})

doctorTest('without BPF the strategies that need it say so, and the others are proved', async (stage) => {
  const before = tracesIn(stage.lab)
  const run = stage.start(['doctor', '--json'], { before: NO_BPF })
  const { code, stdout } = await run.finished
  const strategies = strategiesOf(stdout)
  const inbound = (JSON.parse(stdout) as Report).findings.filter(({ feature }) => /^inbound: \S+$/.test(feature))
  assert.deepEqual([code, inbound.map(({ state }) => state)], [0, ['missing', 'missing']])
  assert.deepEqual(
    ALL.filter((name) => strategies.get(name)?.state !== 'ok'),
    ['ebpf', 'listener', 'dns'],
  )
  assert.match(strategies.get('ebpf')?.said ?? '', /\[KERNEL_FEATURE_MISSING\]/)
  assert.match(strategies.get('dns')?.said ?? '', /^questions come by the programs only: .*\[KERNEL_FEATURE_MISSING\]/)
  assert.match(strategies.get('dns')?.remedy ?? '', /understudy serve/)
  assert.deepEqual([stage.traces(run.pid), tracesIn(stage.lab)], [[], before])
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
  for (const name of ['tproxy', 'ebpf', 'listener', 'so-original-dst', 'conntrack', 'dns']) {
    assert.match(stdout, new RegExp(`unknown +${name} +not tried: needs root\\n +remedy: +Run it with sudo\\.`))
  }
  assert.match(stdout, /ok +proxy-protocol +a PROXY header .*believed/)
  assert.match(stdout, /ok +host +the Host header .*believed/)
  assert.match(stdout, /Not root: .*With sudo/s)
})

doctorTest('root without capabilities is told which, and that run does not work', async ({ lab }) => {
  const drop = '-bpf,-net_admin,-sys_admin'
  const argv = ['setpriv', `--bounding-set=${drop}`, `--inh-caps=${drop}`, UNDERSTUDY, 'doctor']
  const { code, stdout } = await lab.run('app', argv)
  assert.equal(code, 3)
  assert.match(stdout, /root, but without CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_BPF/)
  const why = 'not tried: root, but without CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_BPF'
  assert.match(stdout, new RegExp(`unknown +conntrack +${why}\\n +remedy: +Give the container these capabilities`))
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
