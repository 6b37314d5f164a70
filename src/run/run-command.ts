/**
 * `understudy run`: the composition for one command. In order: clear up after the dead, write down what is about to be
 * made, load, listen, attach, start the command; and the same backwards at its end.
 */
import type { Logger } from 'pino'
import { type Config, defaultConfig } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import type { Workload } from '../flow.ts'
import { openNetns } from '../kernel/netns.ts'
import { type Kernel, loadKernel } from '../kernel/programs.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { createRecordStage, type RecordStage } from '../record-stage.ts'
import { createDataPlane } from '../understudy.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from '../workloads/cgroup.ts'
import { endLeftovers, holdSignals, type RunningCommand, startCommand, type User } from '../workloads/from-command.ts'
import { type RunState, recordRun, removePins, sweep } from '../workloads/run-state.ts'
import { openListeners, pinMap, readingOf, setPolicy, WORKLOAD_ID } from './interception.ts'
import { requireBuilt, requireLinuxRoot } from './requirements.ts'
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
  const deadline = Date.now() + REMOVE_MS
  while (!removeRunCgroup(cgroup)) {
    if (Date.now() > deadline) return log.warn({ cgroup: cgroup.tree }, 'the cgroup is still in use and stays')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  state.remove()
}

interface Started {
  readonly cgroup: RunCgroup
  readonly kernel: Kernel
}

/** What ends with the command, and what ends with the interception, which may have to end before it. */
interface Undos {
  readonly ground: Undo
  readonly undo: Undo
}

/** Everything up to the attached programs. Whatever it has made when it throws is in the undos. */
const start = async (options: RunOptions, shim: Shim, record: RecordStage, undos: Undos): Promise<Started> => {
  const { ground, undo } = undos
  const { config } = options
  const { log } = record
  const locks = {
    lock: (path: string) => shim.raw('understudy_lock', path),
    unlock: (fd: number) => void shim.raw('understudy_close_fd', fd),
  }
  for (const swept of sweep(locks)) log.info(swept, 'cleared up after a run that was killed')
  const id = `${process.pid}-${Date.now().toString(36)}`
  const parent = ownCgroup()
  const state = recordRun(id, parent, locks)
  ground.add(() => removeRun(state, runCgroup(parent, id), log))
  const cgroup = createRunCgroup(id, parent)
  const netns = openNetns(shim, options.netns)
  undo.add(netns.close)
  const kernel = loadKernel(shim, {
    objectPath: PATHS.bpfObject,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    heartbeatStaleMs: config.heartbeatStaleMs,
    flowCapacity: config.flowCapacity,
    ringBytes: config.ringBytes,
    mark: 0,
    byNetns: false,
  })
  undo.add(kernel.close)
  const drain = (): void => kernel.drainEvents((summary) => record.recorder.connection(summary))
  undo.add(drain)
  pinMap(shim, kernel, state, log)
  undo.add(() => void removePins(state.pins))
  const workload: Workload = { id: WORKLOAD_ID, name: options.argv[0] }
  const plane = createDataPlane({
    config,
    expectations: options.expectations,
    recorder: record.recorder,
    metrics: record.metrics,
    log,
    workload,
    direction: 'outbound',
    identify: kernel.identify,
    releaseMemory: () => void shim.raw('understudy_trim_memory'),
    makeSocket: (ipv6, source) => netns.makeSocket(ipv6, source, 0),
  })
  undo.add(() => plane.close(CLOSE_GRACE_MS))
  const ports = await openListeners(plane, kernel, netns, cgroup, config)
  setPolicy(kernel, netns, config, ports)
  const drainer = setInterval(drain, config.eventsIntervalMs).unref()
  undo.add(() => clearInterval(drainer))
  kernel.startHeartbeat()
  kernel.attach({ workload: cgroup.workload, tree: cgroup.tree })
  for (const line of shim.takeLog()) log.debug({ component: 'libbpf', line }, 'libbpf')
  log.info({ id, ...ports, netns: options.netns, pins: state.pins }, 'intercepting')
  return { cgroup, kernel }
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
    ready: () => (started() ? { ok: true } : { ok: false, why: 'the programs are not attached yet' }),
    readKernel: () => {
      const kernel = started()?.kernel
      return kernel && readingOf(kernel)
    },
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
  requireBuilt()
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
    const { cgroup } = started
    const status = await untilEnd(launch(options, cgroup), crash.crashed, detach).finally(() => leave(cgroup, record))
    started = undefined
    await undo.all()
    await ground.all()
    return { status, ...(record.summary ? { summary: renderSummary(record) } : {}) }
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

const renderSummary = (record: RecordStage): string =>
  record.summary?.render({ columns: process.stderr.columns || COLUMNS, colour: process.stderr.isTTY === true }) ?? ''
