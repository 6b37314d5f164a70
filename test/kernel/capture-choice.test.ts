import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exchangesIn, rulesIn, without } from '../support/captures.ts'
import { type Lab, NET } from '../support/lab.ts'
import { ROOT, type Stage, stageTest, WORLD4, WORLD6 } from '../support/stage.ts'

const runTest = stageTest('capture-choice')

/** An installation without the programs. */
const NO_BPF = [
  `mount -t tmpfs none /mnt; cp -a '${join(ROOT, 'build')}/.' /mnt; rm /mnt/understudy.bpf.o`,
  `mount --bind /mnt '${join(ROOT, 'build')}'`,
].join('\n')

type Said = Readonly<Record<string, unknown>>

/** What the log says once it intercepts. */
const chosen = async (stage: Stage, before: string | undefined, ...args: string[]): Promise<Said> => {
  const options = before === undefined ? {} : { before }
  const command = ['--log-level', 'info', '--', 'curl', '-sS', `${WORLD4}/catalogue`]
  const { code, stdout, stderr } = await stage.understudy(['run', ...args, ...command], options)
  assert.deepEqual([code, stdout], [0, `world ${NET.app4} at ${NET.world4} 80`], stderr)
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Said)
  return lines.find(({ msg }) => msg === 'intercepting') ?? {}
}

/** Keeps its connections open, so that the upstream ones are still there when the command has ended. */
const KEEP_ALIVE_SERVER = `
from http.server import *
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
server = ThreadingHTTPServer(("${NET.world4}", 8099), Handler)
print("ready", flush=True)
server.serve_forever()
`

// First, because iptables leaves tables, and where there are tables the kernel goes on tracking.
for (const mode of ['nft', 'tproxy']) {
  runTest(`${mode}: no connection of ours counts as open when the rules have gone`, async (stage, context) => {
    const server = stage.lab.start('world', ['python3', '-c', KEEP_ALIVE_SERVER])
    context.after(() => server.kill())
    await server.said('ready')
    const { code, stderr } = await stage.understudy(['run', '--capture', mode, '--', 'curl', '-sS', `${WORLD4}:8099/`])
    assert.deepEqual([code, stderr], [0, ''])
    const { stdout: tracked } = await stage.run(['conntrack', '-L', '-p', 'tcp', '--dport', '8099'])
    assert.match(tracked, / sport=8099 /)
    assert.doesNotMatch(tracked, /ESTABLISHED/)
    await stage.run(['conntrack', '-D', '-p', 'tcp', '--dport', '8099'])
  })
}

for (const mode of ['nft', 'iptables']) {
  runTest(`${mode}: a connection that was translated to us is forgotten with the rules`, async (stage) => {
    const script = `curl -sS ${WORLD4}/catalogue; curl -sS ${WORLD6}/catalogue; conntrack -L -p tcp; conntrack -L -f ipv6 -p tcp`
    const { stdout } = await stage.understudy(['run', '--capture', mode, '--', 'sh', '-c', script])
    assert.match(stdout, / src=127\.0\.0\.1 .* src=::1 /s)
    const left = [await stage.run(['conntrack', '-L']), await stage.run(['conntrack', '-L', '-f', 'ipv6'])]
    for (const { stdout: tracked } of left) assert.doesNotMatch(tracked, / src=(127\.0\.0\.1|::1) /)
  })
}

runTest('auto takes BPF where it works, and says why', async (stage) => {
  const { capture, why } = await chosen(stage, undefined)
  assert.deepEqual([capture, why], ['ebpf', 'it works here and changes least'])
})

runTest('auto takes nft where the programs do not load, and says what they lack', async (stage) => {
  const { capture, why } = await chosen(stage, NO_BPF)
  assert.equal(capture, 'nft')
  assert.match(String(why), /^it works here; ebpf does not: .*understudy\.bpf\.o/)
})

runTest('auto takes iptables where there is no nft either', async (stage) => {
  const { capture, why } = await chosen(stage, `${NO_BPF}\n${without('nft')}`)
  assert.equal(capture, 'iptables')
  assert.match(String(why), /ebpf does not: .*; nft does not: capture nft: .*nft.*(ENOENT|No such file)/)
})

runTest('where nothing works every obstacle is told, and the command is not started', async (stage) => {
  const before = `${NO_BPF}\n${without('nft', 'iptables', 'ip6tables')}`
  const { code, stdout, stderr } = await stage.understudy(['run', '--', 'echo', 'started'], { before })
  assert.deepEqual([code, stdout], [3, ''])
  assert.match(stderr, /ebpf does not: .*nft does not: .*iptables does not: .*\[CAPTURE_REFUSED\]/)
})

for (const [mode, tool] of [
  ['nft', 'nft'],
  ['iptables', 'iptables'],
  ['tproxy', 'ip'],
] as const) {
  runTest(`${mode} without ${tool} is refused with what to install`, async (stage) => {
    const hidden =
      tool === 'ip'
        ? 'umount /run/netns 2>/dev/null || true; mount --bind /dev/null "$(readlink -f /usr/bin/ip)"'
        : without(tool)
    const args = ['run', '--capture', mode, '--', 'echo', 'started']
    const { code, stdout, stderr } = await stage.understudy(args, { before: hidden })
    assert.deepEqual([code, stdout], [3, ''])
    assert.match(stderr, new RegExp(`capture ${mode}: .*${tool}.* \\[CAPTURE_REFUSED\\]`))
    if (tool !== 'ip') assert.match(stderr, /apt-get install nftables iptables iproute2/)
  })
}

