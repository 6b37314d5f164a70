/**
 * What a mini-node has made outside of its own namespaces, written down before it is made, so that the next start can
 * remove what a killed run left: cgroups and a folder. Processes, mounts and network go with the node's first process,
 * which the kernel kills with the test that started it.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hierarchies, removeCgroup } from './cgroup-trees.ts'

const PREFIX = 'understudy-mini-node-'
const DEATH_LIMIT_MS = 20_000
const PAUSE_MS = 5

/** A process that a reused pid cannot be taken for: the start time is of the kernel's clock. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string
}

export interface Leftovers {
  /** Absolute, from the root of a hierarchy. */
  readonly cgroups: readonly string[]
  readonly init?: ProcessIdentity
  /** Controllers of the root cgroup that were not enabled for its children before. */
  readonly enabledControllers?: readonly string[]
}

/** State and start time, fields 3 and 22 of /proc/<pid>/stat, the name before them may hold anything. */
const statOf = (pid: number): { state: string; startTicks: string } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

export const identityOf = (pid: number): ProcessIdentity => {
  const stat = statOf(pid)
  if (!stat) throw new Error(`process ${pid} has ended`)
  return { pid, startTicks: stat.startTicks }
}

/** It runs, and is no other that has got its pid; one that has ended and waits to be seen by its parent does not run. */
export const isAlive = ({ pid, startTicks }: ProcessIdentity): boolean => {
  const stat = statOf(pid)
  return stat?.startTicks === startTicks && stat.state !== 'Z'
}

/** Kills the node's first process, and so all in its process namespace; when it is gone, they are. */
const kill = (init: ProcessIdentity): void => {
  const deadline = Date.now() + DEATH_LIMIT_MS
  while (isAlive(init)) {
    try {
      process.kill(init.pid, 'SIGKILL')
    } catch {
      return
    }
    if (Date.now() > deadline) throw new Error(`process ${init.pid} of a mini-node does not end`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  }
}

const disableControllers = (names: readonly string[]): void => {
  try {
    const text = names.map((name) => `-${name}`).join(' ')
    if (text) writeFileSync(join(hierarchies().unified, 'cgroup.subtree_control'), text)
  } catch {
    // another cgroup has come to use them
  }
}

const remove = (folder: string, { cgroups, init, enabledControllers = [] }: Leftovers): void => {
  if (init) kill(init)
  for (const path of cgroups) removeCgroup(hierarchies(), path)
  disableControllers(enabledControllers)
  rmSync(folder, { recursive: true, force: true })
}

const read = (folder: string): Leftovers => {
  try {
    return JSON.parse(readFileSync(join(folder, 'leftovers.json'), 'utf8')) as Leftovers
  } catch {
    return { cgroups: [] } // nothing is made before it is written
  }
}

/** Removes what killed runs left. Those of living processes, and all that is not a mini-node's, stay. */
export const sweepLeftovers = (): void => {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-(\\d+)-\\d+$`).exec(name)
    if (!owner || isAlive({ pid: Number(owner[1]), startTicks: owner[2] ?? '' })) continue
    const folder = join(tmpdir(), name)
    remove(folder, read(folder))
  }
}

export interface Claim {
  readonly id: string
  /** For whatever the node keeps in files; removed with it. */
  readonly folder: string
  /** Writes down what is about to be made. */
  record(leftovers: Leftovers): void
  /** Removes all of it, waiting for the kernel. Again does nothing. */
  release(): void
}

let claims = 0

/** Takes a name and a folder that no other node has; they name the process that has to release them. */
export const claimNode = (): Claim => {
  const self = identityOf(process.pid)
  const id = `${self.pid}-${self.startTicks}-${++claims}`
  const folder = join(tmpdir(), `${PREFIX}${id}`)
  mkdirSync(folder, { mode: 0o700 })
  let known: Leftovers = { cgroups: [] }
  let held = true
  return {
    id,
    folder,
    record: (leftovers) => {
      known = leftovers
      // In one step: half of it would be as good as nothing to who reads it after a kill.
      writeFileSync(join(folder, 'leftovers.new'), JSON.stringify(leftovers))
      renameSync(join(folder, 'leftovers.new'), join(folder, 'leftovers.json'))
    },
    release: () => {
      if (!held) return
      held = false
      remove(folder, known)
    },
  }
}
