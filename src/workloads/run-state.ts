/**
 * What a run leaves on the machine, written down before it is made, so that the next start can clear up after one that
 * was killed. A lock tells living from dead: the kernel lets go of it with the process.
 */
import {
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { UnderstudyError } from '../errors.ts'
import { processesIn, removeRunCgroup, runCgroup } from './cgroup.ts'

export const STATE_FOLDER = '/run/understudy'
export const PIN_FOLDER = '/sys/fs/bpf/understudy'

/** Takes the exclusive lock of a file: a descriptor, or a negative number while a living process holds it. */
export type Lock = (path: string) => number

export interface LockPorts {
  readonly lock: Lock
  readonly unlock: (fd: number) => void
}

/** What in a network namespace outlives a killed process: filters of a clsact qdisc, by the numbers of their programs. */
const Remains = z.object({
  netnsPath: z.string(),
  netnsInode: z.string(),
  ifindex: z.number().int(),
  programIds: z.tuple([z.number().int(), z.number().int()]).readonly(),
  madeQdisc: z.boolean(),
})
export type Remains = Readonly<z.infer<typeof Remains>>

export interface SweepPorts extends LockPorts {
  /** Removes them if they are still what was written down; says in words what it has removed. */
  readonly removeRemains: (remains: Remains) => readonly string[]
  /** Removes the packet filter rules that a state file tells of; says what, in words. Throws where some stay. */
  readonly removeRules: (rules: unknown) => Promise<readonly string[]>
  /** The same for routes. */
  readonly removeRoutes: (routes: unknown) => Promise<readonly string[]>
}

const State = z.object({
  id: z.string().regex(/^[0-9a-z-]{1,64}$/),
  cgroupParent: z.string(),
  /** As src/capture/ has written it. */
  rules: z.unknown().optional(),
  /** As src/run/source-routing.ts has written it, with its namespace. */
  routes: z.unknown().optional(),
  remains: z.array(Remains).default([]),
})
type State = z.input<typeof State>

export interface RunState {
  readonly id: string
  /** The folder of this run's pins. */
  readonly pins: string
  /** Writes down packet filter rules, before they are made; undefined = there are none any more. */
  noteRules(rules: unknown): void
  /** Whether rules are written down. */
  hasRules(): boolean
  /** Writes down routes, before they are made; undefined = there are none any more. */
  noteRoutes(routes: unknown): void
  /** Before attaching: what a sweep would have to remove if this process were killed; empty once it is detached. */
  leaves(remains: readonly Remains[]): void
  /** Forgets the run; call when all of it is gone. */
  remove(): void
}

export interface StateFolders {
  readonly state: string
  readonly pins: string
}

/** Each loses only to a sweep at that very moment. */
const LOCK_ATTEMPTS = 100

export const DEFAULT_FOLDERS: StateFolders = { state: STATE_FOLDER, pins: PIN_FOLDER }

const remove = (path: string): void => rmSync(path, { force: true })

/** At once: who is killed in between leaves the old file. */
const writeState = (path: string, state: State): void => {
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** A file that is in its folder, not one that a sweep has just unlinked. */
const isLinked = (fd: number, path: string): boolean => {
  try {
    return fstatSync(fd).ino === statSync(path).ino
  } catch {
    return false
  }
}

/** Between making the file and locking it, another start's sweep may take it for a dead run's; then it is made anew. */
const lockOwn = ({ lock, unlock }: LockPorts, path: string): number => {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    const fd = lock(path)
    if (fd >= 0 && isLinked(fd, path)) return fd
    if (fd >= 0) unlock(fd)
  }
  throw new Error(`the lock ${path} cannot be taken`)
}

/** Writes the run down and locks it for the life of this process. Throws FILE_UNWRITABLE. */
export const recordRun = (
  id: string,
  cgroupParent: string,
  ports: LockPorts,
  folders: StateFolders = DEFAULT_FOLDERS,
): RunState => {
  const lockPath = join(folders.state, `${id}.lock`)
  const statePath = join(folders.state, `${id}.json`)
  let state: State = { id, cgroupParent }
  const write = (change: Partial<State>): void => {
    state = { ...state, ...change }
    writeState(statePath, state)
  }
  let fd = -1
  try {
    if (!existsSync(folders.state)) mkdirSync(folders.state, { mode: 0o700 })
    fd = lockOwn(ports, lockPath)
    write({})
  } catch (cause) {
    if (fd >= 0) ports.unlock(fd)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UnderstudyError('FILE_UNWRITABLE', `cannot write down this run in ${folders.state}: ${reason}`, {
      cause,
      remedy: 'It holds what to clear up after a run that was killed. Make the folder writable for root.',
    })
  }
  return {
    id,
    pins: join(folders.pins, id),
    noteRules: (rules) => write({ rules }),
    hasRules: () => state.rules !== undefined,
    noteRoutes: (routes) => write({ routes }),
    leaves: (remains) => write({ remains: [...remains] }),
    remove: () => {
      remove(statePath)
      remove(lockPath)
      ports.unlock(fd)
    },
  }
}

export interface Swept {
  readonly id: string
  /** What was taken away, in words. */
  readonly removed: readonly string[]
  /** Why something had to stay. */
  readonly kept?: string
}

/** Removes a run's pins: its folder and the files in it, nothing else. */
export const removePins = (folder: string): string[] => {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder)
  for (const name of names) unlinkSync(join(folder, name))
  rmdirSync(folder)
  return [...names.map((name) => `pin ${join(folder, name)}`), `folder ${folder}`]
}

