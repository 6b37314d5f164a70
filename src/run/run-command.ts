/**
 * `understudy run`: the composition for one command. In order: clear up after the dead, write down what is about to be
 * made, load the programs or try the rules, listen, send connections there, start the command; and the same backwards at
 * its end.
 */
import type { Logger } from 'pino'
import { lookUpHere } from '../act/dial.ts'
import { type Config, defaultConfig } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import type { Dns } from '../dns/dns.ts'
import type { Workload } from '../flow.ts'
import { openNetns } from '../kernel/netns.ts'
import { openOriginalDestinations } from '../kernel/original-destination.ts'
import type { Kernel } from '../kernel/programs.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { createRecordStage, type RecordStage } from '../record-stage.ts'
import { createDataPlane } from '../understudy.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from '../workloads/cgroup.ts'
import { endLeftovers, holdSignals, type RunningCommand, startCommand, type User } from '../workloads/from-command.ts'
import { type RunState, recordRun, sweep } from '../workloads/run-state.ts'
import { createRunDns, NO_DNS, type RunDns, serveRunDns } from './dns.ts'
import { type InboundRun, prepareInbound } from './inbound.ts'
import { openListeners, readingOf, WORKLOAD_ID } from './interception.ts'
import { openCapture } from './open-capture.ts'
import { requireBuilt, requireLinuxRoot } from './requirements.ts'
import { lockPorts, sweepPorts } from './rules-left.ts'
import { createUndo, type Undo, watchForCrash } from './undo.ts'

export interface RunOptions {
  readonly config: Config
  readonly warnings: readonly string[]
  readonly expectations: readonly Expectation[]
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly user?: User
  /** A network namespace file to run the command in. */
  readonly netns?: string
  readonly recordPath?: string
  readonly withSummary: boolean
}

export interface RunResult {
  /** The command's exit status, as a shell reports it. */
  readonly status: number
  readonly summary?: string
}

/** Where there is no terminal, or one that does not know its width. */
const COLUMNS = 120
const CLOSE_GRACE_MS = 1000
/** How long the kernel may take to let go of a cgroup whose processes have ended. */
const REMOVE_MS = 1000

