/**
 * Inbound interception in the kernel: connections to a workload's own ports are handed to a proxy in the same network
 * namespace. One object per workload, so its maps belong to one namespace. Everything detaches and unloads with
 * `close()` or with the process, but for clsact filters (see `remains`), which harm nobody without us.
 */
import { readFileSync } from 'node:fs'
import { checkLayout } from './btf.ts'
import { explainAttach, explainLoad } from './explain.ts'
import { encodeOwnDial, INBOUND_COUNTERS, INBOUND_LAYOUTS, type OwnDial } from './inbound-layout.ts'
import { type InboundMode, type InboundPort, portTable } from './inbound-ports.ts'
import {
  EGRESS,
  findInterface,
  INGRESS,
  type InboundRemains,
  type TcAttachment,
  type TcHook,
  tcAttachment,
} from './inbound-tc.ts'
import { u32, u64 } from './integers.ts'
import { countersOf, identifier, type MockServerMap, startBeating, useMockServerMap } from './loaded-object.ts'
import type { Kernel } from './programs.ts'
import type { Shim } from './shim.ts'

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

const LOOKUP = 'steer_lookup'
const RECORD = 'record_inbound'
const ANSWER = 'answer_original_dst'
/** No program has this number: whoever calls with it is told EBADF. */
const CLOSED = -1
const flag = (on: boolean | undefined): Buffer => Buffer.from([on ? 1 : 0])

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

/** The programs that are on or off as one: what steers, and what keeps the record. */
const steering = (shim: Shim, handle: () => number, options: InboundOptions, tc: TcAttachment | undefined) => {
  let isRecording = false
  const attachToCgroup = (program: string): void => {
    const result = shim.raw('understudy_attach', handle(), program, options.listenerCgroup)
    if (result < 0) throw explainAttach(result, program, options.listenerCgroup, shim.takeLog())
  }
  const record = (): void => {
    if (isRecording) return
    attachToCgroup(RECORD)
    isRecording = true
    if (options.thirdParty) attachToCgroup(ANSWER)
  }
  return {
    attach: () => {
      record()
      if (tc) return tc.attach()
      const result = shim.raw('understudy_attach_netns', handle(), LOOKUP, options.netnsFd)
      if (result < 0) throw explainAttach(result, LOOKUP, 'the network namespace', shim.takeLog())
    },
    detach: () => {
      if (tc) tc.detach()
      else shim.raw('understudy_detach', handle(), LOOKUP)
    },
  }
}

/** Opens, configures and loads. Throws LAYOUT_MISMATCH, ATTACH_REFUSED (no such interface) and what loadKernel throws. */
export const loadInbound = (shim: Shim, options: InboundOptions): InboundKernel => {
  const isTc = options.mode === 'tc'
  const onto = isTc ? findInterface(shim, options.netnsFd, options.interface ?? '') : undefined
  const loaded = load(shim, options)
  let handle = loaded.handle
  const current = (): number => handle
  const identify = identifier(shim)
  const tc = onto && tcAttachment(shim, current, onto, options.hook ?? 'auto')
  const ports = portTable(shim, current, options.mode)
  const { attach, detach } = steering(shim, current, options, tc)
  let ticker: NodeJS.Timeout | undefined

  const setMap = (map: string, key: Buffer, value: Buffer): void => {
    shim.call('understudy_map_update', handle, map, key, value)
  }
  const entries = (map: string): number => shim.call('understudy_map_entries', handle, map)
  const markListener = (fd: number): void => setMap('inbound_listeners', u32(fd), u32(1))

  return {
    attach,
    get attachedBy() {
      return tc?.attachedBy()
    },
    setPorts: ports.set,
    markListener,
    assign: (appPort, listenerFd) => {
      const slot = ports.slotOf(appPort)
      if (isTc || slot === undefined) throw new RangeError(`port ${appPort} is not one of the ports to look up`)
      if (!options.thirdParty) markListener(listenerFd)
      shim.call('understudy_assign_socket', handle, 'inbound_sockets', slot, listenerFd)
    },
    ownDial: (dial) => setMap('own_dials', encodeOwnDial(dial), flag(true)),
    forgetDial: (dial) => void shim.raw('understudy_map_delete', handle, 'own_dials', encodeOwnDial(dial)),
    identify: (fd) => identify(handle, fd),
    startHeartbeat: () => {
      ticker = startBeating(shim, handle, options)
    },
    heartbeatAgeMs: () => shim.call('understudy_heartbeat_age', handle),
    drain: () => setMap('draining', u32(0), u32(1)),
    resume: () => setMap('draining', u32(0), u32(0)),
    detach,
    readCounters: () => countersOf(shim, handle, INBOUND_COUNTERS),
    readMapEntries: () => ({
      orig_dst: entries('orig_dst'),
      mockserver_orig_dst: entries('mockserver_orig_dst'),
      own_dials: entries('own_dials'),
    }),
    remains: () => {
      const leavesNothing = !tc || options.hook === 'tcx' || options.netnsPath === undefined
      return leavesNothing ? undefined : tc.remains(options.netnsPath)
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