runTest(
  'the mode can be given in the configuration and in the environment; the flag goes first',
  async (stage, context) => {
    const config = join(stage.folder(context), 'config.json')
    writeFileSync(config, JSON.stringify({ capture: 'nft' }))
    assert.equal((await chosen(stage, undefined, '-c', config))['capture'], 'nft')
    assert.equal((await chosen(stage, undefined, '-c', config, '--capture', 'ebpf'))['capture'], 'ebpf')
  },
)

runTest('with none the command is not captured, and the listeners are there for rules of others', async (stage) => {
  const { capture, port4 } = await chosen(stage, undefined, '--capture', 'none')
  assert.equal(capture, 'none')
  assert.ok(Number(port4) > 0)
})

runTest('rules of others that lead our own connections back to us end as a loop', async (stage, context) => {
  const rule = (what: string) => `iptables -w 5 -t nat ${what} OUTPUT -p tcp --dport 8098 -j REDIRECT --to-ports 15001`
  const script = `${rule('-A')}; curl -sS -m 10 -w ' %{http_code}' ${WORLD4}:8098/; ${rule('-D')}`
  const record = join(stage.folder(context), 'record.ndjson')
  const args = ['run', '--capture', 'none', '--record', record, '--', 'sh', '-c', script]
  const { stdout } = await stage.understudy(args, { env: { UNDERSTUDY_LISTEN_PORT: '15001' } })
  assert.match(stdout, /has been here before.* 508$/s)
  assert.deepEqual(
    exchangesIn(record).map(({ decision, fault }) => [decision, fault]),
    [
      ['refuse', 'loop'],
      ['forward', undefined],
    ],
  )
})

runTest('a mode that does not exist is a mistake in the command line', async ({ understudy }) => {
  const { code, stderr } = await understudy(['run', '--capture', 'magic', '--', 'true'])
  assert.equal(code, 2)
  assert.match(stderr, /--capture is one of auto, ebpf, nft, iptables, tproxy, none, not "magic" \[BAD_USAGE\]/)
})

runTest('closed on failure is refused by what cannot keep it', async (stage, context) => {
  const config = join(stage.folder(context), 'config.json')
  writeFileSync(config, JSON.stringify({ failMode: 'closed' }))
  for (const mode of ['nft', 'iptables', 'tproxy']) {
    const { code, stderr } = await stage.understudy(['run', '-c', config, '--capture', mode, '--', 'true'])
    assert.equal(code, 2)
    assert.match(stderr, /failMode "closed" cannot be kept by capture .*\[BAD_CONFIG\]/)
  }
})

for (const mode of ['ebpf', 'nft', 'iptables', 'tproxy']) {
  runTest(`${mode}: a namespace whose IPv6 is switched off is captured over IPv4`, async (stage, context) => {
    const holder = stage.lab.start('app', ['unshare', '--net', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'])
    context.after(() => holder.kill())
    await holder.said('ready')
    const path = `/proc/${holder.pid}/ns/net`
    await stage.run(['nsenter', `--net=${path}`, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1'])
    await stage.run(['nsenter', `--net=${path}`, 'ip', 'route', 'add', 'local', '10.88.0.0/16', 'dev', 'lo'])
    const mock = stage.mock(context, '/orders/7', 'mocked')
    const args = [
      'run',
      '--capture',
      mode,
      '--netns',
      path,
      '-e',
      mock,
      '--',
      'curl',
      '-sS',
      'http://10.88.1.2/orders/7',
    ]
    const { code, stdout, stderr } = await stage.understudy(args)
    assert.deepEqual([code, stdout, stderr], [0, 'mocked', ''])
  })
}

runTest('a namespace whose loopback is down is refused, as nothing would get to us', async (stage, context) => {
  const holder = stage.lab.start('app', ['unshare', '--net', 'sh', '-c', 'echo ready; exec cat'])
  context.after(() => holder.kill())
  await holder.said('ready')
  const { code, stderr } = await stage.understudy(['run', '--netns', `/proc/${holder.pid}/ns/net`, '--', 'echo', 'ran'])
  assert.equal(code, 2)
  assert.match(stderr, /127\.0\.0\.1 cannot be reached.*ADDRESS_UNAVAILABLE.*ip link set lo up/s)
})

runTest('the metric tells the mode', async (stage) => {
  const script = "curl -sS http://127.0.0.1:9901/metrics | grep '^understudy_capture_info'"
  const { stdout } = await stage.understudy(['run', '--capture', 'nft', '--', 'sh', '-c', script])
  assert.equal(stdout, 'understudy_capture_info{mode="nft"} 1\n')
})

const ip = (lab: Lab, ...args: string[]): void => {
  const { status, stderr } = spawnSync('nsenter', [`--net=${lab.appNetns}`, 'ip', ...args], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

runTest('marks and tables that somebody else uses are not taken', async (stage, context) => {
  const { lab } = stage
  const slots = Array.from({ length: 16 }, (_, index) => 0x3050 + index)
  context.after(() => {
    for (const slot of slots) ip(lab, '-4', 'rule', 'del', 'fwmark', `${slot}`)
  })
  for (const slot of slots.slice(0, -1)) ip(lab, '-4', 'rule', 'add', 'fwmark', `${slot}`, 'lookup', '99')
  assert.equal((await chosen(stage, undefined, '--capture', 'tproxy'))['capture'], 'tproxy')
  ip(lab, '-4', 'rule', 'add', 'fwmark', `${slots.at(-1)}`, 'lookup', '99')
  const before = rulesIn(lab)
  const { code, stderr } = await stage.understudy(['run', '--capture', 'tproxy', '--', 'true'])
  assert.equal(code, 3)
  assert.match(stderr, /the marks 12368 to 12383 .* are all in use.*\[CAPTURE_REFUSED\].*`ip rule`/s)
  assert.equal(rulesIn(lab), before)
})
