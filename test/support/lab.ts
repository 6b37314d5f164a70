/**
 * A laboratory for tests that need the kernel: two network namespaces joined by a wire, and a cgroup tree. Programs
 * under test run in `app`; what they want to reach is in `world`. No packet leaves the two namespaces.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadShim, type Shim } from '../../src/kernel/shim.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const SHIM_PATH = join(ROOT, 'build/libunderstudy.so')
export const OBJECT_PATH = join(ROOT, 'build/understudy.bpf.o')
export const INBOUND_OBJECT_PATH = join(ROOT, 'build/inbound.bpf.o')
const LAUNCHER_PATH = join(ROOT, 'build/understudy-launch')
const FIXTURES = join(ROOT, 'test/fixtures/kernel')
const PROG_TYPE_CGROUP_SOCK_ADDR = 18
const NEEDED_PROGRAMS = [
  ...['ip', 'tc', 'nft', 'iptables', 'iptables-legacy', 'ip6tables', 'conntrack', 'bpftool'],
  ...['curl', 'socat', 'haproxy', 'python3', 'sysctl', 'unshare', 'setpriv'],
]
/** The distribution's own programs before any version manager's wrappers, which take longer than the tests. */
const PATH = `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`
const RUN_TIMEOUT_MS = 20_000
/** A person's Ctrl-C, and the test runner's way to end a file that hangs: the lab goes all the same. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// Under `sudo make test`, too, what a test starts is root's, unless the test says who called sudo.
for (const name of Object.keys(process.env)) if (name.startsWith('SUDO_')) delete process.env[name]

/** Addresses, the same in every lab. Anything in a `served` network is answered by whoever listens in the world. */
export const NET = {
  app4: '10.77.0.1',
  app6: '2001:db8:77::1',
  world4: '10.77.0.2',
  world6: '2001:db8:77::2',
  linkLocal4: '169.254.7.2',
  linkLocal6: 'fe80::2',
  served4: '10.88.1.2',
  served6: '2001:db8:88::2',
  /** Packets to these vanish. */
  silent4: '10.90.1.2',
  silent6: '2001:db8:90::2',
  /** A router answers for these that there is no such host. */
  unreachable4: '10.91.1.2',
  unreachable6: '2001:db8:91::2',
  /** The app's end of the wire. */
  device: 'wire0',
} as const

/** The mount point of the unified hierarchy, which is not always /sys/fs/cgroup (hybrid set-ups). */
export const cgroup2Mount = (): string | undefined =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((words) => words[words.indexOf('-') + 1] === 'cgroup2')?.[4]

const found = (program: string): boolean => PATH.split(':').some((folder) => existsSync(join(folder, program)))

const obstacle = (): string | undefined => {
  if (process.platform !== 'linux') return 'this is not Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  if (!cgroup2Mount()) return 'no cgroup2 is mounted'
  const unbuilt = [SHIM_PATH, OBJECT_PATH, INBOUND_OBJECT_PATH, LAUNCHER_PATH].find((path) => !existsSync(path))
  if (unbuilt) return `${unbuilt} is not built (make bpf native)`
  const missing = NEEDED_PROGRAMS.find((program) => !found(program))
  if (missing) return `${missing} is not installed`
  if (spawnSync('unshare', ['--net', 'true'], { env: { PATH } }).status !== 0) return 'may not make a network namespace'
  const probed = loadShim(SHIM_PATH).raw('understudy_probe_program', PROG_TYPE_CGROUP_SOCK_ADDR)
  return probed === 1 ? undefined : 'this kernel, or its rights, do not allow cgroup/connect4 programs'
}

let known: { why: string | undefined } | undefined

/**
 * Why this machine cannot run kernel tests, as node:test's `skip` wants it; false when it can. With
 * UNDERSTUDY_REQUIRE_KERNEL=1 it throws instead, so that nothing is skipped unseen.
 */
export const requireKernel = (): string | false => {
  known ??= { why: obstacle() }
  if (!known.why) return false
  if (process.env['UNDERSTUDY_REQUIRE_KERNEL'] === '1') throw new Error(`kernel tests are required, but ${known.why}`)
  return known.why
}

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly pid: number
  readonly finished: Promise<Finished>
  /** Resolves with all of stdout so far once it holds `text`; rejects when the program ends without it. */
  said(text: string): Promise<string>
  /** Writes a line to its stdin. */
  tell(line: string): void
  kill(signal?: NodeJS.Signals): void
}

