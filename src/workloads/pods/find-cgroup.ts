/** The cgroup2 folder of a pod, searched by UID and never built: its place depends on kubelet, driver, runtime and nesting. */
import { statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { WorkloadFacts } from '../source.ts'
import { type Folder, walkFolders } from './folders-below.ts'
import { containerIdOf, isPossibleUid, podName, spellingsOf } from './pod-names.ts'

export interface PodCgroup {
  readonly path: string
  /** Its inode number, which is what BPF programs call its cgroup id. */
  readonly id: bigint
  /** How deep it is below the mount: 1 for a folder directly below. */
  readonly level: number
}

export interface FoundCgroups {
  readonly kind: 'found'
  /** container: no folder has the UID; these are of single containers, by their ids. */
  readonly matchedBy: 'uid' | 'container'
  /** The top-most first. By UID there is one, unless a runtime names the folders of containers after their pod. */
  readonly folders: readonly [PodCgroup, ...PodCgroup[]]
}

export type PodCgroupSearch =
  | FoundCgroups
  | { readonly kind: 'none'; readonly why: string }
  /** Its names cannot be those of a folder; nothing was looked at. */
  | { readonly kind: 'refused'; readonly why: string }

export type PodNames = Pick<WorkloadFacts, 'cgroupUid' | 'containerIds'>

export interface CgroupFinder {
  /** Looks only beside pods that were found before: a stat for each spelling and parent. */
  lookUp(pod: PodNames): PodCgroupSearch
  /** The same; then walks through the hierarchy, which is dear: do it seldom. By container id at last. */
  search(pod: PodNames): Promise<PodCgroupSearch>
  counts(): CgroupFinderCounts
}

export interface CgroupFinderCounts {
  readonly places: number
  /** Places that were not remembered, since there are too many. */
  readonly placesRefused: number
  readonly hits: number
  readonly walks: number
  /** Walks that did not see everything: at a limit, or since folders could not be read. */
  readonly walksCut: number
}

export interface CgroupFinderOptions {
  /** The cgroup2 mount. */
  readonly root: string
  /** The pods' cgroup, walked first; undefined while there is none. */
  readonly podsCgroup?: () => string | undefined
  readonly maxDepth?: number
  readonly maxFolders?: number
}

interface Place {
  readonly parent: string
  readonly before: string
  readonly after: string
}

const MAX_DEPTH = 10
const MAX_FOLDERS = 20_000
const MAX_PLACES = 64
/** Most folders of one pod. */
const MAX_FOUND = 64
const CONTAINER_ID = /^[0-9a-f]{64}$/

const folderAt = (root: string, path: string): PodCgroup | undefined => {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat?.isDirectory() ? { path, id: stat.ino, level: relative(root, path).split('/').length } : undefined
}

const isInPod = (path: string): boolean => podName(basename(dirname(path))) !== undefined

const quietly = (root: string, path: string): PodCgroup | undefined => {
  try {
    return folderAt(root, path)
  } catch {
    return undefined // ENODEV and the like, of one that is going
  }
}

/** Finds pods below one cgroup2 mount, and remembers where the last ones were. */
export const createCgroupFinder = ({
  root,
  podsCgroup = () => undefined,
  maxDepth = MAX_DEPTH,
  maxFolders = MAX_FOLDERS,
}: CgroupFinderOptions): CgroupFinder => {
  /** By parent and what is around the UID. */
  const places = new Map<string, Place>()
  const counts = { placesRefused: 0, hits: 0, walks: 0, walksCut: 0 }

  const remember = (parent: string, before: string, after: string): void => {
    const key = `${parent}\0${before}\0${after}`
    if (places.has(key)) return
    if (places.size < MAX_PLACES) places.set(key, { parent, before, after })
    else counts.placesRefused++
  }
  const found = (matchedBy: 'uid' | 'container', paths: Iterable<string>): FoundCgroups | undefined => {
    const folders = [...new Set(paths)].flatMap((path) => quietly(root, path) ?? [])
    folders.sort((a, b) => a.level - b.level || (a.path < b.path ? -1 : 1))
    const [first, ...others] = folders
    return first && { kind: 'found', matchedBy, folders: [first, ...others] }
  }
  const beside = (uid: string): FoundCgroups | undefined => {
    const spellings = spellingsOf(uid)
    const paths = [...places.values()].flatMap(({ parent, before, after }) =>
      spellings.map((spelling) => join(parent, `${before}${spelling}${after}`)),
    )
    const result = found('uid', paths)
    if (result) counts.hits++
    return result
  }
  /** Learns the places of all pods on the way, so that one walk serves the others, too. */
  const walk = async (from: string, except: string | undefined, { cgroupUid, containerIds }: PodNames) => {
    const spellings = new Set(spellingsOf(cgroupUid))
    const ids = new Set(containerIds.filter((id) => CONTAINER_ID.test(id)))
    const [byUid, byContainer]: [string[], string[]] = [[], []]
    counts.walks++
    // In a pod's folder are its containers, and below those whatever their processes made, under any name they like.
    const enters = ({ path, name }: Folder): boolean =>
      path !== except && !isInPod(path) && (podName(name) === undefined || ids.size > 0)
    const { isCut, unreadable } = await walkFolders(from, { maxDepth, maxFolders, enters }, ({ path, name }) => {
      const pod = isInPod(path) ? undefined : podName(name)
      if (pod && pod.containerId === undefined) remember(dirname(path), pod.before, pod.after)
      if (pod && spellings.has(pod.spelling)) byUid.push(path)
      else if (ids.has(containerIdOf(name) ?? '')) byContainer.push(path)
      return byUid.length + byContainer.length >= MAX_FOUND
    })
    if (isCut || unreadable > 0) counts.walksCut++
    return found('uid', byUid) ?? found('container', byContainer)
  }
  const refusal = ({ cgroupUid }: PodNames): PodCgroupSearch | undefined =>
    isPossibleUid(cgroupUid)
      ? undefined
      : { kind: 'refused', why: `${JSON.stringify(cgroupUid.slice(0, 64))} cannot be the UID of a pod` }
  const none = (where: string): PodCgroupSearch => ({ kind: 'none', why: `no cgroup of the pod was found ${where}` })

  return {
    lookUp: (pod) => refusal(pod) ?? beside(pod.cgroupUid) ?? none('where other pods are'),
    search: async (pod) => {
      const early = refusal(pod) ?? beside(pod.cgroupUid)
      if (early) return early
      const pods = podsCgroup()
      const inside = pods === undefined ? undefined : await walk(pods, undefined, pod)
      if (inside?.matchedBy === 'uid') return inside
      const outside = await walk(root, pods, pod)
      return (outside?.matchedBy === 'uid' ? outside : (inside ?? outside)) ?? none(`below ${root}`)
    },
    counts: () => ({ ...counts, places: places.size }),
  }
}
