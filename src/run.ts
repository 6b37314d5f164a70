/**
 * `understudy run`: the composition for one command. In order: clear up after the dead, write down what is about to be
 * made, load, listen, attach, start the command; and the same backwards at its end.
 */
import { existsSync, mkdirSync, statfsSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import { UnderstudyError } from './errors.ts'
import type { Workload } from './flow.ts'
import {
  POLICY_FAIL_CLOSED,
  POLICY_HAS_EXCLUDED_CIDRS,
  POLICY_INTERCEPT_LINK_LOCAL,
  POLICY_INTERCEPT_LOOPBACK,
} from './kernel/layout.ts'
import { type Netns, openNetns } from './kernel/netns.ts'
import { type Kernel, loadKernel } from './kernel/programs.ts'
import { errorName, loadShim, type Shim } from './kernel/shim.ts'
import { PATHS } from './paths.ts'
import type { KernelReading } from './record/metrics-kernel.ts'
import { createRecordStage, type RecordStage } from './record-stage.ts'
import { createDataPlane, type DataPlane } from './understudy.ts'
import { createRunCgroup, ownCgroup, type RunCgroup, removeRunCgroup, runCgroup } from './workloads/cgroup.ts'
import { endLeftovers, holdSignals, type RunningCommand, startCommand, type User } from './workloads/from-command.ts'
import { PIN_FOLDER, type RunState, recordRun, removePins, sweep } from './workloads/run-state.ts'
import { sourceAddress } from './workloads/source-address.ts'
import { whoListens } from './workloads/who-listens.ts'

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

const BACKLOG = 4096
/** Where there is no terminal, or one that does not know its width. */
const COLUMNS = 120
const CLOSE_GRACE_MS = 1000
const BPF_FS_MAGIC = 0xcafe4a11
const WORKLOAD_ID = 1
const BPFFS = '/sys/fs/bpf'
/** How long the kernel may take to let go of a cgroup whose processes have ended. */
const REMOVE_MS = 1000

/** Names of counters that stand for work a program could not do. */
const FAULT_COUNTERS = [
  'agent_stale',
  'no_listener',
  'no_record',
  'failed_closed',
  'accept_unknown',
  'in_flight_full',
  'orig_dst_full',
  'storage_full',
  'source_not_bound',
]

const requireLinuxRoot = (): void => {
  if (process.platform !== 'linux') {
    throw new UnderstudyError('NOT_LINUX', `understudy run needs Linux; this is ${process.platform}`, {
      remedy: 'Use `understudy serve` and point the program at it.',
    })
  }
  if (process.geteuid?.() !== 0) {
    throw new UnderstudyError('NOT_ROOT', 'understudy run needs root to load its BPF programs', {
      remedy: 'Run it with sudo; the command itself then runs as you. Without root there is `understudy serve`.',
    })
  }
}

const requireBuilt = (): void => {
  const missing = Object.values(PATHS).find((path) => !existsSync(path))
  if (missing === undefined) return
  throw new UnderstudyError('NOT_BUILT', `${missing} is not built`, {
    remedy: 'Run `make bpf native` (or `make setup bpf native` on a new machine).',
  })
}

const isBpffs = (path: string): boolean => {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC
  } catch {
    return false
  }
}

/** Pins the contract map where other programs look for it. Without bpffs everything else still works. */
const pin = (shim: Shim, kernel: Kernel, state: RunState, log: Logger): void => {
  try {
    if (!isBpffs(BPFFS)) shim.call('understudy_mount_bpffs', BPFFS)
    mkdirSync(PIN_FOLDER, { recursive: true, mode: 0o700 })
    mkdirSync(state.pins, { mode: 0o700 })
    kernel.pinOriginalDestinations(`${state.pins}/orig_dst`)
  } catch (error) {
    log.warn({ err: error, folder: state.pins }, 'the map of original destinations is not pinned')
  }
}

const listenOn = (netns: Netns, cgroup: RunCgroup, address: string, port: number): number => {
  const fd = netns.listen(`${cgroup.listener}/cgroup.procs`, address, port, BACKLOG)
  if (fd >= 0) return fd
  const errno = errorName(fd)
  // A namespace without IPv6 has no IPv6 connections either.
  if (address === '::1' && (errno === 'EADDRNOTAVAIL' || errno === 'EAFNOSUPPORT')) return -1
  if (errno === 'EADDRINUSE') {
    const who = whoListens(port, (name) => netns.readProcNet(name))
    throw new UnderstudyError('PORT_IN_USE', `port ${port} is in use${who ? ` by ${who}` : ''}`, {
      remedy: 'Set listenPort to 0 (any free port) or to another one, or end that process.',
    })
  }
  throw new UnderstudyError('KERNEL_CALL_FAILED', `cannot listen on ${address} port ${port}: ${errno}`)
}

