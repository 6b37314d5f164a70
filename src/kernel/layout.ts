/**
 * The structs of bpf/include/contract.h as a table: field → offset and size. Encoders and decoders take every offset
 * from here; btf.ts compares the table with the object file's BTF before anything is attached.
 */
import type { CloseReason, ConnectionSummary, Endpoint, SavedDestination, Verdict } from '../flow.ts'
import { formatAddress, parseAddress } from './address.ts'

export interface Field {
  readonly offset: number
  readonly size: number
}
export interface StructLayout {
  readonly size: number
  readonly fields: Readonly<Record<string, Field>>
}

const at = (offset: number, size: number): Field => ({ offset, size })

export const ORIGINAL_DST = {
  size: 64,
  fields: {
    addr: at(0, 16),
    port: at(16, 2),
    family: at(18, 1),
    flags: at(19, 1),
    pid: at(20, 4),
    client_cookie: at(24, 8),
    netns_cookie: at(32, 8),
    born_ns: at(40, 8),
    comm: at(48, 16),
  },
} as const
export const MOCKSERVER_DST = { size: 6, fields: { addr: at(0, 4), port: at(4, 2) } } as const
export const POLICY = {
  size: 116,
  fields: {
    id: at(0, 4),
    flags: at(4, 4),
    listen_port4: at(8, 2),
    listen_port6: at(10, 2),
    dns_port4: at(12, 2),
    dns_port6: at(14, 2),
    port_range_count: at(16, 2),
    reserved: at(18, 2),
    source4: at(20, 16),
    source6: at(36, 16),
    excluded_ports: at(52, 64),
  },
} as const
export const CIDR_KEY = {
  size: 24,
  fields: { prefix_len: at(0, 4), policy_id: at(4, 4), addr: at(8, 16) },
} as const
export const LEG_KEY = {
  size: 24,
  fields: { source: at(0, 16), listener_id: at(16, 4), source_port: at(20, 2), listen_port: at(22, 2) },
} as const
export const ASKED_SERVER = {
  size: 40,
  fields: { addr: at(0, 16), port: at(16, 2), reserved: at(18, 6), cookie: at(24, 8), born_ns: at(32, 8) },
} as const
export const CLIENT_STATE = {
  size: 96,
  fields: {
    dst: at(0, 64),
    cgroup_id: at(64, 8),
    dialled: at(72, 16),
    listener_id: at(88, 4),
    dialled_port: at(92, 2),
    verdict: at(94, 1),
    established: at(95, 1),
  },
} as const
export const CLIENT_SLOT = {
  size: 112,
  fields: { owner: at(0, 8), state: at(8, 96), lock: at(104, 4), reserved: at(108, 4) },
} as const
export const CONNECTION_EVENT = {
  size: 152,
  fields: {
    dst: at(0, 64),
    source: at(64, 16),
    source_port: at(80, 2),
    verdict: at(82, 1),
    old_state: at(83, 1),
    error: at(84, 4),
    closed_ns: at(88, 8),
    bytes_sent: at(96, 8),
    bytes_received: at(104, 8),
    srtt_us: at(112, 4),
    retransmits: at(116, 4),
    cgroup_id: at(120, 8),
    dialled: at(128, 16),
    dialled_port: at(144, 2),
    reserved: at(146, 6),
  },
} as const

/** By the names the structs have in C. */
export const LAYOUTS: Readonly<Record<string, StructLayout>> = {
  original_dst: ORIGINAL_DST,
  mockserver_dst: MOCKSERVER_DST,
  policy: POLICY,
  cidr_key: CIDR_KEY,
  leg_key: LEG_KEY,
  asked_server: ASKED_SERVER,
  client_state: CLIENT_STATE,
  client_slot: CLIENT_SLOT,
  connection_event: CONNECTION_EVENT,
}

/** enum verdict, in order; the counters that are not verdicts follow. */
export const VERDICTS: readonly Verdict[] = [
  'redirected',
  'not_enrolled',
  'own_traffic',
  'loopback',
  'link_local',
  'bound_device',
  'excluded_port',
  'excluded_cidr',
  'agent_stale',
  'no_listener',
  'no_record',
  'failed_closed',
  'not_unicast',
]
export const COUNTERS: readonly string[] = [
  ...VERDICTS,
  'accepted',
  'accept_unknown',
  'in_flight_full',
  'orig_dst_full',
  'storage_full',
  'events',
  'events_dropped',
  'source_not_bound',
  'mockserver_full',
  'dns_redirected',
  'dns_excluded',
  'dns_no_agent',
  'dns_no_state',
  'dns_no_record',
  'slot_taken',
  'no_state',
]

