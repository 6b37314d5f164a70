/** The kubepods folders of a node, in every cgroup hierarchy this machine has mounted, as a kubelet makes and removes them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { QosClass } from './interface.ts'

const REMOVAL_LIMIT_MS = 10_000
const PAUSE_MS = 5

export interface Hierarchies {
  readonly unified: string
  /** The mount points of version 1, none where there is only version 2. */
  readonly v1: readonly string[]
}

/** Throws where no cgroup2 is mounted. */
export const hierarchies = (): Hierarchies => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .map((words) => ({ type: words[words.indexOf('-') + 1], at: words[4] ?? '' }))
  const unified = mounts.find(({ type }) => type === 'cgroup2')?.at
  if (!unified) throw new Error('no cgroup2 is mounted')
  return { unified, v1: mounts.filter(({ type }) => type === 'cgroup').map(({ at }) => at) }
}

/** A new cpuset of version 1 has neither processors nor memory, and nothing may enter it until it has. */
const fillCpuset = (folder: string): void => {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const path = join(folder, name)
    if (!existsSync(path) || readFileSync(path, 'utf8').trim() !== '') continue
    writeFileSync(path, readFileSync(join(folder, '..', name), 'utf8').trim())
  }
}

/** Makes a cgroup in every hierarchy; `path` is absolute, from a hierarchy's root. */
export const makeCgroup = ({ unified, v1 }: Hierarchies, path: string): void => {
  mkdirSync(join(unified, path), { recursive: true })
  for (const mount of v1) {
    let folder = mount
    for (const part of path.split('/').filter(Boolean)) {
      folder = join(folder, part)
      if (!existsSync(folder)) mkdirSync(folder)
      if (existsSync(join(folder, 'cpuset.cpus')) && existsSync(join(folder, '..', 'cpuset.cpus'))) fillCpuset(folder)
    }
  }
}

/** Of a pod, below kubepods: guaranteed pods have no folder of their class. */
export const podCgroup = (kubepods: string, qos: QosClass, uid: string): string =>
  join(kubepods, qos === 'guaranteed' ? '' : qos, `pod${uid}`)

/** The folders a kubelet makes at its start. */
export const makeKubepods = (where: Hierarchies, kubepods: string): void => {
  for (const path of ['', 'burstable', 'besteffort']) makeCgroup(where, join(kubepods, path))
}

const foldersUnder = (folder: string): string[] => {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return [...below.flatMap((entry) => foldersUnder(join(folder, entry.name))), folder]
  } catch {
    return [] // it went meanwhile
  }
}

const killAll = (folder: string): void => {
  try {
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      process.kill(Number(pid), 'SIGKILL')
    }
  } catch {
    // it went meanwhile
  }
}

const removeFolder = (folder: string): void => {
  const deadline = Date.now() + REMOVAL_LIMIT_MS
  for (;;) {
    try {
      return rmdirSync(folder)
    } catch (error) {
      if (!existsSync(folder)) return
      if (Date.now() > deadline) throw error
      killAll(folder)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

/** Kills what is in a cgroup and below it, and removes it from every hierarchy. Waits, within bounds, for the kernel. */
export const removeCgroup = ({ unified, v1 }: Hierarchies, path: string): void => {
  for (const mount of [unified, ...v1]) {
    for (const folder of foldersUnder(join(mount, path))) removeFolder(folder)
  }
}

/** Host pids of the processes in a cgroup; none where it is gone. */
export const processesIn = (folder: string): number[] => {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Host pid of a container's first process: number one in the container's own process namespace. */
export const firstProcessIn = (folder: string): number | undefined =>
  processesIn(folder).find((pid) => {
    try {
      return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  })
