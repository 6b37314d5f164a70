/**
 * What a run leaves on the machine, written down before it is made, so that the next start can clear up after one that
 * was killed. A lock tells living from dead: the kernel lets go of it with the process.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { processesIn, removeRunCgroup, runCgroup } from './cgroup.ts'

export const STATE_FOLDER = '/run/understudy'
export const PIN_FOLDER = '/sys/fs/bpf/understudy'

/** Takes the exclusive lock of a file: a descriptor, or a negative number while a living process holds it. */
export type Lock = (path: string) => number

const State = z.object({ id: z.string().regex(/^[0-9a-z-]{1,64}$/), cgroupParent: z.string() })

export interface RunState {
  readonly id: string
  /** The folder of this run's pins. */
  readonly pins: string
  /** Forgets the run; call when all of it is gone. */
  remove(): void
}

export interface StateFolders {
  readonly state: string
  readonly pins: string
}

export const DEFAULT_FOLDERS: StateFolders = { state: STATE_FOLDER, pins: PIN_FOLDER }

const remove = (path: string): void => rmSync(path, { force: true })

/** Writes the run down and locks it for the life of this process. */
export const recordRun = (
  id: string,
  cgroupParent: string,
  ports: { readonly lock: Lock; readonly unlock: (fd: number) => void },
  folders: StateFolders = DEFAULT_FOLDERS,
): RunState => {
  mkdirSync(folders.state, { recursive: true, mode: 0o700 })
  const lockPath = join(folders.state, `${id}.lock`)
  const statePath = join(folders.state, `${id}.json`)
  const fd = ports.lock(lockPath)
  if (fd < 0) throw new Error(`the lock of run ${id} is taken`)
  writeFileSync(statePath, JSON.stringify({ id, cgroupParent }), { mode: 0o600 })
  return {
    id,
    pins: join(folders.pins, id),
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

const sweepRun = (id: string, folders: StateFolders): Swept => {
  const statePath = join(folders.state, `${id}.json`)
  const removed = removePins(join(folders.pins, id))
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(statePath, 'utf8'))
  } catch {
    return { id, removed } // killed between the lock and the first byte: nothing else was made yet
  }
  const state = State.safeParse(parsed)
  if (!state.success) return { id, removed, kept: `${statePath} is not a state file of this version` }
  const cgroup = runCgroup(state.data.cgroupParent, id)
  const alive = processesIn(cgroup.workload)
  if (alive.length > 0) {
    return { id, removed, kept: `its command still runs (pid ${alive.join(', ')}) in ${cgroup.workload}` }
  }
  if (existsSync(cgroup.tree) && removeRunCgroup(cgroup)) removed.push(`cgroup ${cgroup.tree}`)
  return { id, removed }
}

/** Clears up after every run whose process is dead. Never touches a run that is alive, nor anything not written down. */
export const sweep = (
  ports: { readonly lock: Lock; readonly unlock: (fd: number) => void },
  folders: StateFolders = DEFAULT_FOLDERS,
): Swept[] => {
  if (!existsSync(folders.state)) return []
  const ids = readdirSync(folders.state).flatMap((name) => (name.endsWith('.lock') ? [name.slice(0, -5)] : []))
  return ids.flatMap((id) => {
    const lockPath = join(folders.state, `${id}.lock`)
    const fd = ports.lock(lockPath)
    if (fd < 0) return []
    const swept = sweepRun(id, folders)
    if (swept.kept === undefined) {
      remove(join(folders.state, `${id}.json`))
      remove(lockPath)
    }
    ports.unlock(fd)
    return [swept]
  })
}