/** Where a program runs: `workload` is `app` and the cgroup of the application; the others are not attached to. */
export type Place = 'workload' | 'app' | 'world'

export interface Cgroups {
  /** Holds the two others; the sockops program belongs here. */
  readonly tree: string
  readonly workload: string
  readonly listener: string
}

export interface Lab {
  readonly shim: Shim
  readonly cgroups: Cgroups
  /** Paths as setns(2) and nsenter(1) take them, and an open descriptor of the app's. */
  readonly appNetns: string
  readonly worldNetns: string
  readonly appNetnsFd: number
  /** Starts a program; `cgroup` overrides the place's own. It is killed by close() at the latest. */
  start(place: Place, argv: readonly string[], cgroup?: string): Started
  /** Runs a program to its end. Throws after a hard timeout, with what it had printed. */
  run(place: Place, argv: readonly string[], cgroup?: string): Promise<Finished>
  /** A second tree like `cgroups`, beside it or below one of its folders. */
  addCgroups(name: string, below?: string): Cgroups
  /** Kills what was started, removes namespaces and cgroups. Safe to call twice. */
  close(): void
}

const must = (program: string, argv: readonly string[], input = ''): void => {
  const result = spawnSync(program, argv, { env: { PATH }, input, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${result.stderr || result.error}`)
}

/** Settings before devices exist, so that no IPv6 address is ever tentative. */
const SYSCTLS = [
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv4.ip_forward=1',
  'net.ipv4.tcp_syn_retries=1',
  // 1 client, 2 server, 4 and 0x200 without a cookie, 0x400 every listener
  `net.ipv4.tcp_fastopen=${0x607}`,
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv6.icmp.ratelimit=0',
]

const wire = (app: string, world: string): void => {
  must('ip', ['-batch', '-'], `netns add ${app}\nnetns add ${world}\n`)
  for (const name of [app, world]) must('nsenter', [`--net=/run/netns/${name}`, 'sysctl', '-qw', ...SYSCTLS])
  must('ip', ['link', 'add', NET.device, 'netns', app, 'type', 'veth', 'peer', 'name', NET.device, 'netns', world])
  const up = (v4: string, v6: string, link4: string, link6: string) =>
    [
      'link set lo up',
      `link set ${NET.device} up`,
      `addr add ${v4}/24 dev ${NET.device}`,
      `addr add ${v6}/64 dev ${NET.device} nodad`,
      `addr add ${link4}/16 dev ${NET.device}`,
      `addr add ${link6}/64 dev ${NET.device} nodad`,
    ].join('\n')
  const ends = [
    { netns: app, addresses: up(NET.app4, NET.app6, '169.254.7.1', 'fe80::1') },
    { netns: world, addresses: up(NET.world4, NET.world6, NET.linkLocal4, NET.linkLocal6) },
  ]
  for (const { netns, addresses } of ends) must('ip', ['-n', netns, '-batch', '-'], `${addresses}\n`)
  must('ip', ['-n', app, '-batch', '-'], `route add default via ${NET.world4}\nroute add default via ${NET.world6}\n`)
  const fates = [
    'local 10.88.0.0/16 dev lo',
    'local 2001:db8:88::/48 dev lo',
    'blackhole 10.90.0.0/16',
    'blackhole 2001:db8:90::/48',
    'unreachable 10.91.0.0/16',
    'unreachable 2001:db8:91::/48',
  ]
  must('ip', ['-n', world, '-batch', '-'], `${fates.map((fate) => `route add ${fate}`).join('\n')}\n`)
}

/** Follows a program started through understudy-launch, whose arguments these are. */
export const follow = (argv: readonly string[]): Started => {
  const child = spawn(LAUNCHER_PATH, argv, { env: { ...process.env, PATH, PYTHONDONTWRITEBYTECODE: '1' } })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  const notify = (): void => {
    for (const check of waiting) check()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    notify()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {}) // it may end before it has read
  let ended: Finished | undefined
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      ended = { code, signal, stdout, stderr }
      resolve(ended)
      notify()
    })
  })
  const said = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (!stdout.includes(text) && !ended) return
        waiting.delete(check)
        if (stdout.includes(text)) resolve(stdout)
        else reject(new Error(`${argv.slice(7).join(' ')} ended (${ended?.code ?? ended?.signal}): ${stdout}${stderr}`))
      }
      waiting.add(check)
      check()
    })
  return {
    pid: child.pid ?? -1,
    finished,
    said,
    tell: (line) => void child.stdin.write(`${line}\n`),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  }
}

/** Kills all of a cgroup and removes it and those below; the kernel needs a moment, so within bounds it asks again. */
const removeCgroups = (base: string, below: readonly string[]): void => {
  if (!existsSync(base)) return
  writeFileSync(join(base, 'cgroup.kill'), '1')
  for (const path of [...below].reverse()) {
    for (let attempt = 0; existsSync(path); attempt++) {
      try {
        rmdirSync(path)
      } catch (error) {
        if (attempt === 100) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      }
    }
  }
}

const makeCgroups = (tree: string): Cgroups => {
  const cgroups = { tree, workload: join(tree, 'workload'), listener: join(tree, 'listener') }
  for (const folder of Object.values(cgroups)) mkdirSync(folder, { recursive: true })
  return cgroups
}

/** Makes a lab; `name` is only for people who look at `ip netns`. Call requireKernel() first. */
export const createLab = (name: string): Lab => {
  const unique = `ut-${process.pid}-${name}`
  const [app, world] = [`${unique}-app`, `${unique}-world`]
  const base = join(cgroup2Mount() ?? '/sys/fs/cgroup', unique)
  const outside = join(base, 'outside')
  const shim = loadShim(SHIM_PATH)
  let open = true
  let appNetnsFd = -1
  let cgroups: Cgroups

  const close = (): void => {
    if (!open) return
    open = false
    if (appNetnsFd >= 0) shim.raw('understudy_close_fd', appNetnsFd)
    const folders = spawnSync('find', [base, '-type', 'd'], { encoding: 'utf8' }).stdout.split('\n')
    try {
      removeCgroups(base, folders.filter(Boolean).sort())
    } finally {
      for (const netns of [app, world]) spawnSync('ip', ['netns', 'delete', netns], { env: { PATH } })
      process.off('exit', close)
      for (const signal of ENDS) process.off(signal, interrupted)
    }
  }
  // On, not once: a second signal must not end the process while it cleans up.
  const interrupted = (): void => process.exit(1)
  process.once('exit', close)
  for (const signal of ENDS) process.on(signal, interrupted)
  try {
    mkdirSync(outside, { recursive: true })
    cgroups = makeCgroups(join(base, 'tree'))
    wire(app, world)
    appNetnsFd = shim.call('understudy_open_netns', `/run/netns/${app}`)
  } catch (error) {
    close()
    throw error
  }

  const start: Lab['start'] = (place, argv, cgroup = place === 'workload' ? cgroups.workload : outside) => {
    const netns = `/run/netns/${place === 'world' ? world : app}`
    return follow([join(cgroup, 'cgroup.procs'), netns, '-', '-', '-', '-', '--', ...argv])
  }
  const run: Lab['run'] = async (place, argv, cgroup) => {
    const started = start(place, argv, cgroup)
    let late = false
    const limit = setTimeout(() => {
      late = true
      started.kill()
    }, RUN_TIMEOUT_MS)
    const result = await started.finished
    clearTimeout(limit)
    if (late) throw new Error(`${argv.join(' ')} did not end: ${result.stdout}${result.stderr}`)
    return result
  }
  return {
    shim,
    cgroups,
    appNetns: `/run/netns/${app}`,
    worldNetns: `/run/netns/${world}`,
    appNetnsFd,
    start,
    run,
    addCgroups: (name, below = base) => makeCgroups(join(below, name)),
    close,
  }
}

/**
 * `test` for the tests of one file: they share a lab, made by the first of them and removed after the last, and all
 * skip where there can be none.
 */
export const labTest = (name: string) => {
  let lab: Lab | undefined
  const skip = requireKernel()
  after(() => lab?.close())
  return (situation: string, body: (lab: Lab, context: TestContext) => Promise<void> | void): void => {
    void test(situation, { skip, timeout: 60_000 }, (context) => {
      lab ??= createLab(name)
      return body(lab, context)
    })
  }
}

/** The path of a program under test/fixtures/kernel. */
export const fixture = (name: string): string => join(FIXTURES, name)

/** Waits until `condition` holds, asking again every few milliseconds, and returns its answer; throws after ten seconds. */
export const until = async <T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
) => {
  const deadline = Date.now() + 10_000
  for (;;) {
    const answer = await condition()
    if (answer !== undefined && answer !== false) return answer as T
    if (Date.now() > deadline) throw new Error(`still not so after ten seconds: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
