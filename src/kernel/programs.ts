/**
 * The BPF programs of one run or agent: loaded, attached, told whom to intercept, asked where a connection was going.
 * Everything detaches and unloads with `close()` or with the process; only pins outlive it.
 */
import { readFileSync } from 'node:fs'
import type { ConnectionSummary, Endpoint } from '../flow.ts'
import { checkLayout } from './btf.ts'
import { explainAttach, explainLoad } from './explain.ts'
import { u32, u64 } from './integers.ts'
import {
  ASKED_SERVER,
  CONNECTION_EVENT,
  COUNTERS,
  decodeAskedServer,
  decodeConnectionEvent,
  encodeAsker,
} from './layout.ts'
import {
  countersOf,
  type Identity,
  identifier,
  type MockServerMap,
  startBeating,
  useMockServerMap,
} from './loaded-object.ts'
import { hooksInOrder, type NodeHooks, nodeHooks } from './node-hooks.ts'
import { type OpenConnection, readOpenConnections } from './open-connections.ts'
import { type PinState, type Pins, usePins } from './pins.ts'
import { type PolicyTable, policyTable } from './policy-table.ts'
import type { Shim } from './shim.ts'

export interface KernelOptions {
  readonly objectPath: string
  readonly heartbeatIntervalMs: number
  readonly heartbeatStaleMs: number
  /** Entries of the per-flow maps. */
  readonly flowCapacity: number
  /** Size of the events ring; a power of two and a multiple of the page size. */
  readonly ringBytes: number
  /** SO_MARK of the agent's own sockets; 0 = none. */
  readonly mark: number
  /** Policies by netns cookie (a node's agent), or one policy for all under the attached cgroup (a run). */
  readonly byNetns: boolean
  /** byNetns: never intercepted, whatever the policies say; the node's own. */
  readonly hostNetnsCookie?: bigint
  /** Connections under no policy are summed up, too, but for those on loopback. */
  readonly observesAll?: boolean
  /** Maps and links outlive the agent in the folder of this version (pinFolder) below this one; none are pinned unless told. */
  readonly pins?: string
  /** Also keep the map that MockServer reads, pinned here; see useMockServerMap. */
  readonly mockServerMapPath?: string
}

export interface Kernel extends PolicyTable, NodeHooks {
  /** What was pinned, and what an earlier agent had pinned. */
  readonly pins: PinState
  /**
   * Attaches the connect and getpeername programs at `workload`, the sockops program at `tree`, its parent; with `dns`
   * the sendmsg and recvmsg programs too, which run for each datagram of the workload that names an address.
   */
  attach(cgroups: { readonly workload: string; readonly tree: string }, options?: { readonly dns: boolean }): void
  /** For every listening socket of ours: those of connections, and those of DNS, UDP and TCP. */
  markListener(fd: number, policyId: number): void
  /** The same for a socket that was made with LISTEN_LATER; then it listens. Throws KERNEL_CALL_FAILED. */
  startListener(fd: number, policyId: number, backlog: number): void
  /**
   * The name server that was meant by a datagram from this source (an IP literal, its port), which the DNS listener of
   * the policy has received. Undefined where the kernel has no record. One native call.
   */
  askedResolver(policyId: number, address: string, port: number): Endpoint | undefined
  /** Pins the contract map, keyed by accepted socket cookie. */
  pinOriginalDestinations(path: string): void
  startHeartbeat(): void
  /** One native call: cookie and saved destination of an accepted socket. */
  identify(fd: number): Identity
  /** Hands over every summary in the ring; of a pinned ring nothing while another agent reads it. */
  drainEvents(each: (summary: ConnectionSummary) => void): void
  /** The connections that are open now; see readOpenConnections. */
  readOpenConnections(each: (connection: OpenConnection) => void): void
  readCounters(): Record<string, number>
  readMapEntries(): Record<string, number>
  heartbeatAgeMs(): number
  /** The shim's number of this object, for another object that shares its maps. */
  nativeHandle(): number
  /** Detaches and unloads; once more does nothing. */
  close(): void
}

const PROG_TYPE_CGROUP_SOCK_ADDR = 18
const HELPER_GET_CURRENT_PID_TGID = 14
const HELPER_GET_CURRENT_CGROUP_ID = 80
const EVENTS_PER_CALL = 2048

const flag = (on: boolean): Buffer => Buffer.from([on ? 1 : 0])

const setTunables = (shim: Shim, handle: number, options: KernelOptions): void => {
  const has = (helper: number): boolean => shim.raw('understudy_probe_helper', PROG_TYPE_CGROUP_SOCK_ADDR, helper) === 1
  const tunables: [string, Buffer][] = [
    ['heartbeat_stale_ns', u64(BigInt(options.heartbeatStaleMs) * 1_000_000n)],
    ['agent_mark', u32(options.mark)],
    ['by_netns', flag(options.byNetns)],
    ['names_process', flag(has(HELPER_GET_CURRENT_PID_TGID))],
    ['names_cgroup', flag(has(HELPER_GET_CURRENT_CGROUP_ID))],
    ['observes_all', flag(options.observesAll ?? false)],
    ['host_netns_cookie', u64(options.hostNetnsCookie ?? 0n)],
  ]
  for (const [name, value] of tunables) shim.call('understudy_set_tunable', handle, name, value, value.length)
}

