/**
 * `understudy agent`: the composition for the pods of a node. In order: read the expectations, load the programs, take over
 * from an elder agent, attach, serve the control API, and only then look at workloads; at the end the same backwards, so
 * that whoever comes next finds either what still works or nothing.
 */
import type { Logger } from 'pino'
import { openExpectationFolder } from '../config/expectation-folder.ts'
import type { Config } from '../config/schema.ts'
import type { Expectation } from '../decide/matching/expectation.ts'
import type { Dns } from '../dns/dns.ts'
import { UnderstudyError } from '../errors.ts'
import { noKernel } from '../intercept/listener.ts'
import { loadShim, type Shim } from '../kernel/shim.ts'
import { PATHS } from '../paths.ts'
import { createRecordStage, type RecordStage } from '../record-stage.ts'
import { createRunDns } from '../run/dns.ts'
import { readingOf } from '../run/interception.ts'
import { requireBuilt, requireLinuxRoot } from '../run/requirements.ts'
import { lockPorts, sweepPorts } from '../run/rules-left.ts'
import { createUndo, type Undo } from '../run/undo.ts'
import { createDataPlane, type DataPlane } from '../understudy.ts'
import { ownCgroup, procsOf } from '../workloads/cgroup.ts'
import { findCgroupRoot } from '../workloads/pods/cgroup-root.ts'
import { createCgroupFinder } from '../workloads/pods/find-cgroup.ts'
import { createCgroupIndex } from '../workloads/pods/pod-of-cgroup.ts'
import { findPodsCgroup } from '../workloads/pods/pods-cgroup.ts'
import { sweep } from '../workloads/run-state.ts'
import type { WorkloadSource } from '../workloads/source.ts'
import { createAttribution, type Owner } from './connections.ts'
import { createAgentControl, requireTokenBeyondLoopback } from './control.ts'
import { type Enrolment, enrol, remainsIn } from './enrolment.ts'
import { judge } from './judge.ts'
import { createLocate } from './locate.ts'
import { loadNodeKernel, type NodeKernel } from './node-kernel.ts'
import { type Ownership, takeOver } from './ownership.ts'
import { createPolicyIds, removeStrangers } from './policy-ids.ts'
import { createReconcile, type Known, type Reconcile } from './reconcile.ts'
import { createSelfTest, type SelfTest } from './self-test.ts'
import { openSources, type Sources } from './sources.ts'
import { createUntilClock } from './until-clock.ts'

