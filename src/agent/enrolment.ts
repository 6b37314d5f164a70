/**
 * One intercepted workload: the descriptor of its network namespace, our listeners in it, its DNS, its own ports, and last
 * its policy, which sends connections there. Undone in the opposite order.
 */
import type { Logger } from 'pino'
import type { PodPolicy } from '../config/annotations.ts'
import { excludedRanges } from '../config/excluded-ranges.ts'
import type { Config } from '../config/schema.ts'
import type { Dns } from '../dns/dns.ts'
import { UnderstudyError } from '../errors.ts'
import type { Endpoint, Workload } from '../flow.ts'
import {
  encodePolicy,
  POLICY_FAIL_CLOSED,
  POLICY_HAS_EXCLUDED_CIDRS,
  POLICY_INTERCEPT_LINK_LOCAL,
  POLICY_INTERCEPT_LOOPBACK,
  type PolicyRecord,
} from '../kernel/layout.ts'
import { type Netns, netnsOf } from '../kernel/netns.ts'
import type { Kernel } from '../kernel/programs.ts'
import type { Shim } from '../kernel/shim.ts'
import { NO_DNS, type RunDns, serveRunDns } from '../run/dns.ts'
import { type InboundRun, prepareInbound } from '../run/inbound.ts'
import { openListeners, requireLoopback } from '../run/interception.ts'
import { createUndo, type Undo } from '../run/undo.ts'
import type { DataPlane, Site } from '../understudy.ts'
import type { ListenerCgroup } from '../workloads/cgroup.ts'
import { openVerified } from '../workloads/pods/find-netns.ts'
import { type RunState, recordRun } from '../workloads/run-state.ts'
import type { WorkloadFacts } from '../workloads/source.ts'
import { sourceAddress } from '../workloads/source-address.ts'
import type { Place } from './locate.ts'
import { testDestinations } from './self-test.ts'

/** What all enrolments of an agent share. */
export interface EnrolmentContext {
  readonly config: Config
  readonly shim: Shim
  readonly log: Logger
  readonly kernel: Kernel
  readonly plane: DataPlane
  readonly dns: Dns | undefined
  readonly listeners: ListenerCgroup
  readonly hostNetnsCookie: bigint
  /** A number for a policy that no other has, of ours or of an elder agent's. */
  readonly nextId: () => number
  /** Writes down what inbound interception leaves in a namespace, should this process be killed. */
  readonly noteRemains: (id: number) => Pick<RunState, 'leaves' | 'noteRoutes' | 'remove'>
}

/** What a policy is made of; where it changes, the workload is enrolled anew. */
export const shapeOf = (policy: PodPolicy): string => {
  const { mode: _, until: __, ...shape } = policy
  return JSON.stringify(shape)
}

export interface Enrolment {
  readonly place: Place
  readonly workload: Workload
  readonly netns: Netns
  readonly netnsCookie: bigint
  /** Where a connection that is to prove interception can go, past nothing that the policy leaves alone. */
  readonly testDestinations: readonly Endpoint[]
  readonly shape: string
  /** Labels or mode have changed. */
  describe(facts: WorkloadFacts, policy: PodPolicy): void
  /** Puts right what is not as it should be, and names it. Throws what cannot be put right. */
  repair(): ('listener' | 'policy')[]
  /** Ours is the policy in force. */
  isInForce(): boolean
  /** Takes the policy out of force: new connections go direct, unless it is to fail closed while nobody is there; inbound ones always. */
  lift(why: 'opt_out' | 'gone' | 'handed_over' | 'stopped'): void
  /**
   * The same, then closes. opt_out: connections go on to their end. gone: with the workload, so do its connections. handed_over: another agent has
   * the policy by now. stopped: nobody has it; the policy of a workload that fails closed stays.
   */
  end(why: 'opt_out' | 'gone' | 'handed_over' | 'stopped', graceMs: number): Promise<void>
}

/** A connection between its connect() and accept() has this long. */
const SETTLE_MS = 200

const workloadOf = (id: number, facts: WorkloadFacts, policy: PodPolicy, { podMode }: Config): Workload => ({
  id,
  name: facts.name,
  namespace: facts.namespace,
  labels: facts.labels,
  uid: facts.uid,
  mode: policy.mode ?? podMode,
})

const failsClosed = (policy: PodPolicy, config: Config): boolean => (policy.fail ?? config.failMode) === 'closed'

