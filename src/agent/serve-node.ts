/** The part of an agent that stands once its programs are attached: it looks at workloads, and at what the kernel reports. */
import type { Dns } from '../dns/dns.ts'
import { netnsOf } from '../kernel/netns.ts'
import type { Shim } from '../kernel/shim.ts'
import { lockPorts } from '../run/rules-left.ts'
import type { Undo } from '../run/undo.ts'
import type { DataPlane } from '../understudy.ts'
import { ownCgroup, procsOf } from '../workloads/cgroup.ts'
import { createCgroupFinder } from '../workloads/pods/find-cgroup.ts'
import { openVerified } from '../workloads/pods/find-netns.ts'
import { createCgroupIndex } from '../workloads/pods/pod-of-cgroup.ts'
import type { WorkloadFacts, WorkloadSource } from '../workloads/source.ts'
import type { AgentOptions } from './agent.ts'
import { type Attribution, createAttribution, type Owner } from './connections.ts'
import { type Enrolment, enrol, remainsIn } from './enrolment.ts'
import { judge } from './judge.ts'
import type { Known } from './known.ts'
import { createLocate, type Locate } from './locate.ts'
import type { NodeKernel } from './node-kernel.ts'
import type { Ownership } from './ownership.ts'
import { createPolicyIds } from './policy-ids.ts'
import { createReconcile, type Reconcile } from './reconcile.ts'
import type { AgentRecord } from './record.ts'
import type { SelfTest } from './self-test.ts'
import type { Sources } from './sources.ts'
import { createUntilClock } from './until-clock.ts'

export interface NodeParts {
  readonly options: AgentOptions
  readonly shim: Shim
  readonly record: AgentRecord
  readonly node: NodeKernel
  readonly sources: Sources
  readonly plane: DataPlane
  readonly dns: Dns | undefined
  readonly selfTest: SelfTest
  readonly ownership: Ownership
  /** The cgroup2 mount, and the folder of all pods. */
  readonly root: string
  readonly podsCgroup: string
}

/** Milliseconds between two walks through the whole cgroup hierarchy. */
const WALK_EVERY_MS = 1000

const monotonicMs = (): number => performance.now()

const proving =
  ({ selfTest, node: { kernel, listeners }, record: { agent: metrics } }: NodeParts) =>
  async ({ netns, testDestinations, place }: Enrolment): Promise<string | undefined> => {
    const result = await selfTest.run(netns, procsOf(listeners), testDestinations)
    metrics.selfTest(result.kind === 'other_agent' ? 'passed' : result.kind)
    if (result.kind !== 'failed') return undefined
    const missing = place.cgroup === undefined ? [] : kernel.hooksMissingAt(place.cgroup)
    return missing.length > 0 ? `${result.why}; our programs do not run at ${missing.join(', ')}` : result.why
  }

export const createNodeLocate = ({ options, root, podsCgroup }: NodeParts): Locate =>
  createLocate({
    finder: createCgroupFinder({ root, podsCgroup: () => podsCgroup }),
    procFolder: options.config.procFolder,
    walkEveryMs: WALK_EVERY_MS,
    nowMs: monotonicMs,
  })

/** The network namespace of a workload as it is now; undefined where there is none of its own. */
export const netnsCookieOf =
  (shim: Shim, locate: Locate) =>
  async (facts: WorkloadFacts): Promise<bigint | undefined> => {
    const place = await locate(facts)
    const fd = place.kind === 'found' ? openVerified(place) : undefined
    if (fd === undefined) return undefined
    const netns = netnsOf(shim, fd)
    try {
      return netns.netnsCookie()
    } finally {
      netns.close()
    }
  }

export const createNodeReconcile = (parts: NodeParts, locate: Locate): Reconcile => {
  const { options, shim, record, node, sources, plane, dns, ownership } = parts
  const { config } = options
  const { kernel, listeners, hostNetnsCookie } = node
  const { source, events } = sources
  const { log, agent: metrics } = record
  const context = {
    ...{ config, shim, log, kernel, plane, dns, listeners, hostNetnsCookie },
    nextId: createPolicyIds(kernel),
    noteRemains: remainsIn(`${process.pid}-${Date.now().toString(36)}`, ownCgroup(), lockPorts(shim)),
  }
  const until = createUntilClock(config.stateFolder, Date.now, (err) =>
    log.warn({ err }, 'since when a pod has its `until` cannot be written down'),
  )
  return createReconcile({
    ...{ source, events, metrics, log, prove: proving(parts) },
    judge: (facts) => judge(facts, source.namespaceLabels(facts.namespace), config),
    locate,
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

const ownerByCgroup = (source: WorkloadSource, reconcile: Reconcile, cgroupUid: string): Owner | undefined => {
  // Of a static pod the cgroup has another name than the pod's UID.
  const facts = source.get(cgroupUid) ?? [...source.all()].find((one) => one.cgroupUid === cgroupUid)
  if (!facts) return undefined
  const { name, namespace, uid } = facts
  const workload = reconcile.get(uid)?.enrolment?.workload
  return { name, namespace, uid, ...(workload ? { workload } : {}) }
}

const ownerOf = ({ name, namespace, uid, enrolment }: Known): Owner => ({
  ...{ name, namespace, uid },
  ...(enrolment ? { workload: enrolment.workload } : {}),
})

const createNodeAttribution = (
  { sources: { source }, dns, podsCgroup }: NodeParts,
  reconcile: Reconcile,
): Attribution => {
  const index = createCgroupIndex({ podsCgroup, nowMs: monotonicMs })
  return createAttribution({
    ofCgroup: (id) => {
      const uid = index.uidOf(id)
      return uid === undefined ? undefined : ownerByCgroup(source, reconcile, uid)
    },
    ofNetns: (cookie) => {
      const known = reconcile.byCookie(cookie)
      return known && ownerOf(known)
    },
    namesOf: dns?.namesOf ?? (() => []),
  })
}

/** Reads the kernel's summaries of connections as they come, with whose they were. */
export const followConnections = (parts: NodeParts, reconcile: Reconcile, undo: Undo): Attribution => {
  const { node, record, options } = parts
  const attribution = createNodeAttribution(parts, reconcile)
  const drain = (): void =>
    node.kernel.drainEvents((summary) => {
      const known = attribution.attribute(summary)
      if (known) record.recorder.connection(known)
    })
  const drainer = setInterval(drain, options.config.eventsIntervalMs).unref()
  undo.add(() => {
    clearInterval(drainer)
    drain()
  })
  return attribution
}
