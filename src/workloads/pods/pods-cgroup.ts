/** Which folder of a node's cgroup2 hierarchy holds the cgroups of all pods: `kubepods` by the name that the kubelet gives it. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UnderstudyError } from '../../errors.ts'
import { foldersBelow, walkFolders } from './folders-below.ts'
import { isPodsName, podName } from './pod-names.ts'

export interface PodsCgroupOptions {
  /** The cgroup2 mount. */
  readonly root: string
  /** The setting `podsCgroup`: a path below the mount, with or without it; empty to look. */
  readonly setting: string
  readonly maxDepth?: number
  readonly maxFolders?: number
}

export interface PodsCgroupSearch {
  /** Undefined while there is none: the kubelet makes it when it starts. */
  readonly path: string | undefined
  /** Folders looked at. */
  readonly folders: number
  /** Not all were: there are more than may be looked at, or some could not be read. */
  readonly isCut: boolean
}

const MAX_DEPTH = 6
const MAX_FOLDERS = 20_000
/** kubepods-burstable.slice/kubepods-burstable-pod….slice */
const POD_DEPTH = 2
/** Most folders looked at to see whether one holds pods. */
const MAX_LOOKED_AT = 4096

const asSet = (root: string, setting: string): string => {
  const path = resolve(setting.startsWith(`${root}/`) ? setting : join(root, setting))
  if (path.startsWith(`${root}/`) && !setting.split('/').includes('..')) return path
  throw new UnderstudyError('BAD_CONFIG', `podsCgroup: ${setting} is not below ${root}`, {
    remedy: `Give the path of a folder below ${root}, such as kubepods.slice.`,
  })
}

const holdsPods = (folder: string): boolean => {
  const walk = foldersBelow(folder, {
    maxDepth: POD_DEPTH,
    maxFolders: MAX_LOOKED_AT,
    enters: ({ name }) => podName(name) === undefined,
  })
  for (const { name } of walk) if (podName(name)) return true
  return false
}

/** Of several the one that holds pods, the top-most first: below it, in containers, there may be nodes of other clusters. */
const choose = (candidates: readonly { readonly path: string; readonly depth: number }[]): string | undefined => {
  const holding = candidates.filter(({ path }) => holdsPods(path))
  const left = holding.length > 0 ? holding : candidates
  const top = Math.min(...left.map(({ depth }) => depth))
  const [first, ...others] = left.filter(({ depth }) => depth === top)
  if (others.length === 0) return first?.path
  const names = [first, ...others].map((candidate) => candidate?.path).slice(0, 8)
  throw new UnderstudyError('PODS_CGROUP_UNCLEAR', `several folders may hold the pods: ${names.join(', ')}`, {
    facts: { candidates: names },
    remedy: 'Set podsCgroup to the one that the kubelet of this node uses (its --cgroup-root).',
  })
}

/**
 * The setting where there is one; else the top-most folder of the name, the one that holds pods if there are several.
 * Throws BAD_CONFIG for a setting that leads out of the mount, and PODS_CGROUP_UNCLEAR.
 */
export const findPodsCgroup = async ({
  root,
  setting,
  maxDepth = MAX_DEPTH,
  maxFolders = MAX_FOLDERS,
}: PodsCgroupOptions): Promise<PodsCgroupSearch> => {
  if (setting !== '') {
    const path = asSet(root, setting)
    return { path: existsSync(path) ? path : undefined, folders: 0, isCut: false }
  }
  const candidates: { path: string; depth: number }[] = []
  const enters = ({ name }: { name: string }): boolean => !(isPodsName(name) || podName(name))
  const { folders, isCut, unreadable } = await walkFolders(
    root,
    { maxDepth, maxFolders, enters },
    ({ path, name, depth }) => {
      if (isPodsName(name)) candidates.push({ path, depth })
      return false
    },
  )
  return { path: choose(candidates), folders, isCut: isCut || unreadable > 0 }
}
