/**
 * `understudy agent`: the composition for the pods of a node. In order: load the programs, read the expectations, serve the
 * control API, take over from an elder agent, attach, and only then look at workloads; at the end the same backwards, so
 * that whoever comes next finds either what still works or nothing.
 */
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import { UnderstudyError } from '../errors.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { requireBuilt, requireLinuxRoot } from '../run/requirements.ts'
import { lockPorts, sweepPorts } from '../run/rules-left.ts'
import { createUndo, type Undo } from '../run/undo.ts'
import type { DataPlane } from '../understudy.ts'
import { findCgroupRoot } from '../workloads/pods/cgroup-root.ts'
import { findPodsCgroup } from '../workloads/pods/pods-cgroup.ts'
import { sweep } from '../workloads/run-state.ts'
import { createAgentControl, requireTokenBeyondLoopback } from './control.ts'
import { loadNodeKernel, type NodeKernel } from './node-kernel.ts'
import { type Ownership, takeOver } from './ownership.ts'
import { startPasses } from './passes.ts'
import { createAgentPlane, followFolder } from './plane.ts'
import type { Reconcile } from './reconcile.ts'
import { type AgentRecord, createAgentRecord } from './record.ts'
import { createSelfTest } from './self-test.ts'
import {
  createNodeLocate,
  createNodeReconcile,
  followConnections,
  type NodeParts,
  netnsCookieOf,
} from './serve-node.ts'
import { openSources } from './sources.ts'
import type { AgentState } from './state.ts'

