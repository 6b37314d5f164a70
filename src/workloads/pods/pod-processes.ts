/** What is in a pod's cgroup: containers and processes. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { foldersBelow } from './folders-below.ts'
import { containerIdOf } from './pod-names.ts'

export interface ContainerCgroup {
  readonly path: string
  /** Inode number: the cgroup id. */
  readonly id: bigint
  readonly containerId: string
}

export interface PodProcesses {
  readonly pids: readonly number[]
  /** There were more than are given out. */
  readonly isCut: boolean
  /** Processes there that our PID namespace does not show: we lack the node's (`hostPID`). */
  readonly hidden: number
}

const MAX_DEPTH = 8
const MAX_FOLDERS = 2048
/** Any process that is not visiting will do, and each costs three calls to look at. */
const MAX_PIDS = 1024

/** The folders of a pod's containers, its sandbox among them; what containers made below their own is left out. */
export const containersOf = (podFolder: string): ContainerCgroup[] => {
  const enters = ({ name }: { name: string }): boolean => containerIdOf(name) === undefined
  const found: ContainerCgroup[] = []
  for (const { path, name } of foldersBelow(podFolder, { maxDepth: 2, maxFolders: MAX_FOLDERS, enters })) {
    const containerId = containerIdOf(name)
    const stat = containerId && statSync(path, { bigint: true, throwIfNoEntry: false })
    if (containerId && stat) found.push({ path, id: stat.ino, containerId })
  }
  return found
}

/** cgroup.procs of one folder; empty where it went, or where it is threaded (EOPNOTSUPP): the domain above lists those. */
const readMembers = (folder: string): number[] => {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** The processes of a pod's folder and of all below it, in no order; a process that moves meanwhile is named once. */
export const processesOf = (podFolder: string, maxPids = MAX_PIDS): PodProcesses => {
  const pids = new Set<number>()
  let hidden = 0
  const take = (folder: string): boolean => {
    for (const pid of readMembers(folder)) {
      if (pid === 0) hidden++
      else if (pids.size < maxPids || pids.has(pid)) pids.add(pid)
      else return true
    }
    return false
  }
  const walk = foldersBelow(podFolder, { maxDepth: MAX_DEPTH, maxFolders: MAX_FOLDERS })
  let isFull = take(podFolder)
  let next = walk.next()
  for (; !next.done && !isFull; next = walk.next()) isFull = take(next.value.path)
  return { pids: [...pids], isCut: isFull || Boolean(next.done && next.value.isCut), hidden }
}
