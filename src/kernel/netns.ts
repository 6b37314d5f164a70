/** A workload's network namespace, through the shim: listeners, upstream sockets, addresses. */
import { UnderstudyError } from '../errors.ts'
import { errorName, type Shim } from './shim.ts'

export interface Netns {
  /** -1 is our own. */
  readonly fd: number
  /** Throws KERNEL_CALL_FAILED before Linux 5.14. */
  netnsCookie(): bigint
  /** A listening socket in the given cgroup ('': our own) with LISTEN_* flags, or a negative number: -errno. */
  listen(cgroupProcs: string, address: string, port: number, backlog: number, flags?: number): number
  /** A non-blocking socket without our mark that has begun to connect from a cgroup, or -errno. */
  connectFrom(cgroupProcs: string, address: string, port: number): number
  /** Sends one SYN from a cgroup; 0, or -errno where none went out. */
  knock(cgroupProcs: string, address: string, port: number): number
  /** A UDP socket in the given cgroup, bound to this very port, for dgram's `bind({ fd })`; or -errno. */
  listenUdp(cgroupProcs: string, address: string, port: number, flags?: number): number
  /** An unconnected socket for an upstream leg, or -errno. */
  makeSocket(ipv6: boolean, source: string, mark: number): number
  /** An unbound UDP socket for questions of our own to a name server, or -errno. */
  makeUdpSocket(ipv6: boolean, mark: number): number
  /**
   * The same, bound to any address, this machine's or not: a descriptor, or -errno. `port` is 0 unless one was to be
   * chosen now.
   */
  makeSocketAs(source: string, mark: number, withPort: boolean): { readonly fd: number; readonly port: number }
  sourceTowards(address: string): string
  readProcNet(name: string): string
  /** Whether a listening socket still is one: whoever may do so ends it with `ss --kill`, and its owner is not told. */
  isListening(fd: number): boolean
  /** Closes a descriptor that a function above returned and nobody has adopted. */
  closeFd(fd: number): void
  close(): void
}

/** What is accepted keeps the address it was sent to (UNDERSTUDY_TRANSPARENT of native/shim.h). */
export const LISTEN_TRANSPARENT = 1
/** Two sockets may share the port, and the younger gets what arrives: the elder then only finishes what it has. */
export const LISTEN_REUSEPORT = 2
/**
 * Bound only: for Kernel.startListener. One that shares a port would otherwise get connections before it is marked, and
 * those have no record.
 */
export const LISTEN_LATER = 4
const TEXT_BYTES = 64
const PROC_NET_BYTES = 1024 * 1024

/** `/run/netns/NAME` for a name as `ip netns` gives it; a path stays a path. */
export const netnsPath = (nameOrPath: string): string =>
  nameOrPath.includes('/') ? nameOrPath : `/run/netns/${nameOrPath}`

/** Opens a namespace file; without one, our own. Throws NETNS_UNREADABLE. */
export const openNetns = (shim: Shim, path: string | undefined): Netns => {
  const fd = path === undefined ? -1 : shim.raw('understudy_open_netns', path)
  if (path !== undefined && fd < 0) {
    throw new UnderstudyError('NETNS_UNREADABLE', `cannot open the network namespace ${path}: ${errorName(fd)}`, {
      remedy: 'Give a name that `ip netns list` shows, or the path of a namespace file such as /proc/PID/ns/net.',
    })
  }
  return netnsOf(shim, fd)
}

/** A namespace that is open already: the descriptor becomes this one's, whose close() closes it. */
export const netnsOf = (shim: Shim, fd: number): Netns => {
  return {
    fd,
    netnsCookie: () => {
      const cookie = Buffer.alloc(8)
      shim.call('understudy_netns_cookie', fd, cookie)
      return cookie.readBigUInt64LE(0)
    },
    listen: (cgroupProcs, address, port, backlog, flags = 0) =>
      shim.raw('understudy_listen', cgroupProcs, fd, address, port, backlog, flags),
    connectFrom: (cgroupProcs, address, port) => shim.raw('understudy_connect', cgroupProcs, fd, address, port),
    knock: (cgroupProcs, address, port) => shim.raw('understudy_knock', cgroupProcs, fd, address, port),
    listenUdp: (cgroupProcs, address, port, flags = 0) =>
      shim.raw('understudy_listen_udp', cgroupProcs, fd, address, port, flags),
    makeUdpSocket: (ipv6, mark) => shim.raw('understudy_udp_socket', fd, ipv6 ? 1 : 0, mark),
    makeSocket: (ipv6, source, mark) => shim.raw('understudy_socket', fd, ipv6 ? 1 : 0, mark, source),
    makeSocketAs: (source, mark, withPort) => {
      const port = Buffer.from([withPort ? 1 : 0, 0])
      const result = shim.raw('understudy_socket_as', fd, mark, source, port)
      return { fd: result, port: result < 0 ? 0 : port.readUInt16BE(0) }
    },
    sourceTowards: (address) => {
      const text = Buffer.alloc(TEXT_BYTES)
      const length = shim.raw('understudy_source_address', fd, address, text, TEXT_BYTES)
      return length > 0 ? text.toString('latin1', 0, length) : ''
    },
    readProcNet: (name) => {
      const bytes = Buffer.alloc(PROC_NET_BYTES)
      const length = shim.raw('understudy_read_proc_net', fd, name, bytes, PROC_NET_BYTES)
      return length > 0 ? bytes.toString('latin1', 0, length) : ''
    },
    isListening: (made) => shim.raw('understudy_is_listening', made) === 1,
    closeFd: (made) => void shim.raw('understudy_close_fd', made),
    close: () => {
      if (fd >= 0) shim.raw('understudy_close_fd', fd)
    },
  }
}