export const POLICY_FAIL_CLOSED = 1
export const POLICY_INTERCEPT_LOOPBACK = 2
export const POLICY_INTERCEPT_LINK_LOCAL = 4
export const POLICY_HAS_EXCLUDED_CIDRS = 8
export const MAX_PORT_RANGES = 16
export const CLIENT_SLOTS = 16384
const SOURCE_BOUND = 1

/** This machine's byte order; all Linux targets of Node are little-endian but s390x, which this does not serve. */
const decodeName = (bytes: Buffer, start: number, size: number): string => {
  let end = start
  while (end < start + size && bytes[end] !== 0) end++
  return bytes.toString('latin1', start, end)
}

/** Decodes struct original_dst at `base`. */
export const decodeOriginalDst = (bytes: Buffer, base: number, via: SavedDestination['via']): SavedDestination => {
  const f = ORIGINAL_DST.fields
  return {
    destination: {
      address: formatAddress(bytes, base + f.addr.offset),
      port: bytes.readUInt16BE(base + f.port.offset),
    },
    process: {
      pid: bytes.readUInt32LE(base + f.pid.offset),
      name: decodeName(bytes, base + f.comm.offset, f.comm.size),
    },
    clientCookie: bytes.readBigUInt64LE(base + f.client_cookie.offset),
    connectedAtNs: bytes.readBigUInt64LE(base + f.born_ns.offset),
    sourceBound: ((bytes[base + f.flags.offset] ?? 0) & SOURCE_BOUND) !== 0,
    via,
  }
}

/** The netns cookie of a struct original_dst at `base`. */
export const decodeNetnsCookie = (bytes: Buffer, base: number): bigint =>
  bytes.readBigUInt64LE(base + ORIGINAL_DST.fields.netns_cookie.offset)

export interface PolicyRecord {
  readonly id: number
  readonly flags: number
  readonly listenPort4: number
  readonly listenPort6: number
  /** The DNS listeners', UDP and TCP alike; 0 = DNS is like other traffic. */
  readonly dnsPort4: number
  readonly dnsPort6: number
  /** IP literals; empty = leave the source alone. */
  readonly source4: string
  readonly source6: string
  /** Inclusive, at most MAX_PORT_RANGES. */
  readonly excludedPorts: readonly { readonly first: number; readonly last: number }[]
}

export const encodePolicy = (policy: PolicyRecord): Buffer => {
  const f = POLICY.fields
  const bytes = Buffer.alloc(POLICY.size)
  bytes.writeUInt32LE(policy.id, f.id.offset)
  bytes.writeUInt32LE(policy.flags, f.flags.offset)
  bytes.writeUInt16BE(policy.listenPort4, f.listen_port4.offset)
  bytes.writeUInt16BE(policy.listenPort6, f.listen_port6.offset)
  bytes.writeUInt16BE(policy.dnsPort4, f.dns_port4.offset)
  bytes.writeUInt16BE(policy.dnsPort6, f.dns_port6.offset)
  bytes.writeUInt16LE(policy.excludedPorts.length, f.port_range_count.offset)
  if (policy.source4) parseAddress(policy.source4).copy(bytes, f.source4.offset)
  if (policy.source6) parseAddress(policy.source6).copy(bytes, f.source6.offset)
  policy.excludedPorts.slice(0, MAX_PORT_RANGES).forEach((range, index) => {
    bytes.writeUInt16LE(range.first, f.excluded_ports.offset + index * 4)
    bytes.writeUInt16LE(range.last, f.excluded_ports.offset + index * 4 + 2)
  })
  return bytes
}

/** What {@link encodePolicy} wrote, at `base`: of no more port ranges than there is room for. */
export const decodePolicy = (bytes: Buffer, base = 0): PolicyRecord => {
  const f = POLICY.fields
  const source = (field: Field): string => {
    const end = base + field.offset + field.size
    return bytes.subarray(base + field.offset, end).every((byte) => byte === 0)
      ? ''
      : formatAddress(bytes, base + field.offset)
  }
  const count = Math.min(bytes.readUInt16LE(base + f.port_range_count.offset), MAX_PORT_RANGES)
  const ranges = base + f.excluded_ports.offset
  return {
    id: bytes.readUInt32LE(base + f.id.offset),
    flags: bytes.readUInt32LE(base + f.flags.offset),
    listenPort4: bytes.readUInt16BE(base + f.listen_port4.offset),
    listenPort6: bytes.readUInt16BE(base + f.listen_port6.offset),
    dnsPort4: bytes.readUInt16BE(base + f.dns_port4.offset),
    dnsPort6: bytes.readUInt16BE(base + f.dns_port6.offset),
    source4: source(f.source4),
    source6: source(f.source6),
    excludedPorts: Array.from({ length: count }, (_, i) => ({
      first: bytes.readUInt16LE(ranges + i * 4),
      last: bytes.readUInt16LE(ranges + i * 4 + 2),
    })),
  }
}

