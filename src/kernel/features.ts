/**
 * Asks this kernel, through libbpf's probes, for each thing the BPF programs use. A probe loads the smallest program or
 * map that needs the feature, so the answer is the kernel's and not a version's.
 */
import type { Shim } from './shim.ts'

export type FeatureState = 'ok' | 'missing' | 'unknown'

/** One line of `understudy doctor`. */
export interface Finding {
  readonly feature: string
  readonly state: FeatureState
  /** What this machine has. */
  readonly here: string
  /** The kernel that brought it, such as `5.8`; empty where it is not a matter of the kernel. */
  readonly since: string
  /** Whether `understudy run` cannot do without. */
  readonly required: boolean
  /** What is done without it. */
  readonly instead: string
  readonly remedy: string
}

interface Probe {
  readonly feature: string
  readonly since: string
  readonly required?: false
  readonly instead?: string
  /** 1 there, 0 not, -errno not known. */
  ask(shim: Shim): number
}

/** Numbers of <linux/bpf.h>: enum bpf_prog_type, enum bpf_map_type, enum bpf_func_id. They never change. */
const CGROUP_SOCK_ADDR = 18
const SOCK_OPS = 13
const CGROUP_SOCK = 9
const SCHED_CLS = 3
const CGROUP_SOCKOPT = 25
const SK_LOOKUP = 30
const MAP = { lruHash: 9, lpmTrie: 11, skStorage: 24, ringbuf: 27 } as const
const HELPER = {
  getCurrentPidTgid: 14,
  getCurrentComm: 16,
  bind: 64,
  getCurrentCgroupId: 80,
  skLookupTcp: 84,
  skcLookupTcp: 99,
  skLookupUdp: 85,
  skStorageGet: 107,
  getNetnsCookie: 122,
  skAssign: 124,
  ringbufReserve: 131,
  skcToTcpSock: 137,
} as const

const program = (type: number) => (shim: Shim) => shim.raw('understudy_probe_program', type)
const map = (type: number) => (shim: Shim) => shim.raw('understudy_probe_map', type)
const helper = (type: number, number: number) => (shim: Shim) => shim.raw('understudy_probe_helper', type, number)
const onConnect = (number: number) => helper(CGROUP_SOCK_ADDR, number)

/** Several helpers that are of use only together. */
const all =
  (...asks: Probe['ask'][]): Probe['ask'] =>
  (shim) =>
    Math.min(...asks.map((ask) => ask(shim)))

const OWN_NETNS = -1
const NAMELESS = { required: false, instead: 'The process and its pid stay empty in records; all else works.' } as const

/** In the order of a connection: the hooks, what they remember, what they ask. */
const PROBES: readonly Probe[] = [
  { feature: 'connect hooks (CGROUP_SOCK_ADDR)', since: '4.17', ask: program(CGROUP_SOCK_ADDR) },
  { feature: 'socket hooks (SOCK_OPS)', since: '4.13', ask: program(SOCK_OPS) },
  { feature: 'release hook (CGROUP_SOCK)', since: '5.9', ask: program(CGROUP_SOCK) },
  { feature: 'map: socket storage', since: '5.2', ask: map(MAP.skStorage) },
  { feature: 'map: LRU hash', since: '4.10', ask: map(MAP.lruHash) },
  { feature: 'map: longest prefix', since: '4.11', ask: map(MAP.lpmTrie) },
  { feature: 'map: ring buffer', since: '5.8', ask: map(MAP.ringbuf) },
  { feature: 'connect: sk_lookup_tcp', since: '5.2', ask: onConnect(HELPER.skLookupTcp) },
  { feature: 'connect: sk_lookup_udp', since: '5.2', ask: onConnect(HELPER.skLookupUdp) },
  { feature: 'connect: sk_storage_get', since: '5.3', ask: onConnect(HELPER.skStorageGet) },
  { feature: 'connect: get_netns_cookie', since: '5.7', ask: onConnect(HELPER.getNetnsCookie) },
  { feature: 'connect: bind', since: '4.17', ask: onConnect(HELPER.bind) },
  {
    feature: 'connect: process names',
    since: '6.1',
    ...NAMELESS,
    ask: all(onConnect(HELPER.getCurrentPidTgid), onConnect(HELPER.getCurrentComm)),
  },
  { feature: 'release: sk_storage_get', since: '5.9', ask: helper(CGROUP_SOCK, HELPER.skStorageGet) },
  { feature: 'sockets: sk_storage_get', since: '5.2', ask: helper(SOCK_OPS, HELPER.skStorageGet) },
  { feature: 'sockets: skc_to_tcp_sock', since: '5.9', ask: helper(SOCK_OPS, HELPER.skcToTcpSock) },
  { feature: 'sockets: ring buffer', since: '5.8', ask: helper(SOCK_OPS, HELPER.ringbufReserve) },
  {
    feature: 'inbound: sk_lookup programs',
    since: '5.9',
    required: false,
    instead: 'Inbound interception changes port numbers (tc).',
    ask: helper(SK_LOOKUP, HELPER.skAssign),
  },
  {
    feature: 'inbound: tc programs',
    since: '5.10',
    required: false,
    instead: 'Inbound interception chooses sockets (sk_lookup).',
    ask: all(helper(SCHED_CLS, HELPER.skcLookupTcp), helper(SCHED_CLS, HELPER.skStorageGet)),
  },
  {
    feature: 'inbound: getsockopt hook',
    since: '5.3',
    required: false,
    instead: 'A proxy that is not ours is not told where its clients were going.',
    ask: helper(CGROUP_SOCKOPT, HELPER.skStorageGet),
  },
  {
    feature: 'agent: namespace cookies',
    since: '5.14',
    required: false,
    instead: '`understudy agent` cannot tell pods apart; `understudy run` works.',
    ask: (shim) => (shim.raw('understudy_netns_cookie', OWN_NETNS, Buffer.alloc(8)) === 0 ? 1 : 0),
  },
  {
    feature: 'agent: cgroup ids of clients',
    since: '5.7',
    required: false,
    instead: 'Connections are known by the network namespace of their pod only.',
    ask: onConnect(HELPER.getCurrentCgroupId),
  },
]

const SERVE = 'Use `understudy serve` and point the program at it: no kernel side.'

const finding = (probe: Probe, answer: number): Finding => {
  const state = answer > 0 ? 'ok' : answer === 0 ? 'missing' : 'unknown'
  return {
    feature: probe.feature,
    state,
    here: { ok: 'there', missing: 'not in this kernel', unknown: `the kernel does not say (error ${-answer})` }[state],
    since: probe.since,
    required: probe.required ?? true,
    instead: state === 'ok' ? '' : (probe.instead ?? SERVE),
    remedy: state === 'ok' ? '' : `Linux ${probe.since} or newer, built with CONFIG_CGROUP_BPF and CONFIG_BPF_SYSCALL.`,
  }
}

/** Asks for every feature; takes tens of milliseconds and needs the rights to load programs. */
export const probeFeatures = (shim: Shim): Finding[] => PROBES.map((probe) => finding(probe, probe.ask(shim)))

/** The same lines where nobody could ask. */
export const unprobed = (why: string): Finding[] =>
  PROBES.map((probe) => ({ ...finding(probe, -1), here: `not asked: ${why}`, instead: '', remedy: '' }))
