/**
 * Inbound interception in the kernel: connections to a workload's own ports are handed to a proxy in the same network
 * namespace. One object per workload, so its maps belong to one namespace. Everything detaches and unloads with
 * `close()` or with the process, but for clsact filters (see `remains`), which harm nobody without us.
 */
import { fstatSync, readFileSync, statSync } from 'node:fs'
import { UnderstudyError } from '../errors.ts'
import { checkLayout } from './btf.ts'
import { explainAttach, explainLoad } from './explain.ts'
import {
  encodeInboundPort,
  encodeOwnDial,
  encodePort,
  INBOUND_COUNTERS,
  INBOUND_LAYOUTS,
  MAX_INBOUND_PORTS,
  type OwnDial,
} from './inbound-layout.ts'
import { countersOf, identifier, type MockServerMap, startBeating, useMockServerMap } from './loaded-object.ts'
import type { Kernel } from './programs.ts'
import { errorName, type Shim } from './shim.ts'

/** How connections are handed over: `tc` changes port numbers on an interface, `sk_lookup` chooses the socket. */
export type InboundMode = 'tc' | 'sk_lookup'
/** Where the tc programs hang: tcx links (Linux 6.6), which vanish with the process, or filters of a clsact qdisc. */
export type TcHook = 'tcx' | 'clsact'

export interface InboundOptions {
  /** build/inbound.bpf.o */
  readonly objectPath: string
  readonly mode: InboundMode
  /** The workload's namespace: a descriptor that stays open as long as this; -1 is our own. */
  readonly netnsFd: number
  /** The same as a path, for `remains` only. */
  readonly netnsPath?: string
  /** tc only: the interface that clients come in by, such as `eth0`. Ethernet (veth) only. */
  readonly interface?: string
  /** tc only. `auto` (the default) takes tcx where the kernel has it. */
  readonly hook?: TcHook | 'auto'
  /** cgroup2 folder of whoever listens: our listeners', or the third-party proxy's. */
  readonly listenerCgroup: string
  /** The outbound programs of this process, if loaded: then both write one `orig_dst`, and `identify` answers for both. */
  readonly main?: Pick<Kernel, 'nativeHandle'>
  /** SO_MARK of packets that are left alone in both directions; 0 = none. A listener must not carry it. */
  readonly mark: number
  readonly heartbeatIntervalMs: number
  readonly heartbeatStaleMs: number
  /** Entries of the per-flow maps that are not shared with `main`. */
  readonly flowCapacity: number
  /**
   * The listeners belong to a proxy that knows nothing of us: any listener on a proxy port is taken for it, and
   * getsockopt(SO_ORIGINAL_DST) is answered in `listenerCgroup`. Otherwise only listeners given to `markListener`
   * (tc) or `assign` (sk_lookup) get connections.
   */
  readonly thirdParty: boolean
  /** sk_lookup only: drop what no listener of ours can take, instead of leaving it to the application. */
  readonly failClosed?: boolean
  /**
   * Also keep a map as MockServer reads it (cookie of the accepted socket → IPv4 address and port, 6 bytes, network
   * order), pinned here. A fitting map that is pinned there already is used and left behind.
   */
  readonly mockServerMapPath?: string
}

/** `proxyPort` is where the proxy listens for `appPort`; tc needs one of its own per application port. */
export interface InboundPort {
  readonly appPort: number
  /** Not used by sk_lookup, where the proxy may listen on any port; give 0. */
  readonly proxyPort: number
}

/** What a killed process leaves behind when it hung on clsact: enough for `removeRemains` to find it, and only it. */
export interface InboundRemains {
  readonly netnsPath: string
  /** Inode of the namespace: another one may have the path by now. */
  readonly netnsInode: string
  readonly ifindex: number
  /** Of the ingress and the egress program. */
  readonly programIds: readonly [number, number]
  /** There was no clsact qdisc before us. */
  readonly madeQdisc: boolean
}

