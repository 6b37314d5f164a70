/** Where the node's cgroup2 hierarchy is mounted. */
import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { UnderstudyError } from '../../errors.ts'

export interface CgroupRoot {
  /** The mount, without a slash at its end. */
  readonly path: string
  /** unified: cgroup2 alone; hybrid: cgroup2 beside version 1; legacy: version 1, and cgroup2 somewhere else. */
  readonly layout: 'unified' | 'hybrid' | 'legacy'
  /** False where a part of the hierarchy is mounted, as a container without the node's mount sees it. */
  readonly isWhole: boolean
}

export interface CgroupRootOptions {
  /** The setting `cgroupRoot`; empty to look. */
  readonly setting: string
  /** Where systemd mounts cgroups. */
  readonly folder?: string
  /** f_type of statfs(2), undefined where there is nothing. */
  readonly typeOf?: (path: string) => number | undefined
}

/** CGROUP2_SUPER_MAGIC of linux/magic.h. */
export const CGROUP2_MAGIC = 0x63677270

const fileSystemType = (path: string): number | undefined => {
  try {
    return statfsSync(path).type
  } catch {
    return undefined
  }
}

/** The setting where there is one, else /sys/fs/cgroup, else its `unified`, told by statfs. Throws NO_CGROUP2. */
export const findCgroupRoot = ({
  setting,
  folder = '/sys/fs/cgroup',
  typeOf = fileSystemType,
}: CgroupRootOptions): CgroupRoot => {
  const unified = join(folder, 'unified')
  const isCgroup2 = (path: string): boolean => typeOf(path) === CGROUP2_MAGIC
  const layout = isCgroup2(folder) ? 'unified' : isCgroup2(unified) ? 'hybrid' : 'legacy'
  const wanted = setting === '' ? [folder, unified] : [setting]
  const path = wanted.find(isCgroup2)
  if (path !== undefined) {
    // The file says what a cgroup is to its parent, which the top of the hierarchy has not (cgroup-v2.rst).
    return { path: path.replace(/(?<=.)\/+$/, ''), layout, isWhole: !existsSync(join(path, 'cgroup.type')) }
  }
  const found = wanted.map((place) => `${place} ${typeOf(place) === undefined ? 'is not there' : 'is none'}`)
  throw new UnderstudyError('NO_CGROUP2', `the node's cgroup2 file system was not found: ${found.join(', ')}`, {
    facts: { layout },
    remedy:
      setting === ''
        ? 'Mount /sys/fs/cgroup of the node into the container, or set cgroupRoot to where its cgroup2 is mounted.'
        : 'Set cgroupRoot to where the cgroup2 file system of the node is mounted, or leave it empty to have it found.',
  })
}
