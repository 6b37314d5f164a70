/** What `understudy doctor` can tell about a machine by looking: files of /proc and /sys, this process, the build. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { endianness } from 'node:os'
import type { Finding } from '../kernel/features.ts'
import { PATHS } from '../paths.ts'
import { cgroup2Mounts, ownCgroup } from '../workloads/cgroup.ts'

/** What the checks look at; a test has its own. */
export interface Machine {
  readonly platform: string
  readonly architecture: string
  readonly endianness: 'BE' | 'LE'
  readonly nodeVersion: string
  readonly uid: number
  /** A file's text; undefined where it cannot be read. */
  read(path: string): string | undefined
  exists(path: string): boolean
  isWritable(path: string): boolean
  /** The magic number of the file system at `path`; 0 where there is none. */
  fileSystem(path: string): number
}

export const thisMachine = (): Machine => ({
  platform: process.platform,
  architecture: process.arch,
  endianness: endianness(),
  nodeVersion: process.versions.node,
  uid: process.geteuid?.() ?? -1,
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  exists: existsSync,
  isWritable: (path) => attempt(() => accessSync(path, constants.W_OK) ?? true) ?? false,
  fileSystem: (path) => attempt(() => statfsSync(path).type) ?? 0,
})

const attempt = <T>(look: () => T): T | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

type Check = (machine: Machine) => Finding

/** Capability numbers of <linux/capability.h>. */
const CAPABILITIES = { NET_ADMIN: 12, SYS_ADMIN: 21, BPF: 39 } as const
const BPF_FS_MAGIC = 0xcafe4a11
const FLOOR: readonly [number, number] = [5, 10]
const COMFORTABLE: readonly [number, number] = [5, 15]
const SERVE = '`understudy serve` works here: point the program at it.'

const fine = (feature: string, here: string, since = ''): Finding => ({
  feature,
  state: 'ok',
  here,
  since,
  required: true,
  instead: '',
  remedy: '',
})

/** A finding that is not fine. */
const lacking = (feature: string, here: string, rest: Partial<Finding>): Finding => ({
  ...fine(feature, here),
  state: 'missing',
  instead: SERVE,
  ...rest,
})

const atLeast = (version: readonly number[], [major, minor]: readonly [number, number]): boolean =>
  (version[0] ?? 0) > major || (version[0] === major && (version[1] ?? 0) >= minor)

const checkKernel: Check = ({ platform, read }) => {
  const feature = 'Linux'
  const remedy = 'Use Linux 5.10 or newer: a virtual machine or a privileged container will do.'
  if (platform !== 'linux') return lacking(feature, `this is ${platform}`, { remedy, since: '5.10' })
  const release = read('/proc/sys/kernel/osrelease')?.trim() ?? ''
  const version = release.split('.', 2).map((part) => Number.parseInt(part, 10))
  if (!atLeast(version, FLOOR)) return lacking(feature, release, { remedy, since: '5.10' })
  const advice = atLeast(version, COMFORTABLE) ? '' : '; it works, and 5.15 or newer is tested more'
  return fine(feature, `${release}${advice}`, '5.10')
}

const checkArchitecture: Check = ({ architecture, endianness: order }) => {
  const feature = 'architecture'
  if (order !== 'LE') {
    return lacking(feature, `${architecture}, big-endian`, { remedy: 'Use a little-endian machine (x64, arm64).' })
  }
  if (['x64', 'arm64'].includes(architecture)) return fine(feature, `${architecture}, little-endian`)
  return lacking(feature, `${architecture}, little-endian`, {
    state: 'unknown',
    required: false,
    instead: 'It may well work: nothing depends on it but the byte order.',
    remedy: 'The self-test below tells.',
  })
}

/** Names of the needed capabilities that a /proc/PID/status does not show as effective (proc_pid_status(5)). */
export const missingCapabilities = (status: string): string[] => {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  return Object.entries(CAPABILITIES).flatMap(([name, bit]) => ((effective >> BigInt(bit)) & 1n ? [] : [`CAP_${name}`]))
}