/** Where a proxied connection goes on is read with the main programs' `identify`, or here, from the accepted socket. */
export interface InboundKernel {
  /**
   * Starts steering: tc egress before ingress; sk_lookup's link; before either the programs that keep the record.
   * Call after the listeners accept, setPorts and startHeartbeat. Throws ATTACH_REFUSED; then nothing is steered.
   */
  attach(): void
  /** Where the tc programs hang; undefined before attach and with sk_lookup. */
  readonly attachedBy: TcHook | undefined
  /** Replaces the ports. Connections of a port that is gone are no longer proxied: drain first. Throws RangeError. */
  setPorts(ports: readonly InboundPort[]): void
  /** tc, own listeners: this listening socket is ours. Its accepted sockets inherit that. */
  markListener(fd: number): void
  /**
   * sk_lookup: connections to `appPort` go to this listening socket, whatever address and port it is bound to. One per
   * address family; a dual-stack IPv6 socket takes both. A socket that is closed leaves by itself.
   */
  assign(appPort: number, listenerFd: number): void
  /** sk_lookup: let this connection through to the application; call before connect(). */
  ownDial(dial: OwnDial): void
  forgetDial(dial: OwnDial): void
  /** The record of an accepted socket; none means that it did not come through us. */
  identify: Kernel['identify']
  startHeartbeat(): void
  heartbeatAgeMs(): number
  /** No new connection is steered; established ones go on (tc: as long as this stays attached). */
  drain(): void
  /** Undoes drain(). */
  resume(): void
  /** Ingress before egress; only what is ours. Then attach() may be called again. */
  detach(): void
  /** By the names of INBOUND_COUNTERS. */
  readCounters(): Record<string, number>
  readMapEntries(): Record<string, number>
  /** Write this down before attach() and forget it after detach(); undefined where nothing can be left behind. */
  remains(): InboundRemains | undefined
  /** Detaches, unpins what it pinned, unloads; once more does nothing. */
  close(): void
}

const INGRESS = 'steer_ingress'
const EGRESS = 'restore_egress'
const LOOKUP = 'steer_lookup'
const RECORD = 'record_inbound'
const ANSWER = 'answer_original_dst'
/** No program has this number: whoever calls with it is told EBADF. */
const CLOSED = -1
/** What a kernel without tcx says to its attach types. */
const NO_TCX = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUPP'])

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

const flag = (on: boolean | undefined): Buffer => Buffer.from([on ? 1 : 0])

const netnsInode = (fd: number): string =>
  String((fd < 0 ? statSync('/proc/self/ns/net', { bigint: true }) : fstatSync(fd, { bigint: true })).ino)

/** Why these ports cannot be, or undefined. */
const portsFault = (ports: readonly InboundPort[], mode: InboundMode): string | undefined => {
  if (ports.length > MAX_INBOUND_PORTS) return `at most ${MAX_INBOUND_PORTS} ports can be intercepted`
  const apps = new Set(ports.map(({ appPort }) => appPort))
  if (apps.size < ports.length) return 'a port is named twice'
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535
  if (![...apps].every(isPort)) return 'a port is a number from 1 to 65535'
  if (mode === 'sk_lookup') return undefined
  const proxies = new Set(ports.map(({ proxyPort }) => proxyPort))
  if (![...proxies].every(isPort)) return 'a proxy port is a number from 1 to 65535'
  if (proxies.size < ports.length) return 'two ports of the application need two of the proxy'
  return [...proxies].some((port) => apps.has(port)) ? "a proxy port is one of the application's" : undefined
}

const configure = (shim: Shim, handle: number, options: InboundOptions): MockServerMap => {
  const isTc = options.mode === 'tc'
  const skipped = [...(isTc ? [LOOKUP] : [INGRESS, EGRESS]), ...(options.thirdParty ? [] : [ANSWER])]
  for (const program of skipped) shim.call('understudy_skip_program', handle, program)
  const tunables: [string, Buffer][] = [
    ['heartbeat_stale_ns', u64(BigInt(options.heartbeatStaleMs) * 1_000_000n)],
    ['agent_mark', u32(options.mark)],
    ['any_listener', flag(options.thirdParty)],
    ['keeps_port', flag(!isTc)],
    ['fails_closed', flag(options.failClosed)],
  ]
  for (const [name, value] of tunables) shim.call('understudy_set_tunable', handle, name, value, value.length)
  if (options.main) {
    for (const map of ['orig_dst', 'accepted'])
      shim.call('understudy_share_map', handle, map, options.main.nativeHandle())
  } else {
    shim.call('understudy_set_capacity', handle, 'orig_dst', options.flowCapacity)
  }
  return useMockServerMap(shim, handle, options.mockServerMapPath, options.flowCapacity)
}

