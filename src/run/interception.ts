/** The kernel side of one run: its pin, its listeners in the workload's namespace, its policy. */
import { mkdirSync, statfsSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import type { InboundKernel } from '../kernel/inbound.ts'
import {
  POLICY_FAIL_CLOSED,
  POLICY_HAS_EXCLUDED_CIDRS,
  POLICY_INTERCEPT_LINK_LOCAL,
  POLICY_INTERCEPT_LOOPBACK,
} from '../kernel/layout.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Kernel } from '../kernel/programs.ts'
import type { Shim } from '../kernel/shim.ts'
import type { KernelReading } from '../record/metrics-kernel.ts'
import type { DataPlane } from '../understudy.ts'
import type { ListenerCgroup } from '../workloads/cgroup.ts'
import { PIN_FOLDER, type RunState } from '../workloads/run-state.ts'
import { sourceAddress } from '../workloads/source-address.ts'
import type { DnsPorts } from './dns.ts'
import { adopt, BACKLOG, listenIn } from './listening.ts'

const BPF_FS_MAGIC = 0xcafe4a11
const BPFFS = '/sys/fs/bpf'
/** There is one workload in a run. */
export const WORKLOAD_ID = 1

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
  'dns_no_agent',
  'dns_no_state',
  'dns_no_record',
]

/** Of the inbound programs; `draining` and the like are no faults. */
const INBOUND_FAULTS = [
  'agent_stale',
  'no_listener',
  'stranger',
  'ip_options',
  'fragment',
  'extension_header',
  'vlan',
  'truncated',
  'not_rewritten',
  'not_assigned',
  'orig_dst_full',
  'storage_full',
  'mockserver_full',
]

const isBpffs = (path: string): boolean => {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC
  } catch {
    return false
  }
}

/** Pins the contract map where other programs look for it. Without bpffs everything else still works. */
export const pinMap = (shim: Shim, kernel: Kernel, state: RunState, log: Logger): void => {
  try {
    if (!isBpffs(BPFFS)) shim.call('understudy_mount_bpffs', BPFFS)
    mkdirSync(PIN_FOLDER, { recursive: true, mode: 0o700 })
    mkdirSync(state.pins, { mode: 0o700 })
    kernel.pinOriginalDestinations(`${state.pins}/orig_dst`)
  } catch (error) {
    log.warn({ err: error, folder: state.pins }, 'the map of original destinations is not pinned')
  }
}

/** What sets the listeners of one way of capturing apart from another's. */
export interface Listening {
  readonly isTransparent: boolean
  /** Marks a socket on a port that two agents share, and has it listen; without it, the port is ours alone. */
  readonly startShared?: (fd: number, backlog: number) => void
  readonly markListener: (fd: number) => void
}

/** In a new namespace lo is down: nothing would ever arrive here, however well it can be listened on. */
export const requireLoopback = (netns: Netns): void => {
  if (netns.sourceTowards('127.0.0.1') !== '') return
  throw new UnderstudyError(
    'ADDRESS_UNAVAILABLE',
    '127.0.0.1 cannot be reached in the network namespace of the workload',
    {
      remedy: 'Run `ip link set lo up` there.',
    },
  )
}

/** Listens on both loopbacks inside the workload's namespace, and marks the sockets as ours for the guard. */
export const openListeners = async (
  plane: Pick<DataPlane, 'createServer'>,
  { isTransparent, startShared, markListener }: Listening,
  netns: Netns,
  cgroup: ListenerCgroup,
  config: Config,
): Promise<{ port4: number; port6: number }> => {
  requireLoopback(netns)
  const open = async (address: string): Promise<number> => {
    // A transparent socket may be bound to what is not there: IPv6 that is switched off would look as if it were on.
    if (netns.sourceTowards(address) === '') return 0
    const isShared = startShared !== undefined
    const fd = listenIn(netns, cgroup, { address, port: config.listenPort, key: 'listenPort', isTransparent, isShared })
    if (fd === undefined) return 0
    startShared?.(fd, BACKLOG)
    const port = await adopt(plane.createServer({ isTransparent }), fd)
    markListener(fd)
    return port
  }
  return { port4: await open('127.0.0.1'), port6: await open('::1') }
}

/** Where our listeners are; 0 where the namespace has no such family, or DNS is left alone. */
export interface ListenPorts extends DnsPorts {
  readonly port4: number
  readonly port6: number
}

/** Tells the programs whom to intercept, and where to send them. */
export const setPolicy = (kernel: Kernel, netns: Netns, config: Config, ports: ListenPorts): void => {
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
    dnsPort4: ports.dnsPort4,
    dnsPort6: ports.dnsPort6,
    source4: sourceAddress(4, netns),
    source6: sourceAddress(6, netns),
    excludedPorts: config.excludePorts.map(({ from, to }) => ({ first: from, last: to })),
  })
}

/** What `/metrics` shows of the kernel side. */
export const readingOf = (kernel: Kernel, inbound?: InboundKernel): KernelReading => {
  const counters = kernel.readCounters()
  const own = inbound?.readCounters() ?? {}
  const inboundFaults = inbound ? INBOUND_FAULTS.map((name) => [`inbound_${name}`, own[name] ?? 0] as const) : []
  return {
    faults: Object.fromEntries([
      ...FAULT_COUNTERS.map((name) => [name, counters[name] ?? 0] as const),
      ...inboundFaults,
    ]),
    mapEntries: { ...inbound?.readMapEntries(), ...kernel.readMapEntries() },
    events: counters['events'] ?? 0,
    eventsDropped: counters['events_dropped'] ?? 0,
    eventsDroppedBy: { no_state: counters['no_state'] ?? 0 },
    heartbeatAgeMs: kernel.heartbeatAgeMs(),
  }
}