interface Loaded {
  readonly handle: number
  readonly mockServerMap: MockServerMap
  readonly pins: Pins
}

/** Opens, configures and loads the object file. Throws LAYOUT_MISMATCH, NOT_ROOT, KERNEL_FEATURE_MISSING, PIN_MISMATCH
 * or, where the reason is another, KERNEL_CALL_FAILED. */
const load = (shim: Shim, options: KernelOptions): Loaded => {
  checkLayout(readFileSync(options.objectPath))
  const handle = shim.call('understudy_open', options.objectPath)
  let pins: Pins | undefined
  try {
    setTunables(shim, handle, options)
    const { flowCapacity, ringBytes } = options
    const capacities = { orig_dst: flowCapacity, in_flight: flowCapacity, events: ringBytes }
    for (const [map, entries] of Object.entries(capacities)) {
      shim.call('understudy_set_capacity', handle, map, entries)
    }
    const mockServerMap = useMockServerMap(shim, handle, options.mockServerMapPath, flowCapacity)
    pins = usePins(shim, handle, options.pins, capacities)
    const result = shim.raw('understudy_load', handle)
    if (result < 0) throw explainLoad(result, shim.takeLog())
    mockServerMap.pin()
    pins.pin()
    return { handle, mockServerMap, pins }
  } catch (error) {
    shim.raw('understudy_close', handle)
    throw error
  } finally {
    pins?.done()
  }
}

/** No program has this number: whoever calls with it is told EBADF. */
const CLOSED = -1

export const loadKernel = (shim: Shim, options: KernelOptions): Kernel => {
  const loaded = load(shim, options)
  let handle = loaded.handle
  const identify = identifier(shim)
  const asked = Buffer.alloc(ASKED_SERVER.size)
  const batch = Buffer.alloc(CONNECTION_EVENT.size * EVENTS_PER_CALL)
  let ticker: NodeJS.Timeout | undefined
  const hooks = nodeHooks(shim, () => handle, loaded.pins)

  const attachTo = (program: string, cgroup: string): void => {
    const result = shim.raw('understudy_attach', handle, program, cgroup)
    if (result < 0) throw explainAttach(result, program, cgroup, shim.takeLog())
  }

  return {
    ...policyTable(shim, () => handle),
    ...hooks,
    get pins() {
      return loaded.pins.state()
    },
    attach: ({ workload, tree }, { dns } = { dns: false }) => {
      for (const { hook, program } of hooksInOrder(dns)) attachTo(program, hook === 'sockops' ? tree : workload)
    },
    markListener: (fd, policyId) => {
      shim.call('understudy_mark_listener', handle, fd, policyId)
    },
    startListener: (fd, policyId, backlog) => {
      shim.call('understudy_start_listener', handle, fd, policyId, backlog)
    },
    askedResolver: (policyId, address, port) => {
      const key = encodeAsker(policyId, address, port)
      const result = shim.raw('understudy_map_lookup', handle, 'dns_asked', key, asked, asked.length)
      return result === 1 ? decodeAskedServer(asked) : undefined
    },
    pinOriginalDestinations: (path) => {
      shim.call('understudy_pin_map', handle, 'orig_dst', path)
    },
    startHeartbeat: () => {
      ticker = startBeating(shim, handle, options)
    },
    identify: (fd) => identify(handle, fd),
    drainEvents: (each) => {
      const offsetMs = Date.now() - Number(process.hrtime.bigint() / 1_000_000n)
      for (let count = EVENTS_PER_CALL; count === EVENTS_PER_CALL; ) {
        count = shim.raw('understudy_poll', handle, batch, batch.length)
        for (let i = 0; i < count; i++) each(decodeConnectionEvent(batch, i * CONNECTION_EVENT.size, offsetMs))
      }
    },
    readOpenConnections: (each) => readOpenConnections(shim, handle, each),
    readCounters: () => countersOf(shim, handle, COUNTERS),
    readMapEntries: () => ({
      orig_dst: shim.call('understudy_map_entries', handle, 'orig_dst'),
      in_flight: shim.call('understudy_map_entries', handle, 'in_flight'),
      client_slots: shim.call('understudy_map_entries', handle, 'client_slots'),
      dns_asked: shim.call('understudy_map_entries', handle, 'dns_asked'),
      policies: shim.call('understudy_map_entries', handle, 'policies'),
      excluded_cidrs: shim.call('understudy_map_entries', handle, 'excluded_cidrs'),
    }),
    heartbeatAgeMs: () => shim.call('understudy_heartbeat_age', handle),
    nativeHandle: () => handle,
    close: () => {
      if (handle === CLOSED) return
      clearInterval(ticker)
      hooks.disableCosts()
      loaded.mockServerMap.unpin()
      shim.raw('understudy_close', handle)
      handle = CLOSED // the number is soon another's
    },
  }
}
