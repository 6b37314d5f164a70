/** Whether this process is itself in a pod's cgroup, below which its own connections would be redirected to it. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { cgroup2Mounts, unifiedPath } from '../cgroup.ts'
import { foldersBelow } from './folders-below.ts'

export interface InsideOptions {
  readonly podsCgroup: string
  /** Of /proc/self/mountinfo and /proc/self/cgroup; read if not given. */
  readonly mountinfo?: string
  readonly cgroupFile?: string
  readonly pid?: number
}

const MAX_DEPTH = 10
const MAX_FOLDERS = 20_000

/** A path as a cgroup namespace shows it: so many `..` above its root, then names. */
const partsOf = (path: string): { readonly ups: number; readonly names: readonly string[] } => {
  const parts = posix
    .normalize(`./${path}`)
    .split('/')
    .filter((part) => part !== '' && part !== '.')
  const ups = parts.lastIndexOf('..') + 1
  return { ups, names: parts.slice(ups) }
}

/**
 * By the texts alone: both are told from the root of our cgroup namespace. Undefined where they do not say it: what is
 * above that root has no names, and the pods' cgroup may be above or beside it.
 */
export const isInsideByPaths = (podsCgroup: string, mountinfo: string, cgroupFile: string): boolean | undefined => {
  const own = unifiedPath(cgroupFile)
  const mount = cgroup2Mounts(mountinfo)
    .filter(({ path }) => podsCgroup === path || podsCgroup.startsWith(path === '/' ? path : `${path}/`))
    .reduce<{ root: string; path: string } | undefined>((best, each) => {
      return best && best.path.length > each.path.length ? best : each
    }, undefined)
  if (own === undefined || !mount) return undefined
  const pods = partsOf(`${mount.root}/${podsCgroup.slice(mount.path.length)}`)
  const ours = partsOf(own)
  if (pods.ups > ours.ups) return pods.names.length === 0 ? true : undefined
  if (pods.ups < ours.ups) return false
  return pods.names.every((name, index) => ours.names[index] === name)
}

const holds = (folder: string, pid: number): boolean => {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').includes(String(pid))
  } catch {
    return false
  }
}

/** By the paths, and where those do not say it, by whether a cgroup there has this process. */
export const isInside = ({
  podsCgroup,
  mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'),
  cgroupFile = readFileSync('/proc/self/cgroup', 'utf8'),
  pid = process.pid,
}: InsideOptions): boolean => {
  const told = isInsideByPaths(podsCgroup, mountinfo, cgroupFile)
  if (told !== undefined) return told
  if (holds(podsCgroup, pid)) return true
  for (const { path } of foldersBelow(podsCgroup, { maxDepth: MAX_DEPTH, maxFolders: MAX_FOLDERS })) {
    if (holds(path, pid)) return true
  }
  return false
}
