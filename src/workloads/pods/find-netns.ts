/** The network namespace of a pod, by its processes: that of the oldest one whose namespace has an address of the pod. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalIp, localIpv4, localIpv6, tellsPodsApart } from './local-addresses.ts'
import { startTimeOf } from './process-stat.ts'

export interface FoundNetns {
  readonly kind: 'found'
  readonly pid: number
  /** Clock ticks since the machine started. */
  readonly startTime: number
  /** Goes with the process, and its PID may be given to another: open it with openVerified. */
  readonly path: string
  readonly inode: bigint
}

/** What openVerified has to know; `startTime` of a path under /proc/PID, not of a file that a runtime keeps. */
export interface NetnsToOpen extends Pick<FoundNetns, 'path' | 'inode'> {
  readonly startTime?: number
}

export type NetnsSearch =
  | FoundNetns
  /** It shares the node's. */
  | { readonly kind: 'host' }
  /** Its processes are in namespaces that have no address of the pod. */
  | { readonly kind: 'foreign'; readonly why: string }
  /** It has no process that can be looked at. */
  | { readonly kind: 'none'; readonly why: string }
  /** It has no address yet. */
  | { readonly kind: 'waiting'; readonly why: string }

export interface NetnsOptions {
  /** The node's /proc. */
  readonly procFolder?: string
  /** All of the pod's cgroup, in any order. */
  readonly pids: readonly number[]
  readonly ips: readonly string[]
}

interface Process {
  readonly pid: number
  readonly startTime: number
  readonly path: string
  readonly inode: bigint
}

/** Tables of pods are small; but who may add routes may add a million. */
const MAX_TABLE_BYTES = 1024 * 1024
/** Most namespaces of one pod that are looked into. */
const MAX_JUDGED = 16

const inodeOf = (path: string): bigint | undefined => {
  try {
    return statSync(path, { bigint: true }).ino
  } catch {
    return undefined // ENOENT, ESRCH: it ended; EACCES: not ours to look at
  }
}

const startTimeIn = (folder: string): number | undefined => {
  try {
    return startTimeOf(readFileSync(join(folder, 'stat'), 'latin1'))
  } catch {
    return undefined
  }
}

const readTable = (path: string): string => {
  try {
    const fd = openSync(path, 'r')
    try {
      const bytes = Buffer.allocUnsafe(MAX_TABLE_BYTES)
      let length = 0
      for (let read = -1; read !== 0 && length < MAX_TABLE_BYTES; length += read) {
        read = readSync(fd, bytes, length, MAX_TABLE_BYTES - length, null)
      }
      return bytes.toString('latin1', 0, length)
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

const processAt = (procFolder: string, pid: number): Process | undefined => {
  const path = join(procFolder, String(pid), 'ns/net')
  const inode = inodeOf(path)
  const startTime = startTimeIn(join(procFolder, String(pid)))
  return inode === undefined || startTime === undefined ? undefined : { pid, startTime, path, inode }
}

/** Whether one of the addresses is on an interface of the process's namespace; undefined if it ended or moved meanwhile. */
const hasAddress = (procFolder: string, process: Process, ips: ReadonlySet<string>): boolean | undefined => {
  const net = join(procFolder, String(process.pid), 'net')
  const local = [...localIpv4(readTable(join(net, 'fib_trie'))), ...localIpv6(readTable(join(net, 'if_inet6')))]
  const after = processAt(procFolder, process.pid)
  if (after?.inode !== process.inode || after.startTime !== process.startTime) return undefined
  return local.some((address) => ips.has(address))
}

/**
 * The node's namespace, by its first process, and our own, which no pod has either. In a nested machine the first process
 * may be out of our reach, and our own is then the node's. Undefined where neither can be read.
 */
const hostNetns = (procFolder: string): ReadonlySet<bigint> | undefined => {
  const inodes = ['1', 'self'].flatMap((name) => inodeOf(join(procFolder, name, 'ns/net')) ?? [])
  return inodes.length > 0 ? new Set(inodes) : undefined
}

/** Finds the namespace of a pod. Reads /proc only, enters nothing, and takes no process's word for another's. */
export const findNetns = ({ procFolder = '/proc', pids, ips }: NetnsOptions): NetnsSearch => {
  const own = new Set(ips.map(canonicalIp).filter((ip) => ip !== undefined && tellsPodsApart(ip)) as string[])
  if (own.size === 0) {
    return { kind: 'waiting', why: ips.length === 0 ? 'it has no address yet' : 'none of its addresses is its alone' }
  }
  const host = hostNetns(procFolder)
  if (host === undefined) {
    return { kind: 'none', why: `${join(procFolder, '1/ns/net')}, by which the node's own is told, cannot be read` }
  }
  const processes = pids.flatMap((pid) => processAt(procFolder, pid) ?? [])
  processes.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid)
  if (processes.length === 0) return { kind: 'none', why: 'it has no running process' }
  /** Namespaces that were judged. */
  const foreign = new Set<bigint>()
  for (const process of processes) {
    if (host.has(process.inode) || foreign.has(process.inode)) continue
    const verdict = hasAddress(procFolder, process, own)
    if (verdict) return { kind: 'found', ...process }
    if (verdict === false) foreign.add(process.inode)
    if (foreign.size === MAX_JUDGED) break
  }
  if (foreign.size > 0) {
    const which = [...foreign].slice(0, 4).map((inode) => `net:[${inode}]`)
    return { kind: 'foreign', why: `no interface of ${which.join(', ')} has an address of the pod` }
  }
  return processes.some(({ inode }) => host.has(inode))
    ? { kind: 'host' }
    : { kind: 'none', why: 'its processes ended while they were looked at' }
}

/**
 * Opens a namespace that was found, for setns(2): a descriptor, which keeps the namespace whatever becomes of the process,
 * and which the caller closes. Undefined where the path leads elsewhere by now, or nowhere.
 */
export const openVerified = ({ path, inode, startTime }: NetnsToOpen): number | undefined => {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  // Numbers of namespaces are given again like those of processes, but not while the process that had it lives.
  const isThatProcess = startTime === undefined || startTimeIn(join(path, '../..')) === startTime
  if (isThatProcess && fstatSync(fd, { bigint: true }).ino === inode) return fd
  closeSync(fd)
  return undefined
}