/** The key of one excluded CIDR; `prefix` counts bits of the address as written (0–32 or 0–128). */
export const encodeCidr = (policyId: number, address: string, prefix: number): Buffer => {
  const f = CIDR_KEY.fields
  const bytes = Buffer.alloc(CIDR_KEY.size)
  const mapped = address.includes(':') ? prefix : prefix + 96
  bytes.writeUInt32LE(32 + mapped, f.prefix_len.offset)
  bytes.writeUInt32LE(policyId, f.policy_id.offset)
  parseAddress(address).copy(bytes, f.addr.offset)
  return bytes
}

/** The key of dns_asked: where a datagram came from, as the DNS listener of that policy sees it. */
export const encodeAsker = (policyId: number, address: string, port: number): Buffer => {
  const f = LEG_KEY.fields
  const bytes = Buffer.alloc(LEG_KEY.size)
  parseAddress(address).copy(bytes, f.source.offset)
  bytes.writeUInt32LE(policyId, f.listener_id.offset)
  bytes.writeUInt16LE(port, f.source_port.offset)
  return bytes
}

/** Decodes struct asked_server: the name server an application meant. */
export const decodeAskedServer = (bytes: Buffer): Endpoint => {
  const f = ASKED_SERVER.fields
  return { address: formatAddress(bytes, f.addr.offset), port: bytes.readUInt16BE(f.port.offset) }
}

/** Where a SYN went; undefined where none was seen, or we redirected it. */
export const decodeDialled = (bytes: Buffer, address: number, port: number): Endpoint | undefined => {
  const number = bytes.readUInt16BE(port)
  return number === 0 ? undefined : { address: formatAddress(bytes, address), port: number }
}

/** The verdict with this number; one that a newer program has given is `no_record`. */
export const verdictOf = (number: number | undefined): Verdict => VERDICTS[number ?? -1] ?? 'no_record'

/** TCP states, include/net/tcp_states.h. */
const SYN_SENT = 2
const FIN_STATES = new Set([4, 5, 6, 9, 11]) // FIN_WAIT1, FIN_WAIT2, TIME_WAIT, LAST_ACK, CLOSING
const REASONS: Readonly<Record<number, CloseReason>> = {
  32: 'reset', // EPIPE: a reset that met our closed half
  101: 'unreachable',
  104: 'reset',
  110: 'timed_out',
  111: 'refused',
  113: 'unreachable',
}

const closeReason = (error: number, oldState: number): CloseReason => {
  if (error !== 0) return REASONS[error] ?? 'other'
  return FIN_STATES.has(oldState) ? 'orderly' : 'aborted'
}

/**
 * Decodes struct connection_event at `base`.
 * @param offsetMs wall clock minus CLOCK_MONOTONIC, milliseconds
 */
export const decodeConnectionEvent = (bytes: Buffer, base: number, offsetMs: number): ConnectionSummary => {
  const f = CONNECTION_EVENT.fields
  const saved = decodeOriginalDst(bytes, base + f.dst.offset, 'map')
  const closedAtNs = bytes.readBigUInt64LE(base + f.closed_ns.offset)
  const oldState = bytes[base + f.old_state.offset] ?? 0
  const dialled = decodeDialled(bytes, base + f.dialled.offset, base + f.dialled_port.offset)
  return {
    kind: 'connection',
    endedAtMs: Number(closedAtNs / 1_000_000n) + offsetMs,
    cookie: saved.clientCookie,
    process: saved.process,
    destination: saved.destination,
    source: {
      address: formatAddress(bytes, base + f.source.offset),
      port: bytes.readUInt16LE(base + f.source_port.offset),
    },
    verdict: verdictOf(bytes[base + f.verdict.offset]),
    closeReason: closeReason(bytes.readUInt32LE(base + f.error.offset), oldState),
    bytesSent: Number(bytes.readBigUInt64LE(base + f.bytes_sent.offset)),
    bytesReceived: Number(bytes.readBigUInt64LE(base + f.bytes_received.offset)),
    durationMs: Number(closedAtNs - saved.connectedAtNs) / 1e6,
    established: oldState !== SYN_SENT,
    srttUs: bytes.readUInt32LE(base + f.srtt_us.offset),
    retransmits: bytes.readUInt32LE(base + f.retransmits.offset),
    ...(dialled && { dialled }),
    cgroupId: bytes.readBigUInt64LE(base + f.cgroup_id.offset),
    netnsCookie: decodeNetnsCookie(bytes, base + f.dst.offset),
  }
}