/** Forgets the run once its cgroup is gone; until then what is written down lets a later sweep find it. */
const removeRun = async (state: RunState, cgroup: RunCgroup, log: Logger): Promise<void> => {
  if (state.hasRules()) return log.warn({ id: state.id }, 'rules of the packet filter stay; the next start tries again')
  const deadline = Date.now() + REMOVE_MS
  while (!removeRunCgroup(cgroup)) {
    if (Date.now() > deadline) return log.warn({ cgroup: cgroup.tree }, 'the cgroup is still in use and stays')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  state.remove()
}

interface Started {
  readonly cgroup: RunCgroup
  /** Without BPF there is none. */
  readonly kernel?: Kernel
  readonly inbound?: InboundRun
  readonly dns?: Dns
  /** Closes listeners and connections. */
  readonly closePlane: () => Promise<void>
}

/** What ends with the command, and what ends with the interception, which may have to end before it. */
interface Undos {
  readonly ground: Undo
  readonly undo: Undo
}

/** Everything up to the interception. Whatever it has made when it throws is in the undos. */
const start = async (options: RunOptions, shim: Shim, record: RecordStage, undos: Undos): Promise<Started> => {
  const { ground, undo } = undos
  const { config } = options
  const { log } = record
  for (const swept of await sweep(sweepPorts(shim))) log.info(swept, 'cleared up after a run that was killed')
  const id = `${process.pid}-${Date.now().toString(36)}`
  const parent = ownCgroup()
  const state = recordRun(id, parent, lockPorts(shim))
  ground.add(() => removeRun(state, runCgroup(parent, id), log))
  const cgroup = createRunCgroup(id, parent)
  const netns = openNetns(shim, options.netns)
  undo.add(netns.close)
  const nat = openOriginalDestinations(shim, netns.fd, { onLimit: record.metrics.limitHit })
  undo.add(nat.close)
  const capture = await openCapture({
    config,
    shim,
    log,
    recorder: record.recorder,
    state,
    cgroup,
    netns,
    netnsPath: options.netns,
    natEvidence: { soOriginalDst: nat.soOriginalDst, conntrack: nat.conntrack },
    undo,
  })
  const { kernel } = capture
  const where = { netns, netnsPath: options.netns, cgroup }
  const inbound = await prepareInbound({ shim, config, ...where, main: kernel, state, undo, log })
  const workload: Workload = { id: WORKLOAD_ID, name: options.argv[0] }
  const dns = kernel && config.dnsEnabled ? createRunDns(config, options.expectations, record.metrics) : undefined
  let served: RunDns | undefined
  const plane = createDataPlane({
    config,
    expectations: options.expectations,
    recorder: record.recorder,
    metrics: record.metrics,
    log,
    workload,
    direction: 'outbound',
    identify: capture.identify,
    evidence: { ...capture.evidence, ...(dns ? { nameOf: dns.nameOf } : {}) },
    ...(dns ? { isReserved: dns.isReserved, namesOf: dns.namesOf } : {}),
    releaseMemory: () => void shim.raw('understudy_trim_memory'),
    makeSocket: (ipv6, source) => netns.makeSocket(ipv6, source, 0),
    // In our own namespace our own resolver is the command's.
    lookUp: (name, done) => (options.netns && served ? served.lookUp : lookUpHere)(name, done),
    ...(inbound ? { inbound: inbound.plane } : {}),
  })
  const closePlane = (): Promise<void> => plane.close(CLOSE_GRACE_MS)
  undo.add(closePlane)
  const ports = await openListeners(plane, capture, netns, cgroup, config)
  served = dns && kernel ? await serveRunDns(dns, { workload, netns, cgroup, kernel }) : undefined
  if (served) undo.add(served.close)
  await capture.start({ ...ports, ...(served?.ports ?? NO_DNS) })
  const { mode, why } = capture
  record.metrics.captured(mode)
  log.info(
    { capture: mode, why, id, ...ports, dns: !!served, netns: options.netns, ...(kernel ? { pins: state.pins } : {}) },
    'intercepting',
  )
  await inbound?.open(plane)
  return { cgroup, closePlane, ...(kernel ? { kernel } : {}), ...(inbound ? { inbound } : {}), ...(dns ? { dns } : {}) }
}

const launch = (options: RunOptions, cgroup: RunCgroup): RunningCommand =>
  startCommand({
    launcherPath: PATHS.launcher,
    cgroup,
    argv: options.argv,
    env: options.env,
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    ...(options.user ? { user: options.user } : {}),
  })

const openRecord = (options: RunOptions, started: () => Started | undefined): RecordStage => {
  const record = createRecordStage({
    config: options.config,
    withSummary: options.withSummary,
    // Two runs at once both have the default; a port that somebody chose is meant.
    adminMayMove: options.config.adminPort === defaultConfig().adminPort,
    ready: () => (started() ? { ok: true } : { ok: false, why: 'nothing is intercepted yet' }),
    readKernel: () => {
      const now = started()
      return now?.kernel && readingOf(now.kernel, now.inbound?.kernel)
    },
    readDnsIntents: () => started()?.dns?.intents() ?? 0,
    ...(options.recordPath === undefined ? {} : { recordPath: options.recordPath }),
    ...(options.user ? { recordOwner: options.user } : {}),
  })
  for (const warning of options.warnings) record.log.warn({ warning }, 'a setting is not known')
  return record
}

/** Waits for the command. After a crash of ours it goes on, not intercepted, and the crash is thrown at its end. */
const untilEnd = async (
  command: RunningCommand,
  crashed: Promise<never>,
  detach: (why: unknown) => Promise<void>,
): Promise<number> => {
  const first = await Promise.race([
    command.ended.then((status) => ({ status })),
    crashed.catch((error: unknown) => ({ error })),
  ])
  if ('status' in first) return first.status
  await detach(first.error)
  await command.ended
  throw first.error
}

/**
 * Runs the command to its end. What it throws before the command has started tells why it could not be; afterwards only
 * a bug of ours is thrown, once the command has ended.
 */
export const runCommand = async (options: RunOptions): Promise<RunResult> => {
  requireLinuxRoot()
  requireBuilt(['shim', 'launcher'])
  const shim = loadShim(PATHS.shim)
  let started: Started | undefined
  const record = openRecord(options, () => started)
  const ground = createUndo(() => record.log)
  const undo = createUndo(() => record.log)
  ground.add(() => record.close())
  const held = holdSignals()
  const crash = watchForCrash()
  const detach = async (why: unknown): Promise<void> => {
    record.log.fatal({ err: why }, 'a bug of ours: the interception ends, the command goes on')
    started = undefined
    await undo.all()
  }
  try {
    started = await start(options, shim, record, { ground, undo })
    const adminPort = await record.startAdmin()
    if (adminPort !== undefined) record.log.info({ adminPort }, 'the admin server listens')
    const early = await held.received()
    if (early !== undefined) return { status: early }
    const { cgroup, closePlane } = started
    const hasConnections = started.kernel !== undefined
    const status = await untilEnd(launch(options, cgroup), crash.crashed, detach).finally(() => leave(cgroup, record))
    started = undefined
    // Before any rules go: what they no longer see the end of would count as open in conntrack for days, and a later
    // connection with the same ports as part of it, which no rule is asked about. After a crash new ones come first.
    await closePlane()
    await undo.all()
    await ground.all()
    return { status, ...(record.summary ? { summary: renderSummary(record, hasConnections) } : {}) }
  } finally {
    started = undefined
    await undo.all()
    await ground.all()
    held.release()
    crash.stop()
  }
}

const leave = async (cgroup: RunCgroup, { log }: RecordStage): Promise<void> => {
  const left = await endLeftovers(cgroup)
  if (left > 0) log.warn({ processes: left }, 'the command left processes running; they were ended')
}

const renderSummary = ({ summary }: RecordStage, hasConnections: boolean): string => {
  const { columns, isTTY } = process.stderr
  return summary?.render({ columns: columns || COLUMNS, colour: isTTY === true, hasConnections }) ?? ''
}