const checkRights: Check = ({ uid, read }) => {
  const feature = 'rights'
  const missing = missingCapabilities(read('/proc/self/status') ?? '')
  if (uid === 0 && missing.length === 0) return fine(feature, 'root, with CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN')
  const here = uid === 0 ? `root, but without ${missing.join(', ')}` : `user ${uid}, not root`
  const remedy =
    uid === 0
      ? 'Give the container these capabilities (--privileged, or --cap-add for each).'
      : 'Run it with sudo; the command of `understudy run` is still run as you.'
  return lacking(feature, here, { remedy })
}

const checkBtf: Check = ({ exists }) => {
  const path = '/sys/kernel/btf/vmlinux'
  const remedy = 'Use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of the current distributions are.'
  if (exists(path)) return fine('kernel BTF', path, '5.4')
  return lacking('kernel BTF', `no ${path}`, { since: '5.4', remedy })
}

const checkCgroup: Check = ({ read, isWritable }) => {
  const feature = 'cgroup2'
  const mountinfo = read('/proc/self/mountinfo') ?? ''
  const folder = attempt(() => ownCgroup(mountinfo, read('/proc/self/cgroup') ?? ''))
  if (folder === undefined) {
    const remedy = 'Mount one: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified'
    return lacking(feature, 'no mount shows the cgroup of this process', { since: '4.10', remedy })
  }
  const kind = / - cgroup /.test(mountinfo) ? 'hybrid, beside version 1' : 'unified'
  const shown = `${cgroup2Mounts(mountinfo)[0]?.path ?? folder} (${kind})`
  if (isWritable(folder)) return fine(feature, shown, '4.10')
  return lacking(feature, `${shown}, ${folder} is not writable`, {
    since: '4.10',
    remedy: 'Be root; in a container, have /sys/fs/cgroup mounted writable (--privileged).',
  })
}

const checkBpffs: Check = ({ uid, fileSystem, exists }) => {
  const feature = 'bpffs'
  const path = '/sys/fs/bpf'
  if (fileSystem(path) === BPF_FS_MAGIC) return fine(feature, `mounted on ${path}`, '4.4')
  if (uid === 0 && exists(path)) return fine(feature, `not mounted; \`understudy run\` mounts it on ${path}`, '4.4')
  return lacking(feature, `not mounted on ${path}`, {
    since: '4.4',
    required: false,
    instead: 'The map of original destinations is not pinned for other programs; all else works.',
    remedy: `mount -t bpf bpf ${path}`,
  })
}

const checkJit: Check = ({ uid, read }) => {
  const value = read('/proc/sys/net/core/bpf_jit_enable')?.trim()
  if (value === '1' || value === '2') return fine('BPF JIT', 'on', '3.0')
  const rest = {
    since: '3.0',
    required: false,
    instead: 'Programs are interpreted: the same, some microseconds slower for each connection.',
    remedy: 'sysctl net.core.bpf_jit_enable=1',
  }
  if (value === '0') return lacking('BPF JIT', 'off', rest)
  const why = uid === 0 ? 'not shown in this network namespace' : 'only root may look'
  return lacking('BPF JIT', why, { ...rest, state: 'unknown', instead: '', remedy: '' })
}

const checkLockdown: Check = ({ read }) => {
  const mode = /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown') ?? '')?.[1]
  if (mode === 'confidentiality') return fine('lockdown', 'confidentiality; no program here reads kernel memory', '5.4')
  return fine('lockdown', mode ?? 'none that securityfs shows', '5.4')
}

const checkBuild: Check = ({ exists }) => {
  const missing = Object.values(PATHS).filter((path) => !exists(path))
  if (missing.length === 0) return fine('build', 'programs, native shim and launcher')
  return lacking('build', `missing: ${missing.join(', ')}`, { remedy: 'make setup bpf native' })
}

const checkRuntime: Check = ({ nodeVersion }) => {
  if (Number.parseInt(nodeVersion, 10) >= 24) return fine('runtime', `Node.js ${nodeVersion}`)
  return lacking('runtime', `Node.js ${nodeVersion}`, { instead: '', remedy: 'Use Node.js 24 or newer: make setup' })
}

const CHECKS: readonly Check[] = [
  checkKernel,
  checkArchitecture,
  checkRights,
  checkBtf,
  checkCgroup,
  checkBpffs,
  checkJit,
  checkLockdown,
  checkBuild,
  checkRuntime,
]

/** One finding a check, in order. Never throws. */
export const examine = (machine: Machine): Finding[] => CHECKS.map((check) => check(machine))