export interface AgentOptions {
  readonly config: Config
  readonly warnings: readonly string[]
  readonly expectations: readonly Expectation[]
  readonly workloadsFile?: string
  readonly recordPath?: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Agent {
  readonly adminPort: number | undefined
  readonly control: string | undefined
  /** Hands over or goes, connections first. */
  close(): Promise<void>
}

/** Owner of expectations that came from the folder, in the store. */
const FROM_FOLDER = 'folder'
/** Milliseconds between two looks for the pods' cgroup where there is none yet. */
const POLL_MS = 1000
const WALK_EVERY_MS = 1000
/** Connections under way when a policy was lifted are accepted within this. */
const SETTLE_MS = 200

const monotonicMs = (): number => performance.now()

interface Parts {
  readonly options: AgentOptions
  readonly shim: Shim
  readonly record: RecordStage
  readonly undo: Undo
}

const openPlane = (
  { options, record }: Parts,
  node: NodeKernel,
  selfTest: SelfTest,
  control: ReturnType<typeof createAgentControl>,
): { plane: DataPlane; dns: Dns | undefined } => {
  const { config } = options
  const dns = config.dnsEnabled
    ? createRunDns(
        config,
        (name, workload) => workload.mode !== 'observe' && plane.isExpectedHost(name, workload),
        record.metrics,
      )
    : undefined
  const plane: DataPlane = createDataPlane({
    config,
    expectations: options.expectations,
    recorder: record.recorder,
    metrics: record.metrics,
    log: record.log,
    // Whoever calls the control API: nothing of theirs is ever sent on.
    workload: { id: 0, name: 'control', mode: 'mock' },
    direction: 'direct',
    identify: noKernel,
    evidence: dns ? { nameOf: dns.nameOf } : {},
    ...(dns ? { isReserved: dns.isReserved, namesOf: dns.namesOf } : {}),
    ...(config.controlEnabled ? { server: control } : {}),
    releaseMemory: () => void node.releaseMemory(),
    takes: selfTest.takes,
  })
  return { plane, dns }
}

const openFolder = ({ options, record, undo }: Parts, plane: DataPlane): void => {
  const { expectationsFolder: path } = options.config
  if (path === '') return
  const log = record.log.child({ component: 'expectations' })
  const take = (expectations: readonly Expectation[]): void => {
    plane.store.replaceFrom(FROM_FOLDER, expectations, performance.timeOrigin + performance.now())
    record.agent?.expectationReload('loaded')
    log.info({ path, expectations: expectations.length }, 'the folder of expectations was read')
  }
  const folder = openExpectationFolder({
    path,
    onChange: take,
    onError: (problems) => {
      record.agent?.expectationReload('refused')
      log.error({ path, problems }, 'the folder of expectations is not taken over; what was good last stays')
    },
    onWarning: (warnings) => log.warn({ path, warnings }, 'part of the folder of expectations is left out'),
  })
  undo.add(folder.close)
  take(folder.current())
}

/** Waits for the cgroup of all pods: on a node that has just started there is none. */
const awaitPodsCgroup = async (config: Config, root: string, log: Logger, isEnding: () => boolean): Promise<string> => {
  for (let told = false; ; told = true) {
    const { path } = await findPodsCgroup({ root, setting: config.podsCgroup })
    if (path !== undefined) return path
    if (isEnding())
      throw new UnderstudyError('NO_CGROUP2', 'the agent was ended before there was a cgroup of pods', {
        remedy: 'Set podsCgroup if the kubelet of this node uses another name than kubepods.',
      })
    if (!told) log.warn({ root }, 'there is no cgroup of pods on this node yet; setting podsCgroup names it')
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

interface Looking {
  readonly parts: Parts
  readonly node: NodeKernel
  readonly sources: Sources
  readonly plane: DataPlane
  readonly dns: Dns | undefined
  readonly selfTest: SelfTest
  readonly ownership: Ownership
  readonly root: string
  readonly podsCgroup: string
}

const startReconcile = ({
  parts,
  node,
  sources,
  plane,
  dns,
  selfTest,
  ownership,
  root,
  podsCgroup,
}: Looking): Reconcile => {
  const { options, shim, record } = parts
  const { config } = options
  const { kernel, listeners, hostNetnsCookie } = node
  const { source, events } = sources
  const { log, agent: metrics } = record
  if (!metrics) throw new Error('the record stage of an agent has its metrics')
  const context = {
    ...{ config, shim, log, kernel, plane, dns, listeners, hostNetnsCookie },
    nextId: createPolicyIds(kernel),
    noteRemains: remainsIn(`${process.pid}-${Date.now().toString(36)}`, ownCgroup(), lockPorts(shim)),
  }
  const finder = createCgroupFinder({ root, podsCgroup: () => podsCgroup })
  const until = createUntilClock(config.stateFolder, Date.now, (err) =>
    log.warn({ err }, 'since when is not written down'),
  )
  const prove = async (enrolment: Enrolment): Promise<string | undefined> => {
    const result = await selfTest.run(enrolment.netns, procsOf(listeners), enrolment.hasIpv6)
    metrics.selfTest(result.kind === 'failed' ? 'failed' : 'passed')
    if (result.kind !== 'failed') return undefined
    const missing = enrolment.place.cgroup === undefined ? [] : kernel.hooksMissingAt(enrolment.place.cgroup)
    return missing.length > 0 ? `${result.why}; our programs do not run at ${missing.join(', ')}` : result.why
  }
  return createReconcile({
    ...{ source, events, metrics, log, prove },
    judge: (facts) => judge(facts, source.namespaceLabels(facts.namespace), config),
    locate: createLocate({ finder, procFolder: config.procFolder, walkEveryMs: WALK_EVERY_MS, nowMs: monotonicMs }),
    enrol: (facts, policy, place) => enrol(context, facts, policy, place),
    firstSeen: until.firstSeen,
    isOwner: ownership.isOwner,
    onGone: (uid) => {
      record.forgetWorkload(uid)
      until.keep(new Set([...source.all()].map((facts) => facts.uid)))
    },
    nowMs: Date.now,
    drainMs: config.drainMs,
    selfTestIntervalMs: config.selfTestIntervalMs,
  })
}

const ownerOf = (source: WorkloadSource, reconcile: () => Reconcile | undefined, uid: string): Owner | undefined => {
  const facts = source.get(uid) ?? [...source.all()].find(({ cgroupUid }) => cgroupUid === uid)
  if (!facts) return undefined
  const { name, namespace } = facts
  const workload = reconcile()?.get(facts.uid)?.enrolment?.workload
  return { name, namespace, uid: facts.uid, ...(workload ? { workload } : {}) }
}

const ownerOfKnown = ({ name, namespace, uid, enrolment }: Known): Owner => ({
  ...{ name, namespace, uid },
  ...(enrolment ? { workload: enrolment.workload } : {}),
})

/** What `/debug/workloads` shows of one. */
const shown = ({ uid, namespace, name, state, why, enrolment }: Known): object => ({
  ...{ uid, namespace, pod: name, state, why },
  ...(enrolment
    ? {
        mode: enrolment.workload.mode,
        netns: enrolment.place.path,
        netnsCookie: enrolment.netnsCookie.toString(),
        policy: enrolment.workload.id,
        isInForce: enrolment.isInForce(),
      }
    : {}),
})

const countStates = (known: Iterable<Known>): Partial<Record<Known['state'], number>> => {
  const counts: Partial<Record<Known['state'], number>> = {}
  for (const { state } of known) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

/** Compares and repairs what is there for all workloads: the programs, then each of them. */
const createPass =
  ({ node, sources, ownership, parts: { record } }: Looking, reconcile: Reconcile) =>
  async (): Promise<void> => {
    const { kernel } = node
    if (ownership.isOwner()) {
      for (const what of kernel.repairLinks()) {
        record.agent?.repaired('link')
        record.log.warn({ link: what }, 'a program was not where it should be and was put back')
        for (const known of reconcile.known()) {
          if (known.enrolment)
            sources.events.report(known, 'Normal', 'Intercepted', `interception was repaired: ${what}`)
        }
      }
    }
    await reconcile.lookAtAll()
    const all = [...reconcile.known()]
    const isSettled = all.every(({ state }) => state !== 'waiting' && state !== 'failed')
    // While some are still to be found, a policy that nobody has yet may be an elder agent's for one of them.
    if (!ownership.isOwner() || !sources.source.health().isSynced || !isSettled) return
    const removed = removeStrangers(kernel, (cookie) => reconcile.byCookie(cookie) !== undefined)
    if (removed > 0) record.log.info({ removed }, 'policies of workloads that are gone were removed')
  }

/**
 * Ends what is intercepted. Where a younger agent lives it has the policies, or will in a moment: each is waited for, so that
 * no connection is on its way to a listener that closes.
 */
const endAll = async (reconcile: Reconcile, ownership: Ownership, plane: DataPlane, config: Config): Promise<void> => {
  const deadline = Date.now() + config.drainMs
  const isHandover = !ownership.isOwner()
  await reconcile.close(async (enrolment) => {
    while (isHandover && enrolment.isInForce() && Date.now() < deadline) await pause(50)
    enrolment.lift(isHandover && !enrolment.isInForce() ? 'handed_over' : 'stopped')
  })
  await pause(SETTLE_MS)
  await plane.close(Math.max(0, deadline - Date.now()), true)
  await Promise.all([...reconcile.known()].map(({ enrolment }) => enrolment?.end('handed_over', 0)))
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const looksAt = (looking: Looking, reconcile: Reconcile, config: Config, undo: Undo) => {
  const { source } = looking.sources
  const pass = createPass(looking, reconcile)
  let isFirstDone = false
  let running: Promise<void> = Promise.resolve()
  const run = (): void => {
    running = pass()
      .then(() => {
        isFirstDone ||= source.health().isSynced
      })
      .catch((err: unknown) => looking.parts.record.log.error({ err }, 'what should be there could not be compared'))
  }
  let isBusy = false
  const tick = (): void => {
    if (isBusy) return
    isBusy = true
    run()
    void running.then(() => {
      isBusy = false
    })
  }
  const timer = setInterval(tick, config.reconcileIntervalMs).unref()
  undo.add(() => {
    clearInterval(timer)
    return running
  })
  source.start((uid) => reconcile.look(uid))
  undo.add(() => source.close())
  // As soon as the source has told all, so that an agent which takes over is ready for it.
  const soon = setInterval(() => {
    if (!source.health().isSynced) return
    clearInterval(soon)
    tick()
  }, 50).unref()
  undo.add(() => clearInterval(soon))
  return { isReady: () => isFirstDone }
}

/** Starts to serve the node. Throws what keeps it from that: rights, kernel features, settings. */
export const startAgent = async (options: AgentOptions): Promise<Agent> => {
  const { config, warnings } = options
  requireLinuxRoot()
  requireTokenBeyondLoopback(config)
  requireBuilt(['shim', 'bpfObject'])
  const shim = loadShim(PATHS.shim)
  let node: NodeKernel | undefined
  let reconcile: Reconcile | undefined
  let sources: Sources | undefined
  let readiness = 'the programs are not attached yet'
  let isReady = (): boolean => false
  let attribution: ReturnType<typeof createAttribution> | undefined
  const record = createRecordStage({
    config,
    withSummary: false,
    adminMayMove: false,
    ready: () => (isReady() ? { ok: true } : { ok: false, why: readiness }),
    readKernel: () =>
      node && reconcile ? { ...readingOf(node.kernel), unknownWorkloads: attribution?.unknown ?? 0 } : undefined,
    readDnsIntents: () => 0,
    ...(options.recordPath === undefined ? {} : { recordPath: options.recordPath }),
    debugWorkloads: () => [...(reconcile?.known() ?? [])].map(shown),
    node: {
      workloads: () => countStates(reconcile?.known() ?? []),
      kube: () => sources?.kube(),
      readCosts: () =>
        node?.kernel.readCosts().map(({ program, runNs, runs }) => ({ program, runs, seconds: runNs / 1e9 })),
      openConnections: () => {
        const open: NonNullable<ReturnType<NonNullable<typeof attribution>['open']>>[] = []
        node?.kernel.readOpenConnections((connection) => {
          const one = attribution?.open(connection)
          if (one) open.push(one)
        })
        return open
      },
    },
  })
  const { log } = record
  for (const warning of warnings) log.warn({ warning }, 'a setting is not known')
  const undo = createUndo(() => log)
  undo.add(() => record.close())
  const parts: Parts = { options, shim, record, undo }
  try {
    for (const swept of await sweep(sweepPorts(shim))) log.info(swept, 'cleared up after a run that was killed')
    const adminPort = await record.startAdmin()
    const opened = openSources({
      config,
      log,
      metrics: () => record.agent,
      workloadsFile: options.workloadsFile,
      env: options.env,
    })
    sources = opened
    undo.add(() => opened.events.close(1000))
    const loaded = loadNodeKernel(shim, config, log)
    node = loaded
    let removesPins = false
    undo.add(() => loaded.close(removesPins))
    const selfTest = createSelfTest()
    const control = createAgentControl(config)
    const { plane, dns } = openPlane(parts, loaded, selfTest, control)
    openFolder(parts, plane)
    const root = findCgroupRoot({ setting: config.cgroupRoot })
    const podsCgroup = await awaitPodsCgroup(config, root.path, log, () => false)
    log.info({ ...root, podsCgroup }, 'the cgroups of the node')
    const ownership = takeOver(config.stateFolder, lockPorts(shim))
    undo.add(ownership.release)
    loaded.attach(podsCgroup)
    const looking: Looking = {
      parts,
      node: loaded,
      sources: opened,
      plane,
      dns,
      selfTest,
      ownership,
      root: root.path,
      podsCgroup,
    }
    const running = startReconcile(looking)
    reconcile = running
    const index = createCgroupIndex({ podsCgroup, nowMs: monotonicMs })
    attribution = createAttribution({
      ofCgroup: (id) => {
        const uid = index.uidOf(id)
        return uid === undefined ? undefined : ownerOf(opened.source, () => reconcile, uid)
      },
      ofNetns: (cookie) => {
        const known = running.byCookie(cookie)
        return known && ownerOfKnown(known)
      },
      namesOf: dns?.namesOf ?? (() => []),
    })
    const drain = (): void =>
      loaded.kernel.drainEvents((summary) => {
        const known = attribution?.attribute(summary)
        if (known) record.recorder.connection(known)
      })
    const drainer = setInterval(drain, config.eventsIntervalMs).unref()
    const where = config.controlEnabled ? await control.open(plane) : undefined
    undo.add(() => {
      clearInterval(drainer)
      drain()
    })
    readiness = 'the workloads have not all been looked at yet'
    const passes = looksAt(looking, running, config, undo)
    isReady = passes.isReady
    record.metrics.captured('ebpf')
    log.info({ generation: ownership.generation, adminPort, control: where, node: config.nodeName }, 'the agent serves')
    let ending: Promise<void> | undefined
    const end = async (): Promise<void> => {
      isReady = () => false
      readiness = 'the agent ends'
      removesPins = config.onStop === 'remove' && ownership.isOwner()
      await endAll(running, ownership, plane, config)
      await undo.all()
    }
    return {
      adminPort,
      control: where,
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