const sweepRun = async (id: string, folders: StateFolders, ports: SweepPorts): Promise<Swept> => {
  const statePath = join(folders.state, `${id}.json`)
  const removed = removePins(join(folders.pins, id))
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(statePath, 'utf8'))
  } catch {
    return { id, removed } // killed before its first byte, or just now ended: there is nothing else
  }
  const state = State.safeParse(parsed)
  if (!state.success) return { id, removed, kept: `${statePath} is not a state file of this version` }
  const { cgroupParent, rules, routes, remains } = state.data
  for (const each of remains) removed.push(...ports.removeRemains(each))
  if (routes !== undefined) removed.push(...(await ports.removeRoutes(routes)))
  if (rules !== undefined) removed.push(...(await ports.removeRules(rules)))
  if (rules !== undefined || routes !== undefined) {
    // Should the command live on and keep this file: another run may have rules like these by the next sweep.
    writeState(statePath, { id, cgroupParent })
  }
  const cgroup = runCgroup(cgroupParent, id)
  const alive = processesIn(cgroup.tree)
  if (alive.length > 0) {
    return { id, removed, kept: `its command still runs (pid ${alive.join(', ')}) in ${cgroup.workload}` }
  }
  if (!existsSync(cgroup.tree)) return { id, removed }
  if (!removeRunCgroup(cgroup)) return { id, removed, kept: `the kernel still holds its cgroup ${cgroup.tree}` }
  return { id, removed: [...removed, `cgroup ${cgroup.tree}`] }
}

/** One that cannot be swept must not keep the others, nor the next run, from going on. */
const sweepSafely = async (id: string, folders: StateFolders, ports: SweepPorts): Promise<Swept> => {
  try {
    return await sweepRun(id, folders, ports)
  } catch (error) {
    return { id, removed: [], kept: error instanceof Error ? error.message : String(error) }
  }
}

/** Clears up after every run whose process is dead. Never touches a run that is alive, nor anything not written down. */
export const sweep = async (ports: SweepPorts, folders: StateFolders = DEFAULT_FOLDERS): Promise<Swept[]> => {
  if (!existsSync(folders.state)) return []
  const ids = readdirSync(folders.state).flatMap((name) => (name.endsWith('.lock') ? [name.slice(0, -5)] : []))
  const all: Swept[] = []
  for (const id of ids) {
    const lockPath = join(folders.state, `${id}.lock`)
    const fd = ports.lock(lockPath)
    if (fd < 0) continue
    const wasWritten = existsSync(join(folders.state, `${id}.json`))
    const swept = await sweepSafely(id, folders, ports)
    if (swept.kept === undefined) {
      for (const name of [`${id}.json`, `${id}.json.new`, `${id}.lock`]) remove(join(folders.state, name))
    }
    ports.unlock(fd)
    if (wasWritten || swept.removed.length > 0) all.push(swept)
  }
  return all
}
