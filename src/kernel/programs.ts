/**
 * The BPF programs of one run or agent: loaded, attached, told whom to intercept, asked where a connection was going.
 * Everything detaches and unloads with `close()` or with the process; only pins outlive it.
 */
import { readFileSync } from 'node:fs'
import type { ConnectionSummary, Endpoint } from '../flow.ts'
import { checkLayout } from './btf.ts'
import { explainAttach, explainLoad } from './explain.ts'
import {
  ASKED_SERVER,
  CONNECTION_EVENT,
  COUNTERS,
  decodeAskedServer,
  decodeConnectionEvent,
  encodeAsker,
  encodeCidr,
  encodePolicy,
  type PolicyRecord,
} from './layout.ts'
import {
  countersOf,
  type Identity,
  identifier,
  type MockServerMap,
  startBeating,
  useMockServerMap,
} from './loaded-object.ts'
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
  /** Also keep the map that MockServer reads, pinned here; see useMockServerMap. */
  readonly mockServerMapPath?: string
}

export interface Kernel {
  /**
   * Attaches the connect and getpeername programs at `workload`, the sockops program at `tree`, its parent; with `dns`
   * the sendmsg and recvmsg programs too, which run for each datagram of the workload that names an address.
   */
  attach(cgroups: { readonly workload: string; readonly tree: string }, options?: { readonly dns: boolean }): void
  /** Key 0n is the policy of whatever the programs are attached to. */
  setPolicy(netnsCookie: bigint, policy: PolicyRecord): void
  excludeCidr(policyId: number, address: string, prefix: number): void
  /** For every listening socket of ours: those of connections, and those of DNS, UDP and TCP. */
  markListener(fd: number, policyId: number): void
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
  /** Hands over every summary in the ring. */
  drainEvents(each: (summary: ConnectionSummary) => void): void
  readCounters(): Record<string, number>
  readMapEntries(): Record<string, number>
  heartbeatAgeMs(): number
  /** The shim's number of this object, for another object that shares its maps. */
  nativeHandle(): number
  /** Detaches and unloads; once more does nothing. */
  close(): void
}

const CONNECT_PROGRAMS = [
  'redirect_connect4',
  'redirect_connect6',
  'forget_released',
  'restore_peername4',
  'restore_peername6',
] as const
/** What restores goes before what redirects: no answer may come from an address that nobody asked. */
const DATAGRAM_PROGRAMS = ['restore_source4', 'restore_source6', 'redirect_sendmsg4', 'redirect_sendmsg6'] as const
const SOCKOPS_PROGRAM = 'follow_sockets'
const PROG_TYPE_CGROUP_SOCK_ADDR = 18
const HELPER_GET_CURRENT_PID_TGID = 14
const EVENTS_PER_CALL = 2048

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const configure = (shim: Shim, handle: number, options: KernelOptions): MockServerMap => {
  const named = shim.raw('understudy_probe_helper', PROG_TYPE_CGROUP_SOCK_ADDR, HELPER_GET_CURRENT_PID_TGID) === 1
  const tunables: [string, Buffer][] = [
    ['heartbeat_stale_ns', u64(BigInt(options.heartbeatStaleMs) * 1_000_000n)],
    ['agent_mark', u32(options.mark)],
    ['by_netns', Buffer.from([options.byNetns ? 1 : 0])],
    ['names_process', Buffer.from([named ? 1 : 0])],
  ]
  for (const [name, value] of tunables) shim.call('understudy_set_tunable', handle, name, value, value.length)
  shim.call('understudy_set_capacity', handle, 'orig_dst', options.flowCapacity)
  shim.call('understudy_set_capacity', handle, 'in_flight', options.flowCapacity)
  shim.call('understudy_set_capacity', handle, 'events', options.ringBytes)
  return useMockServerMap(shim, handle, options.mockServerMapPath, options.flowCapacity)
}

/** Opens, configures and loads the object file. Throws LAYOUT_MISMATCH, NOT_ROOT, KERNEL_FEATURE_MISSING or, where the
 * reason is another, KERNEL_CALL_FAILED. */
const load = (shim: Shim, options: KernelOptions): { handle: number; mockServerMap: MockServerMap } => {
  checkLayout(readFileSync(options.objectPath))
  const handle = shim.call('understudy_open', options.objectPath)
  try {
    const mockServerMap = configure(shim, handle, options)
    const result = shim.raw('understudy_load', handle)
    if (result < 0) throw explainLoad(result, shim.takeLog())
    mockServerMap.pin()
    return { handle, mockServerMap }
  } catch (error) {
    shim.raw('understudy_close', handle)
    throw error
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

  const attachTo = (program: string, cgroup: string): void => {
    const result = shim.raw('understudy_attach', handle, program, cgroup)
    if (result < 0) throw explainAttach(result, program, cgroup, shim.takeLog())
  }

  return {
    attach: ({ workload, tree }, { dns } = { dns: false }) => {
      // The record path first: a redirected connection must never find it missing.
      attachTo(SOCKOPS_PROGRAM, tree)
      if (dns) for (const program of DATAGRAM_PROGRAMS) attachTo(program, workload)
      for (const program of CONNECT_PROGRAMS.toReversed()) attachTo(program, workload)
    },
    setPolicy: (netnsCookie, policy) => {
      shim.call('understudy_map_update', handle, 'policies', u64(netnsCookie), encodePolicy(policy))
    },
    excludeCidr: (policyId, address, prefix) => {
      const key = encodeCidr(policyId, address, prefix)
      shim.call('understudy_map_update', handle, 'excluded_cidrs', key, Buffer.from([1]))
    },
    markListener: (fd, policyId) => {
      shim.call('understudy_mark_listener', handle, fd, policyId)
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
      loaded.mockServerMap.unpin()
      shim.raw('understudy_close', handle)
      handle = CLOSED // the number is soon another's
    },
  }
}