const openNetns = (shim: Shim, place: Place, facts: WorkloadFacts, hostNetnsCookie: bigint) => {
  const fd = openVerified(place)
  if (fd === undefined) {
    throw new UnderstudyError('NETNS_UNREADABLE', `the network namespace of ${facts.name} is gone or another by now`, {
      remedy: 'Nothing need be done: it is looked for again.',
    })
  }
  const netns = netnsOf(shim, fd)
  try {
    const netnsCookie = netns.netnsCookie()
    if (netnsCookie !== hostNetnsCookie) return { netns, netnsCookie }
    throw new UnderstudyError('NETNS_UNREADABLE', `the network namespace of ${facts.name} is the node's own`, {
      remedy: 'Pods with hostNetwork: true cannot be intercepted.',
    })
  } catch (error) {
    netns.close()
    throw error
  }
}

interface Opened {
  readonly site: Site
  readonly inbound?: InboundRun
  readonly served?: RunDns
  readonly ports: { readonly port4: number; readonly port6: number }
  /** Descriptors of the listening sockets, which are the servers'. */
  readonly listening: readonly number[]
}

/** Everything in the namespace; the policy is still to come. What was made when it throws is in `undo`. */
const openIn = async (
  context: EnrolmentContext,
  facts: WorkloadFacts,
  policy: PodPolicy,
  made: { readonly netns: Netns; readonly workload: Workload; readonly place: Place },
  undo: Undo,
): Promise<Opened> => {
  const { config, shim, log, kernel, plane, dns, listeners } = context
  const { netns, workload, place } = made
  requireLoopback(netns)
  let served: RunDns | undefined
  const { agentMark: mark } = config
  const inbound = await openInbound(context, policy, made, undo)
  const ips = new Set(facts.ips)
  const site = plane.addSite({
    workload,
    direction: 'outbound',
    identify: kernel.identify,
    makeSocket: (ipv6, source) => netns.makeSocket(ipv6, source, mark),
    lookUp: (name, done) =>
      served
        ? served.lookUp(name, done)
        : done(Object.assign(new Error(`${name}: DNS is off`), { code: 'ENOTFOUND' }), undefined),
    isLocal: (address) => address.startsWith('127.') || address === '::1' || ips.has(address),
    maxConnections: config.maxConnectionsPerPod,
    ...(inbound ? { inbound: inbound.plane } : {}),
  })
  undo.add(() => site.close(0))
  const listening: number[] = []
  const marking = {
    isTransparent: false,
    markListener: (fd: number) => {
      listening.push(fd)
      kernel.markListener(fd, workload.id)
    },
    // An elder agent may listen there.
    ...(config.listenPort === 0
      ? {}
      : { startShared: (fd: number, backlog: number) => kernel.startListener(fd, workload.id, backlog) }),
  }
  const ports = await openListeners(site, marking, netns, listeners, config)
  if (policy.dns && dns) {
    const etc = place.pid === undefined ? {} : { etc: `${config.procFolder}/${place.pid}/root/etc` }
    served = await serveRunDns(dns, { workload, netns, cgroup: listeners, kernel, mark, ...etc })
    undo.add(served.close)
  }
  await inbound?.open(site)
  for (const line of shim.takeLog()) log.debug({ component: 'libbpf', line }, 'libbpf')
  return { site, ports, listening, ...(inbound ? { inbound } : {}), ...(served ? { served } : {}) }
}

const openInbound = async (
  context: EnrolmentContext,
  policy: PodPolicy,
  { netns, workload }: { readonly netns: Netns; readonly workload: Workload },
  undo: Undo,
): Promise<InboundRun | undefined> => {
  if (policy.inboundPorts.length === 0) return undefined
  const { config, shim, log, kernel, listeners, noteRemains } = context
  const state = noteRemains(workload.id)
  undo.add(() => state.remove())
  const ports = policy.inboundPorts.map((port) => ({ port, proxyPort: 0, proxyProtocol: 'none' as const }))
  return prepareInbound({
    shim,
    config: { ...config, inbound: { ...config.inbound, ports, external: false } },
    netns,
    netnsPath: undefined,
    cgroup: listeners,
    main: kernel,
    state,
    undo,
    log,
    ownMark: config.agentMark,
  })
}

