/**
 * Inbound interception in the kernel: connections to a workload's own ports are handed to a proxy in the same network
 * namespace. One object per workload, so its maps belong to one namespace. Everything detaches and unloads with
 * `close()` or with the process, but for clsact filters (see `remains`), which harm nobody without us.
 */
import type { Kernel } from './programs.ts'
import type { Shim } from './shim.ts'

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

/** A connection of the proxy's own to the application, as the application will see it. */
export interface OwnDial {
  /** The proxy's end, known after bind(). */
  readonly address: string
  readonly port: number
  readonly appPort: number
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
   * Call after the listeners accept, setPorts and startHeartbeat. Throws ATTACH_REFUSED; nothing stays attached then.
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
  /** The record of an accepted socket. undefined: none, so it did not come through us. */
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

/** Opens, configures and loads. Throws LAYOUT_MISMATCH, NOT_ROOT, KERNEL_FEATURE_MISSING or KERNEL_CALL_FAILED. */
export declare const loadInbound: (shim: Shim, options: InboundOptions) => InboundKernel

/** Removes what a dead process left on clsact, in words; empty when its namespace or its filters are gone. */
export declare const removeRemains: (shim: Shim, remains: InboundRemains) => string[]
