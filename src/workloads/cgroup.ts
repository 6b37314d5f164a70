/** Where this process lives in the cgroup2 hierarchy, and the folders of one run below it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UnderstudyError } from '../errors.ts'

/** The folders of one run: programs on processes of `workload`; sockets of `listener`; both under `tree`. */
export interface RunCgroup {
  readonly tree: string
  readonly workload: string
  readonly listener: string
}

/** Where sockets of ours are born that listen for workloads; '' is our own cgroup. */
export type ListenerCgroup = Pick<RunCgroup, 'listener'>

/** The file a process joins it by; '' where it is to stay where it is. */
export const procsOf = ({ listener }: ListenerCgroup): string => (listener === '' ? '' : `${listener}/cgroup.procs`)

interface Mount {
  readonly root: string
  readonly path: string
}

/** cgroup2 mounts of a mountinfo file (proc_pid_mountinfo(5)), in order. */
export const cgroup2Mounts = (mountinfo: string): Mount[] =>
  mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ')
    if (right.split(' ')[0] !== 'cgroup2') return []
    const [, , , root = '/', path = ''] = left.split(' ')
    return [{ root, path: path.replace(/\\040/g, ' ') }]
  })

/** The `0::` path of a /proc/PID/cgroup file; undefined on a machine without cgroup2. */
export const unifiedPath = (cgroupFile: string): string | undefined =>
  cgroupFile
    .split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice(3)

/** The folder of this process's own cgroup. Throws NO_CGROUP2. */
export const ownCgroup = (
  mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'),
  cgroupFile = readFileSync('/proc/self/cgroup', 'utf8'),
): string => {
  const path = unifiedPath(cgroupFile)
  for (const mount of path === undefined ? [] : cgroup2Mounts(mountinfo)) {
    const below = mount.root === '/' ? path : path?.startsWith(mount.root) ? path.slice(mount.root.length) : undefined
    const folder = below === undefined ? '' : join(mount.path, below)
    if (folder && existsSync(join(folder, 'cgroup.procs'))) return folder
  }
  throw new UnderstudyError('NO_CGROUP2', 'no cgroup2 file system shows the cgroup of this process', {
    remedy:
      'Mount one (mount -t cgroup2 none /sys/fs/cgroup/unified), or use `understudy serve` without a kernel side.',
  })
}

/**
 * A cgroup folder as packet filters name it: its path from the root of the hierarchy that our cgroup namespace shows, and
 * how deep that is. Throws NO_CGROUP2 for a folder outside of it.
 */
export const cgroupAddress = (
  folder: string,
  mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'),
): { readonly folder: string; readonly path: string; readonly level: number } => {
  // Of several mounts on one folder the last is the one that is seen; one from outside of our namespace begins with `..`.
  const mount = cgroup2Mounts(mountinfo).findLast(
    ({ root, path }) => folder.startsWith(`${path}/`) && !root.startsWith('/..'),
  )
  const names = join(mount?.root ?? '/', folder.slice(mount?.path.length))
    .split('/')
    .filter(Boolean)
  if (mount && names.length > 0) return { folder, path: names.join('/'), level: names.length }
  throw new UnderstudyError('NO_CGROUP2', `${folder} is not below the root of the cgroup2 hierarchy`, {
    remedy: 'Run in a container with a cgroup namespace of its own, or on the machine itself.',
  })
}

/** The names that make a folder ours; the sweep goes by them. */
export const runCgroup = (parent: string, id: string): RunCgroup => {
  const tree = join(parent, `understudy-${id}`)
  return { tree, workload: join(tree, 'workload'), listener: join(tree, 'listener') }
}

/** Makes the folders of a run below the caller's own cgroup, so that its limits go on to hold. Throws NO_CGROUP2. */
export const createRunCgroup = (id: string, parent = ownCgroup()): RunCgroup => {
  const cgroup = runCgroup(parent, id)
  try {
    for (const folder of [cgroup.tree, cgroup.workload, cgroup.listener]) mkdirSync(folder)
  } catch (cause) {
    removeRunCgroup(cgroup)
    throw new UnderstudyError('NO_CGROUP2', `cannot make the cgroup ${cgroup.tree}: ${String(cause)}`, {
      cause,
      remedy: 'Run as root on a machine (or in a container) where /sys/fs/cgroup is writable.',
    })
  }
  return cgroup
}

/** The cgroups directly below one: a command may make its own, a run inside a run for instance. */
const childrenOf = (folder: string): string[] => {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name))
  } catch {
    return []
  }
}

const membersOf = (folder: string): number[] => {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Process ids in a cgroup folder and in all below it; empty where it is gone. */
export const processesIn = (folder: string): number[] => [
  ...membersOf(folder),
  ...childrenOf(folder).flatMap((child) => processesIn(child)),
]

/** Ends every process of a cgroup at once (cgroup.kill, Linux 5.14), or one by one where that file is missing. */
export const killAll = (folder: string): void => {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1')
  } catch {
    for (const pid of processesIn(folder)) signal(pid, 'SIGKILL')
  }
}

/** Sends a signal; a process that is gone is no error. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // it went first
  }
}

/** Removes the folders of a run and what its command made below them; false while a process is still in one. */
export const removeRunCgroup = ({ tree }: RunCgroup): boolean => removeTree(tree)

const removeTree = (folder: string): boolean => {
  for (const child of childrenOf(folder)) removeTree(child)
  try {
    rmdirSync(folder)
  } catch {
    return !existsSync(folder)
  }
  return true
}