const recordOf = (
  context: EnrolmentContext,
  policy: PodPolicy,
  { netns, workload }: { readonly netns: Netns; readonly workload: Workload },
  { ports, served }: Opened,
): PolicyRecord => {
  const { config } = context
  const cidrs = config.excludeCidrs.length + policy.excludeCidrs.length
  const excludePorts = [...config.excludePorts, ...policy.excludePorts]
  const wanted = { excludePorts, dns: served !== undefined, ...(policy.ports ? { ports: policy.ports } : {}) }
  return {
    id: workload.id,
    flags:
      (failsClosed(policy, config) ? POLICY_FAIL_CLOSED : 0) |
      (config.interceptLoopback ? POLICY_INTERCEPT_LOOPBACK : 0) |
      (config.interceptLinkLocal ? POLICY_INTERCEPT_LINK_LOCAL : 0) |
      (cidrs > 0 ? POLICY_HAS_EXCLUDED_CIDRS : 0),
    listenPort4: ports.port4,
    listenPort6: ports.port6,
    ...(served?.ports ?? NO_DNS),
    source4: sourceAddress(4, netns),
    source6: sourceAddress(6, netns),
    excludedPorts: excludedRanges(wanted).map(({ from, to }) => ({ first: from, last: to })),
  }
}

const isSame = (a: PolicyRecord | undefined, b: PolicyRecord): boolean =>
  a !== undefined && encodePolicy(a).equals(encodePolicy(b))

/** Puts the policy in force; whatever an elder agent had for the namespace goes. Throws MAP_FULL. */
const enforce = (
  { kernel, config }: EnrolmentContext,
  policy: PodPolicy,
  netnsCookie: bigint,
  record: PolicyRecord,
) => {
  const before = kernel.policyOf(netnsCookie)
  // On a shared port the number stays, and what the workload excluded before is not what it excludes now.
  if (before?.id === record.id) kernel.includeCidrs(record.id)
  try {
    for (const { address, prefix } of [...config.excludeCidrs, ...policy.excludeCidrs]) {
      kernel.excludeCidr(record.id, address, prefix)
    }
    kernel.setPolicy(netnsCookie, record)
  } catch (error) {
    kernel.includeCidrs(record.id)
    throw error
  }
  if (before && before.id !== record.id) kernel.includeCidrs(before.id)
}

/** On a port that two agents share, the look-up for a listener finds either's: both then have the same number. */
const idFor = ({ kernel, config, nextId }: EnrolmentContext, netnsCookie: bigint): number =>
  (config.listenPort === 0 ? undefined : kernel.policyOf(netnsCookie)?.id) ?? nextId()

/** Intercepts a workload. Throws an UnderstudyError that says why it cannot be, with nothing left behind. */
export const enrol = async (
  context: EnrolmentContext,
  facts: WorkloadFacts,
  policy: PodPolicy,
  place: Place,
): Promise<Enrolment> => {
  const { kernel, shim, config } = context
  const undo = createUndo(() => context.log)
  const { netns, netnsCookie } = openNetns(shim, place, facts, context.hostNetnsCookie)
  undo.add(netns.close)
  /** Who looks at it later sees what it has become: it is changed in place. */
  const workload = workloadOf(idFor(context, netnsCookie), facts, policy, config)
  let record: PolicyRecord
  let opened: Opened
  try {
    opened = await openIn(context, facts, policy, { netns, workload, place }, undo)
    record = recordOf(context, policy, { netns, workload }, opened)
    enforce(context, policy, netnsCookie, record)
  } catch (error) {
    await undo.all()
    throw error
  }
  const { site, listening } = opened
  const isInForce = (): boolean => isSame(kernel.policyOf(netnsCookie), record)
  const lift = (why: Parameters<Enrolment['end']>[0]): void => {
    // A connection that is handed to a listener of ours while that closes would be reset.
    opened.inbound?.kernel.drain()
    const stays = why === 'handed_over' || (why === 'stopped' && failsClosed(policy, config))
    if (stays || kernel.policyOf(netnsCookie)?.id !== workload.id) return
    kernel.removePolicy(netnsCookie)
    kernel.includeCidrs(workload.id)
  }
  return {
    place,
    workload,
    netns,
    netnsCookie,
    testDestinations: testDestinations(record, [...config.excludeCidrs, ...policy.excludeCidrs]),
    shape: shapeOf(policy),
    describe: (now, changed) => void Object.assign(workload, workloadOf(workload.id, now, changed, config)),
    isInForce,
    lift,
    repair: () => {
      if (!site.isListening() || !listening.every(netns.isListening)) return ['listener']
      if (isInForce()) return []
      enforce(context, policy, netnsCookie, record)
      return ['policy']
    },
    end: async (why, graceMs) => {
      lift(why)
      if (why !== 'gone') await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      await site.close(why === 'gone' ? 0 : graceMs)
      await undo.all()
    },
  }
}

/** For {@link EnrolmentContext.noteRemains}: a file of its own for each, swept by the next start. */
export const remainsIn =
  (agentId: string, cgroupParent: string, ports: Parameters<typeof recordRun>[2]): EnrolmentContext['noteRemains'] =>
  (id) =>
    recordRun(`${agentId}-${id}`, cgroupParent, ports)
