/**
 * `understudy run`: the composition for one command. In order: clear up after the dead, write down what is about to be
 * made, load the programs or try the rules, listen, send connections there, start the command; and the same backwards at
 * its end.
 */
import type { Logger } from 'pino'
import { type Config, defaultConfig } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import type { Dns } from '../dns/dns.ts'
import { type Netns, openNetns } from '../kernel/netns.ts'
import { openOriginalDestinations } from '../kernel/original-destination.ts'
import type { Kernel } from '../kernel/programs.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { createRecordStage, type RecordStage } from '../record-stage.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from '../workloads/cgroup.ts'
import { endLeftovers, holdSignals, type RunningCommand, startCommand, type User } from '../workloads/from-command.ts'
import { type RunState, recordRun, sweep } from '../workloads/run-state.ts'
import { NO_DNS, serveRunDns } from './dns.ts'
import { type InboundRun, prepareInbound } from './inbound.ts'
import { openListeners, readingOf } from './interception.ts'
import { type ChosenCapture, openCapture } from './open-capture.ts'
import { requireBuilt, requireLinuxRoot } from './requirements.ts'
import { lockPorts, sweepPorts } from './rules-left.ts'
import { createRunPlane } from './run-plane.ts'
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
  /** Where forwarded exchanges are kept as expectations. */
  readonly recordingPath?: string
  /** Note what no expectation matched. */
  readonly withMisses?: boolean
  /** Where the control API is served, 0 for any free port; undefined = nowhere. */
  readonly controlPort?: number
  readonly withSummary: boolean
}

export interface RunResult {
  /** The command's exit status, as a shell reports it. */
  readonly status: number
  readonly summary?: string
  /** What no expectation matched, one line each, where that is noted. */
  readonly misses: readonly string[]
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
  readonly controlPort?: number
  /** Closes listeners and connections. */
  readonly closePlane: () => Promise<void>
}

/** What ends with the command, and what ends with the interception, which may have to end before it. */
interface Undos {
  readonly ground: Undo
  readonly undo: Undo
}

/** What a run stands on before anything listens. */
export interface Ground {
  readonly state: RunState
  readonly cgroup: RunCgroup
  readonly netns: Netns
  readonly capture: ChosenCapture
  readonly inbound?: InboundRun
}

/** The cgroup, the namespace, and the ways to capture that can fail on this machine. */
const prepare = async (options: RunOptions, shim: Shim, record: RecordStage, undos: Undos): Promise<Ground> => {
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
  const where = { netns, netnsPath: options.netns, cgroup }
  const capture = await openCapture({
    config,
    shim,
    log,
    recorder: record.recorder,
    state,
    ...where,
    natEvidence: { soOriginalDst: nat.soOriginalDst, conntrack: nat.conntrack },
    undo,
  })
  const inbound = await prepareInbound({ shim, config, ...where, main: capture.kernel, state, undo, log })
  return { state, cgroup, netns, capture, ...(inbound ? { inbound } : {}) }
}

/** Everything up to the interception. Whatever it has made when it throws is in the undos. */
const start = async (options: RunOptions, shim: Shim, record: RecordStage, undos: Undos): Promise<Started> => {
  const { undo } = undos
  const ground = await prepare(options, shim, record, undos)
  const { state, cgroup, netns, capture, inbound } = ground
  const { kernel, mode, why } = capture
  const { plane, workload, dns, control, resolveWith } = createRunPlane(options, shim, record, ground, undo)
  const closePlane = (): Promise<void> => plane.close(CLOSE_GRACE_MS)
  undo.add(closePlane)
  const ports = await openListeners(plane, capture, netns, cgroup, options.config)
  const controlPort = await control?.open(plane, options.controlPort ?? 0)
  const served = dns && kernel ? await serveRunDns(dns, { workload, netns, cgroup, kernel }) : undefined
  if (served) {
    undo.add(served.close)
    resolveWith(served.lookUp)
  }
  await capture.start({ ...ports, ...(served?.ports ?? NO_DNS) })
  record.metrics.captured(mode)
  const about = { capture: mode, why, id: state.id, ...ports, controlPort, dns: !!served, netns: options.netns }
  record.log.info({ ...about, ...(kernel ? { pins: state.pins } : {}) }, 'intercepting')
  await inbound?.open(plane)
  return {
    cgroup,
    closePlane,
    ...(kernel ? { kernel } : {}),
    ...(inbound ? { inbound } : {}),
    ...(dns ? { dns } : {}),
    ...(controlPort === undefined ? {} : { controlPort }),
  }
}

const launch = (options: RunOptions, { cgroup, controlPort }: Started): RunningCommand =>
  startCommand({
    launcherPath: PATHS.launcher,
    cgroup,
    argv: options.argv,
    env: controlPort === undefined ? options.env : { ...options.env, ...controlUrl(controlPort) },
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    ...(options.user ? { user: options.user } : {}),
  })

const controlUrl = (port: number) => ({ UNDERSTUDY_CONTROL_URL: `http://127.0.0.1:${port}` })

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
    ...(options.recordingPath === undefined ? {} : { recordingPath: options.recordingPath }),
    withMisses: options.withMisses ?? false,
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
    if (early !== undefined) return { status: early, misses: [] }
    const { cgroup, closePlane } = started
    const hasConnections = started.kernel !== undefined
    const status = await untilEnd(launch(options, started), crash.crashed, detach).finally(() => leave(cgroup, record))
    started = undefined
    // Before any rules go: what they no longer see the end of would count as open in conntrack for days, and a later
    // connection with the same ports as part of it, which no rule is asked about. After a crash new ones come first.
    await closePlane()
    await undo.all()
    await ground.all()
    const misses = record.misses?.lines() ?? []
    return { status, misses, ...(record.summary ? { summary: renderSummary(record, hasConnections) } : {}) }
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