const load = (shim: Shim, options: InboundOptions): { handle: number; mockServerMap: MockServerMap } => {
  checkLayout(readFileSync(options.objectPath), INBOUND_LAYOUTS)
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

/** The index of the interface to hang on; 0 where none is needed. Throws ATTACH_REFUSED. */
const findInterface = (shim: Shim, { mode, netnsFd, interface: name = '' }: InboundOptions): number => {
  if (mode !== 'tc') return 0
  const result = shim.raw('understudy_interface', netnsFd, name)
  if (result > 0) return result
  const errno = errorName(result)
  const why = errno === 'EPROTONOSUPPORT' ? 'it is not an Ethernet device' : errno
  throw new UnderstudyError('ATTACH_REFUSED', `cannot intercept on the interface "${name}": ${why}`, {
    remedy: 'Name the interface that clients come in by, as `ip link` shows it in the workload.',
    facts: { interface: name, errno },
  })
}

/** The tc programs on and off the interface: egress first on, ingress first off. */
const tcAttachment = (shim: Shim, handle: number, options: InboundOptions, ifindex: number) => {
  const { netnsFd, hook = 'auto' } = options
  let attachedBy: TcHook | undefined
  let madeQdisc = false

  const attachBoth = (call: 'understudy_attach_tcx' | 'understudy_attach_clsact'): number => {
    const out = shim.raw(call, handle, EGRESS, netnsFd, ifindex, 1)
    if (out < 0) return out
    const inward = shim.raw(call, handle, INGRESS, netnsFd, ifindex, 0)
    if (inward < 0) shim.raw('understudy_detach', handle, EGRESS)
    return inward
  }
  const removeQdisc = (): void => {
    if (madeQdisc) shim.raw('understudy_remove_clsact', netnsFd, ifindex)
    madeQdisc = false
  }
  const refuse = (result: number, by: TcHook): never => {
    throw explainAttach(result, `${INGRESS} and ${EGRESS} (${by})`, options.interface ?? '', shim.takeLog())
  }
  const byClsact = (): void => {
    const made = shim.raw('understudy_make_clsact', netnsFd, ifindex)
    if (made < 0) refuse(made, 'clsact')
    madeQdisc = made === 1
    const result = attachBoth('understudy_attach_clsact')
    if (result < 0) {
      removeQdisc()
      refuse(result, 'clsact')
    }
    attachedBy = 'clsact'
  }
  return {
    attachedBy: () => attachedBy,
    attach: () => {
      if (hook === 'clsact') return byClsact()
      const result = attachBoth('understudy_attach_tcx')
      if (result >= 0) attachedBy = 'tcx'
      else if (hook === 'auto' && NO_TCX.has(errorName(result))) byClsact()
      else refuse(result, 'tcx')
    },
    detach: () => {
      for (const program of [INGRESS, EGRESS]) shim.raw('understudy_detach', handle, program)
      removeQdisc()
      attachedBy = undefined
    },
  }
}

/** Opens, configures and loads. Throws LAYOUT_MISMATCH, ATTACH_REFUSED (no such interface) and what loadKernel throws. */
export const loadInbound = (shim: Shim, options: InboundOptions): InboundKernel => {
  const ifindex = findInterface(shim, options)
  const loaded = load(shim, options)
  let handle = loaded.handle
  const identify = identifier(shim)
  const isTc = options.mode === 'tc'
  const tc = tcAttachment(shim, handle, options, ifindex)
  const hadQdisc = isTc && shim.raw('understudy_has_clsact', options.netnsFd, ifindex) === 1
  /** appPort → proxy port and slot. */
  let known = new Map<number, { readonly proxyPort: number; readonly slot: number }>()
  let ticker: NodeJS.Timeout | undefined
  let isRecording = false

  const attachToCgroup = (program: string): void => {
    const result = shim.raw('understudy_attach', handle, program, options.listenerCgroup)
    if (result < 0) throw explainAttach(result, program, options.listenerCgroup, shim.takeLog())
  }
  const record = (): void => {
    if (isRecording) return
    attachToCgroup(RECORD)
    isRecording = true
    if (options.thirdParty) attachToCgroup(ANSWER)
  }
  const setDraining = (on: boolean): void => {
    shim.call('understudy_map_update', handle, 'draining', u32(0), u32(on ? 1 : 0))
  }
  const forgetPort = (appPort: number, { proxyPort, slot }: { proxyPort: number; slot: number }): void => {
    shim.raw('understudy_map_delete', handle, 'inbound_ports', encodePort(appPort))
    if (isTc) shim.raw('understudy_map_delete', handle, 'proxy_ports', encodePort(proxyPort))
    for (const index of [slot * 2, slot * 2 + 1]) {
      if (!isTc) shim.raw('understudy_map_delete', handle, 'inbound_sockets', u32(index))
    }
  }
  const setPorts = (ports: readonly InboundPort[]): void => {
    const fault = portsFault(ports, options.mode)
    if (fault) throw new RangeError(fault)
    const wanted = new Map(ports.map(({ appPort, proxyPort }) => [appPort, isTc ? proxyPort : 0]))
    for (const [appPort, port] of known) if (wanted.get(appPort) !== port.proxyPort) forgetPort(appPort, port)
    const kept = [...known].filter(([appPort, port]) => wanted.get(appPort) === port.proxyPort)
    known = new Map(kept)
    const taken = new Set([...known.values()].map(({ slot }) => slot))
    let slot = 0
    for (const [appPort, proxyPort] of wanted) {
      if (known.has(appPort)) continue
      while (taken.has(slot)) slot++
      taken.add(slot)
      // The way back first: an answer must never leave with the proxy's port.
      if (isTc) shim.call('understudy_map_update', handle, 'proxy_ports', encodePort(proxyPort), encodePort(appPort))
      shim.call(
        'understudy_map_update',
        handle,
        'inbound_ports',
        encodePort(appPort),
        encodeInboundPort(proxyPort, slot),
      )
      known.set(appPort, { proxyPort, slot })
    }
  }
  const detach = (): void => {
    if (isTc) tc.detach()
    else shim.raw('understudy_detach', handle, LOOKUP)
  }
  const markListener = (fd: number): void => {
    shim.call('understudy_map_update', handle, 'inbound_listeners', u32(fd), u32(1))
  }

  return {
    attach: () => {
      record()
      if (isTc) return tc.attach()
      const result = shim.raw('understudy_attach_netns', handle, LOOKUP, options.netnsFd)
      if (result < 0) throw explainAttach(result, LOOKUP, 'the network namespace', shim.takeLog())
    },
    get attachedBy() {
      return tc.attachedBy()
    },
    setPorts,
    markListener,
    assign: (appPort, listenerFd) => {
      const port = known.get(appPort)
      if (isTc || !port) throw new RangeError(`port ${appPort} is not one of the ports to look up`)
      if (!options.thirdParty) markListener(listenerFd)
      shim.call('understudy_assign_socket', handle, 'inbound_sockets', port.slot, listenerFd)
    },
    ownDial: (dial) => {
      shim.call('understudy_map_update', handle, 'own_dials', encodeOwnDial(dial), flag(true))
    },
    forgetDial: (dial) => {
      shim.raw('understudy_map_delete', handle, 'own_dials', encodeOwnDial(dial))
    },
    identify: (fd) => identify(handle, fd),
    startHeartbeat: () => {
      ticker = startBeating(shim, handle, options)
    },
    heartbeatAgeMs: () => shim.call('understudy_heartbeat_age', handle),
    drain: () => setDraining(true),
    resume: () => setDraining(false),
    detach,
    readCounters: () => countersOf(shim, handle, INBOUND_COUNTERS),
    readMapEntries: () => ({
      orig_dst: shim.call('understudy_map_entries', handle, 'orig_dst'),
      mockserver_orig_dst: shim.call('understudy_map_entries', handle, 'mockserver_orig_dst'),
      own_dials: shim.call('understudy_map_entries', handle, 'own_dials'),
    }),
    remains: () => {
      if (!isTc || options.hook === 'tcx' || options.netnsPath === undefined) return undefined
      const id = (program: string): number => shim.call('understudy_program_id', handle, program)
      return {
        netnsPath: options.netnsPath,
        netnsInode: netnsInode(options.netnsFd),
        ifindex,
        programIds: [id(INGRESS), id(EGRESS)],
        madeQdisc: !hadQdisc,
      }
    },
    close: () => {
      if (handle === CLOSED) return
      clearInterval(ticker)
      detach()
      loaded.mockServerMap.unpin()
      shim.raw('understudy_close', handle)
      handle = CLOSED // the number is soon another's
    },
  }
}

/** Removes what a dead process left on clsact, in words; empty when its namespace or its filters are gone. */
export const removeRemains = (shim: Shim, remains: InboundRemains): string[] => {
  const fd = shim.raw('understudy_open_netns', remains.netnsPath)
  if (fd < 0) return []
  try {
    if (netnsInode(fd) !== remains.netnsInode) return []
    const where = `interface ${remains.ifindex} of ${remains.netnsPath}`
    const removed = remains.programIds.flatMap((id, egress) => {
      const done = shim.raw('understudy_remove_filter', fd, remains.ifindex, egress, id) === 1
      return done ? [`filter ${egress ? EGRESS : INGRESS} on ${where}`] : []
    })
    const isQdiscGone = remains.madeQdisc && shim.raw('understudy_remove_clsact', fd, remains.ifindex) === 1
    return isQdiscGone ? [...removed, `clsact qdisc on ${where}`] : removed
  } finally {
    shim.raw('understudy_close_fd', fd)
  }
}
