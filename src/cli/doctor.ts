import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { UnderstudyError } from '../errors.ts'
import { type Finding, probeFeatures, unprobed } from '../kernel/features.ts'
import { openNetns } from '../kernel/netns.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS, version } from '../paths.ts'
import { ownCgroup } from '../workloads/cgroup.ts'
import { captureFindings, untriedCaptures } from './captures.ts'
import { type Diagnosis, renderDiagnosis } from './diagnosis.ts'
import { HELP } from './help.ts'
import { inboundFindings, untriedInbound } from './inbound-test.ts'
import { examine, missingCapabilities, thisMachine } from './machine.ts'
import { parseFlags } from './options.ts'
import { prove } from './prove.ts'
import { serveTest } from './serve-test.ts'
import { strategyFindings, type Untried } from './strategies.ts'

export const DOCTOR_FLAGS = { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } } as const

const CANNOT = 3

const row = (feature: string, rest: Partial<Finding>): Finding => ({
  feature,
  state: 'ok',
  here: '',
  since: '',
  required: true,
  instead: '',
  remedy: '',
  ...rest,
})

/** The shim, or why there is none. */
const openShim = (): { shim: Shim } | { why: string } => {
  try {
    return { shim: loadShim(PATHS.shim) }
  } catch (error) {
    if (error instanceof UnderstudyError) return { why: error.message }
    throw error
  }
}

/** Enters a namespace (our own) and comes back, as every run with --netns does for each socket. */
const checkNetns = (shim: Shim): Finding => {
  const feature = 'network namespaces'
  try {
    const netns = openNetns(shim, '/proc/self/ns/net')
    const entered = netns.readProcNet('dev') !== ''
    netns.close()
    if (entered) return row(feature, { here: 'can be entered', since: '3.0' })
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error
  }
  return row(feature, {
    state: 'missing',
    here: 'cannot be entered',
    since: '3.0',
    required: false,
    instead: '`understudy run` works, but not with --netns.',
    remedy: 'CAP_SYS_ADMIN is needed, and no seccomp filter on setns(2).',
  })
}

interface Attached {
  readonly name?: string
  readonly attach_type?: string
  readonly attach_flags?: string
}

const ancestors = (folder: string): string[] =>
  folder.includes('cgroup') ? [folder, ...ancestors(dirname(folder))] : []

/** Programs on a cgroup, as bpftool names them; none where it is not installed or the folder is no cgroup2. */
const attachedTo = (folder: string): Attached[] => {
  try {
    const text = execFileSync('bpftool', ['-j', 'cgroup', 'show', folder], {
      encoding: 'utf8',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const parsed: unknown = text.trim() === '' ? [] : JSON.parse(text)
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}

/** Connect programs of others above us: one that was attached without BPF_F_ALLOW_MULTI forbids ours. */
const checkNeighbours = (): Finding => {
  const feature = 'other connect programs'
  const found = ancestors(ownCgroup())
    .flatMap(attachedTo)
    .filter(({ attach_type }) => attach_type?.includes('connect'))
  if (found.length === 0) return row(feature, { here: 'none seen on this cgroup and those above it', required: false })
  const names = found.map(({ name, attach_flags }) => `${name ?? '?'}${attach_flags ? ` (${attach_flags})` : ''}`)
  const here = `${names.join(', ')}; ours run first`
  const alone = found.some(({ attach_flags }) => attach_flags !== 'multi')
  if (!alone) return row(feature, { here, required: false })
  const instead = 'If ours cannot be attached below it, the self-test says so; `understudy serve` works.'
  const remedy = 'Have it attached with BPF_F_ALLOW_MULTI: `bpftool cgroup tree` names its cgroup.'
  return row(feature, { state: 'unknown', here: names.join(', '), required: false, instead, remedy })
}

const askKernel = (hindered: Untried | undefined): Finding[] => {
  const opened = openShim()
  if ('why' in opened) return unprobed(opened.why)
  return hindered ? unprobed(hindered.why) : [...probeFeatures(opened.shim), checkNetns(opened.shim)]
}

type Proved = Pick<Diagnosis, 'capture' | 'strategies' | 'findings'>

/** What a connection of our own proves without root, and all the rest where nobody may try. */
const proveWithout = async (reason: Untried): Promise<Proved> => {
  const { why, remedy } = reason
  const proof = row('self-test', { state: 'unknown', here: `skipped: ${why}`, remedy })
  const inbound = inboundFindings(untriedInbound(`not tried: ${why}`, ''))
  return {
    strategies: strategyFindings(await serveTest(), reason),
    findings: [...inbound, ...untriedCaptures(why).findings, proof],
  }
}

/** Proves everything, each by a connection of its own. */
const proveAll = async (): Promise<Proved> => {
  const proofs = await prove()
  const { auto, findings } = captureFindings(proofs.captures)
  const { state, said, remedy } = proofs.captures.ebpf
  return {
    ...(auto === undefined ? {} : { capture: auto }),
    strategies: strategyFindings(await serveTest(), proofs),
    findings: [...inboundFindings(proofs.inbound), ...findings, row('self-test', { state, here: said, remedy })],
  }
}

/** Why this process may prove nothing of the kernel; undefined where it may. */
const hindrance = (isRoot: boolean, lacking: readonly string[]): Untried | undefined => {
  if (!isRoot) return { why: 'needs root', remedy: 'Run it with sudo.' }
  if (lacking.length === 0) return undefined
  const remedy = 'Give the container these capabilities (--privileged, or --cap-add for each).'
  return { why: `root, but without ${lacking.join(', ')}`, remedy }
}

/** What it is that works or does not; looks, probes, then proves. */
export const diagnose = async (): Promise<Diagnosis> => {
  const machine = thisMachine()
  const isRoot = machine.uid === 0
  const hindered = hindrance(isRoot, missingCapabilities(machine.read('/proc/self/status') ?? ''))
  const looked = examine(machine)
  const hasCgroup = looked.every(({ feature, state }) => feature !== 'cgroup2' || state === 'ok')
  const asked = machine.platform === 'linux' ? askKernel(hindered) : unprobed('this is not Linux')
  const neighbours = !hindered && hasCgroup ? [checkNeighbours()] : []
  const { findings, ...proved } = await (hindered ? proveWithout(hindered) : proveAll())
  return {
    version: version(),
    works: proved.capture !== undefined,
    isRoot,
    ...proved,
    findings: [...looked, ...asked, ...neighbours, ...findings],
  }
}

/** `understudy doctor`: resolves with 0 when `understudy run` works here, 3 when not. */
export const doctor = async (args: readonly string[]): Promise<number> => {
  const values = parseFlags('doctor', args, DOCTOR_FLAGS)
  if (values['help']) {
    process.stdout.write(HELP.doctor)
    return 0
  }
  const diagnosis = await diagnose()
  const text = values['json']
    ? `${JSON.stringify(diagnosis, undefined, 2)}\n`
    : renderDiagnosis(diagnosis, { colour: isatty(1) })
  process.stdout.write(text)
  return diagnosis.works ? 0 : CANNOT
}