export interface AgentOptions {
  readonly config: Config
  readonly warnings: readonly string[]
  readonly expectations: readonly Expectation[]
  /** A file that lists the workloads, in place of the Kubernetes API. */
  readonly workloadsFile?: string
  readonly recordPath?: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Agent {
  readonly adminPort: number | undefined
  /** Where the control API is served; undefined where it is off. */
  readonly control: string | undefined
  /** Hands over or goes, connections first. */
  close(): Promise<void>
}

/** Milliseconds between two looks for the pods' cgroup where there is none yet. */
const POLL_MS = 1000
/** Connections under way when a policy was lifted are accepted within this. */
const SETTLE_MS = 200
const HANDOVER_POLL_MS = 50
const EVENTS_GRACE_MS = 1000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for the cgroup of all pods: on a node that has just started there is none. */
const awaitPodsCgroup = async ({ podsCgroup: setting }: Config, root: string, log: Logger): Promise<string> => {
  for (let told = false; ; told = true) {
    const { path } = await findPodsCgroup({ root, setting })
    if (path !== undefined) return path
    if (!told)
      log.warn({ root, setting }, 'there is no cgroup of pods on this node yet; the setting podsCgroup names it')
    await pause(POLL_MS)
  }
}

/**
 * Attaches, or waits while a program of somebody else lets no other attach: an agent that ended and was started again and
 * again would say less of it.
 */
const attach = async (node: NodeKernel, podsCgroup: string, state: AgentState, log: Logger): Promise<void> => {
  for (let told = ''; ; ) {
    try {
      return node.attach(podsCgroup)
    } catch (error) {
      if (!(error instanceof UnderstudyError) || error.facts['excluder'] === undefined) throw error
      state.notReady = `${error.message}. ${error.remedy}`
      if (told !== error.message) log.error({ err: error }, 'the programs cannot be attached; this is tried again')
      told = error.message
    }
    await pause(POLL_MS)
  }
}

/**
 * Ends what is intercepted. Where a younger agent lives it has the policies, or will in a moment: each is waited for, so that
 * no connection is on its way to a listener that closes.
 */
const endAll = async (reconcile: Reconcile, ownership: Ownership, plane: DataPlane, config: Config): Promise<void> => {
  const deadline = Date.now() + config.drainMs
  const isHandover = !ownership.isOwner()
  await reconcile.close(async (enrolment) => {
    while (isHandover && enrolment.isInForce() && Date.now() < deadline) await pause(HANDOVER_POLL_MS)
    enrolment.lift(isHandover ? 'handed_over' : 'stopped')
  })
  await pause(SETTLE_MS)
  await plane.close(Math.max(0, deadline - Date.now()), true)
  await Promise.all([...reconcile.known()].map(({ enrolment }) => enrolment?.end('handed_over', 0)))
}

interface Start {
  readonly options: AgentOptions
  readonly shim: Shim
  readonly record: AgentRecord
  readonly state: AgentState
  readonly undo: Undo
}

/** Up to the programs' being attached: what it throws says why this node cannot be served. */
const prepare = async ({
  options,
  shim,
  record,
  state,
  undo,
}: Start): Promise<NodeParts & { control: string | undefined; dropPins(): void }> => {
  const { config, workloadsFile, env } = options
  const { log } = record
  for (const swept of await sweep(sweepPorts(shim))) log.info(swept, 'cleared up after a run that was killed')
  const sources = openSources({ config, log, metrics: () => record.agent, workloadsFile, env })
  state.sources = sources
  undo.add(() => sources.events.close(EVENTS_GRACE_MS))
  const node = loadNodeKernel(shim, config, log)
  let removesPins = false
  undo.add(() => node.close(removesPins))
  const selfTest = createSelfTest()
  const control = createAgentControl(config)
  const { plane, dns } = createAgentPlane(options, record, node, { selfTest, control })
  const folder = followFolder(options, record, plane, undo)
  state.expectations = () => ({ folder: folder(), other: plane.store.size - folder() })
  if (dns) state.dnsIntents = dns.intents
  const { path: root, ...layout } = findCgroupRoot({ setting: config.cgroupRoot })
  state.notReady = 'there is no cgroup of pods yet'
  const podsCgroup = await awaitPodsCgroup(config, root, log)
  log.info({ root, ...layout, podsCgroup }, 'the cgroups of the node')
  state.notReady = 'the programs are not attached yet'
  // What may well fail comes before the elder agent is put out of charge.
  const served = config.controlEnabled ? await control.open(plane) : undefined
  const ownership = takeOver(config.stateFolder, lockPorts(shim))
  undo.add(ownership.release)
  await attach(node, podsCgroup, state, log)
  state.node = node
  return {
    ...{ options, shim, record, node, sources, plane, dns, selfTest, ownership, root, podsCgroup },
    control: served,
    dropPins: () => {
      removesPins = true
    },
  }
}

/** Starts to serve the node. Throws what keeps it from that: rights, kernel features, settings. */
export const startAgent = async (options: AgentOptions): Promise<Agent> => {
  const { config, warnings } = options
  requireLinuxRoot()
  requireTokenBeyondLoopback(config)
  requireBuilt(['shim', 'bpfObject', 'inboundObject'])
  const shim = loadShim(PATHS.shim)
  const state: AgentState = { notReady: 'the programs are not loaded yet' }
  const record = createAgentRecord(options, state)
  const { log } = record
  for (const warning of warnings) log.warn({ warning }, 'a setting is not known')
  const undo = createUndo(() => log)
  undo.add(() => record.close())
  try {
    const adminPort = await record.startAdmin()
    const parts = await prepare({ options, shim, record, state, undo })
    const { ownership, plane, control } = parts
    const locate = createNodeLocate(parts)
    const reconcile = createNodeReconcile(parts, locate)
    state.reconcile = reconcile
    state.attribution = followConnections(parts, reconcile, undo)
    const passes = startPasses({
      ...{ ...parts.sources, kernel: parts.node.kernel, ownership, reconcile, log },
      ...{ metrics: record.agent, intervalMs: config.reconcileIntervalMs },
      cookieOf: netnsCookieOf(shim, locate),
      onReady: () => {
        state.notReady = undefined
      },
    })
    state.notReady = 'the workloads have not all been looked at yet'
    record.metrics.captured('ebpf')
    log.info({ generation: ownership.generation, adminPort, control, node: config.nodeName }, 'the agent serves')
    const end = async (): Promise<void> => {
      state.notReady = 'the agent ends'
      if (config.onStop === 'remove' && ownership.isOwner()) parts.dropPins()
      await passes.close()
      await endAll(reconcile, ownership, plane, config)
      await undo.all()
    }
    let ending: Promise<void> | undefined
    return {
      adminPort,
      control,
      close: () => {
        ending ??= end()
        return ending
      },
    }
  } catch (error) {
    await undo.all()
    throw error
  }
}