const adopt = async (server: Server, fd: number): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** Listens on both loopbacks inside the workload's namespace, and marks the sockets as ours for the guard. */
const openListeners = async (
  plane: DataPlane,
  kernel: Kernel,
  netns: Netns,
  cgroup: RunCgroup,
  config: Config,
): Promise<{ port4: number; port6: number }> => {
  const fd4 = listenOn(netns, cgroup, '127.0.0.1', config.listenPort)
  const port4 = await adopt(plane.createServer(), fd4)
  kernel.markListener(fd4, WORKLOAD_ID)
  const fd6 = listenOn(netns, cgroup, '::1', config.listenPort)
  if (fd6 < 0) return { port4, port6: 0 }
  const port6 = await adopt(plane.createServer(), fd6)
  kernel.markListener(fd6, WORKLOAD_ID)
  return { port4, port6 }
}

const setPolicy = (kernel: Kernel, netns: Netns, config: Config, ports: { port4: number; port6: number }): void => {
  for (const { address, prefix } of config.excludeCidrs) kernel.excludeCidr(WORKLOAD_ID, address, prefix)
  kernel.setPolicy(0n, {
    id: WORKLOAD_ID,
    flags:
      (config.failMode === 'closed' ? POLICY_FAIL_CLOSED : 0) |
      (config.interceptLoopback ? POLICY_INTERCEPT_LOOPBACK : 0) |
      (config.interceptLinkLocal ? POLICY_INTERCEPT_LINK_LOCAL : 0) |
      (config.excludeCidrs.length > 0 ? POLICY_HAS_EXCLUDED_CIDRS : 0),
    listenPort4: ports.port4,
    listenPort6: ports.port6,
    source4: sourceAddress(4, netns),
    source6: sourceAddress(6, netns),
    excludedPorts: config.excludePorts.map(({ from, to }) => ({ first: from, last: to })),
  })
}

/** What was made, to be undone in reverse; each step is added before the next is tried. */
interface Undo {
  add(step: () => void | Promise<void>): void
  all(): Promise<void>
}

const createUndo = (log: () => Logger | undefined): Undo => {
  const steps: (() => void | Promise<void>)[] = []
  return {
    add: (step) => void steps.push(step),
    all: async () => {
      for (let step = steps.pop(); step; step = steps.pop()) {
        try {
          await step()
        } catch (error) {
          log()?.error({ err: error }, 'clearing up failed in part')
        }
      }
    },
  }
}

const readingOf = (kernel: Kernel): KernelReading => {
  const counters = kernel.readCounters()
  return {
    faults: Object.fromEntries(FAULT_COUNTERS.map((name) => [name, counters[name] ?? 0])),
    mapEntries: kernel.readMapEntries(),
    events: counters['events'] ?? 0,
    eventsDropped: counters['events_dropped'] ?? 0,
    heartbeatAgeMs: kernel.heartbeatAgeMs(),
  }
}

/** Forgets the run once its cgroup is gone; until then what is written down lets a later sweep find it. */
const removeRun = async (state: RunState, cgroup: RunCgroup, log: Logger): Promise<void> => {
  const deadline = Date.now() + REMOVE_MS
  while (!removeRunCgroup(cgroup)) {
    if (Date.now() > deadline) return log.warn({ cgroup: cgroup.tree }, 'the cgroup is still in use and stays')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  state.remove()
}

/** Turns an uncaught exception into a rejection, so that a bug of ours ends the interception and not the command. */
const watchForCrash = (): { readonly crashed: Promise<never>; stop(): void } => {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {}) // it may come while nobody waits yet
  process.on('uncaughtException', reject)
  return { crashed: promise, stop: () => void process.off('uncaughtException', reject) }
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
  pin(shim, kernel, state, log)
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
    makeSocket: (ipv6, source) => netns.makeSocket(ipv6, source, 0),
  })
  undo.add(() => plane.close(CLOSE_GRACE_MS))
  const ports = await openListeners(plane, kernel, netns, cgroup, config)
  setPolicy(kernel, netns, config, ports)
  const drainer = setInterval(drain, config.eventsIntervalMs).unref()
  undo.add(() => clearInterval(drainer))
  kernel.startHeartbeat()
  kernel.attach({ workload: cgroup.workload, tree: cgroup.tree })
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
    adminMayMove: true,
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
    for (const line of shim.takeLog()) record.log.debug({ line }, 'libbpf')
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
