/** A walk through a tree of folders, breadth first and bounded, which never follows a symbolic link. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

export interface Folder {
  readonly path: string
  readonly name: string
  /** 1 for those directly below where the walk began. */
  readonly depth: number
}

export interface WalkBounds {
  readonly maxDepth: number
  /** Most folders seen; what is beyond is left out. */
  readonly maxFolders: number
  /** Whether to go on below a folder; asked after it was given out. */
  readonly enters?: (folder: Folder) => boolean
}

export interface WalkEnd {
  readonly folders: number
  /** There were more folders than `maxFolders`. */
  readonly isCut: boolean
  /** Folders that could not be read although they are there: no descriptor was left, for instance. */
  readonly unreadable: number
}

/** How many folders are read before others get their turn on the event loop. */
const BATCH = 32

/** What reading a folder says that is gone; ENODEV of a cgroup that is just being removed. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV'])

const childrenOf = ({ path, depth }: Pick<Folder, 'path' | 'depth'>): Folder[] | undefined => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ path: join(path, name), name, depth: depth + 1 }))
  } catch (error) {
    return GONE.has((error as NodeJS.ErrnoException).code ?? '') ? [] : undefined
  }
}

/** Gives out the folders below `root`, the nearest first; folders that go meanwhile are left out. */
export function* foldersBelow(root: string, { maxDepth, maxFolders, enters }: WalkBounds): Generator<Folder, WalkEnd> {
  const queue: Pick<Folder, 'path' | 'depth'>[] = [{ path: root, depth: 0 }]
  let folders = 0
  let unreadable = 0
  for (const parent of queue) {
    const children = childrenOf(parent)
    if (!children) unreadable++
    for (const child of children ?? []) {
      if (folders === maxFolders) return { folders, isCut: true, unreadable }
      folders++
      yield child
      if (child.depth < maxDepth && (enters?.(child) ?? true)) queue.push(child)
    }
  }
  return { folders, isCut: false, unreadable }
}

/** Walks to the end, or until `visit` returns true (then `isCut`), and lets others run on the way. */
export const walkFolders = async (
  root: string,
  bounds: WalkBounds,
  visit: (folder: Folder) => boolean | undefined,
): Promise<WalkEnd> => {
  const walk = foldersBelow(root, bounds)
  let seen = 0
  for (let next = walk.next(); ; next = walk.next()) {
    if (next.done) return next.value
    if (visit(next.value)) return { folders: seen + 1, isCut: true, unreadable: 0 }
    if (++seen % BATCH === 0) await setImmediate()
  }
}
