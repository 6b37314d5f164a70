/** Where a workload is on this node: its cgroup by its UID, its network namespace by the processes in that. */
import { statSync } from 'node:fs'
import type { CgroupFinder } from '../workloads/pods/find-cgroup.ts'
import { findNetns } from '../workloads/pods/find-netns.ts'
import { processesOf } from '../workloads/pods/pod-processes.ts'
import type { WorkloadFacts } from '../workloads/source.ts'

export interface Place {
  readonly kind: 'found'
  /** The namespace's file, and its inode when it was judged: open it only if that is still so. */
  readonly path: string
  readonly inode: bigint
  /** Of the process of that file, where it is one's. */
  readonly startTime?: number
  /** A process of the workload in it; undefined where the source named the namespace. */
  readonly pid?: number
  /** The cgroup2 folder; undefined where it is not known. */
  readonly cgroup?: string
}

export type Location =
  | Place
  /** Not there yet, or not any more. */
  | { readonly kind: 'waiting'; readonly why: string }
  /** There is none that may be intercepted. */
  | { readonly kind: 'refused'; readonly why: string }

export type Locate = (facts: WorkloadFacts) => Promise<Location>

export interface LocateOptions {
  readonly finder: CgroupFinder
  readonly procFolder: string
  /** Milliseconds between two walks through the whole hierarchy. */
  readonly walkEveryMs: number
  readonly nowMs: () => number
}

const named = (facts: WorkloadFacts, path: string): Location => {
  try {
    const { ino: inode } = statSync(path, { bigint: true })
    const cgroup = facts.cgroupPath === undefined ? {} : { cgroup: facts.cgroupPath }
    return { kind: 'found', path, inode, ...cgroup }
  } catch (error) {
    return { kind: 'waiting', why: `its network namespace ${path} cannot be looked at: ${String(error)}` }
  }
}

export const createLocate = ({ finder, procFolder, walkEveryMs, nowMs }: LocateOptions): Locate => {
  let walkedAtMs = Number.NEGATIVE_INFINITY
  const folderOf = async (facts: WorkloadFacts) => {
    const near = finder.lookUp(facts)
    // A walk looks at every folder of the node: pods that are not there yet must not have us do so all the time.
    if (near.kind !== 'none' || nowMs() - walkedAtMs < walkEveryMs) return near
    walkedAtMs = nowMs()
    return finder.search(facts)
  }
  return async (facts) => {
    if (facts.netnsPath !== undefined) return named(facts, facts.netnsPath)
    const cgroup = await folderOf(facts)
    if (cgroup.kind === 'refused') return { kind: 'refused', why: cgroup.why }
    if (cgroup.kind === 'none') return { kind: 'waiting', why: cgroup.why }
    const processes = cgroup.folders.map(({ path }) => processesOf(path))
    const pids = processes.flatMap((each) => each.pids)
    if (pids.length === 0 && processes.some(({ hidden }) => hidden > 0)) {
      const why = 'its processes cannot be seen from here: the agent needs hostPID: true'
      return { kind: 'waiting', why }
    }
    const netns = findNetns({ procFolder, pids, ips: facts.ips })
    switch (netns.kind) {
      case 'found':
        return {
          kind: 'found',
          path: netns.path,
          inode: netns.inode,
          startTime: netns.startTime,
          pid: netns.pid,
          cgroup: cgroup.folders[0].path,
        }
      case 'host':
        return { kind: 'refused', why: "its processes are in the node's own network namespace" }
      case 'foreign':
      case 'none':
      case 'waiting':
        return { kind: 'waiting', why: netns.why }
    }
  }
}

/** Whether a place is still what it was. */
export const isStillThere = ({ path, inode }: Place): boolean => {
  try {
    return statSync(path, { bigint: true }).ino === inode
  } catch {
    return false
  }
}
