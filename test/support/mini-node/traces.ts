/** What can be seen of a mini-node from outside, to see that nothing of it is left. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { hierarchies } from './cgroup-trees.ts'
import type { MiniNode } from './interface.ts'
import { identityOf, isAlive, type ProcessIdentity } from './leftovers.ts'

/** What a node is known by after it has gone. */
export interface Traces {
  readonly id: string
  readonly folder: string
  /** Those in its network, mount or process namespace, or in the network of one of its pods. */
  readonly processes: readonly ProcessIdentity[]
}

const KINDS = ['net', 'mnt', 'pid'] as const

const namespacesOf = (pid: number | string): string[] =>
  KINDS.flatMap((kind) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)]
    } catch {
      return [] // it has ended
    }
  })

/** What there is of a node now. The kernel gives the numbers of namespaces out again, so they tell nothing later. */
export const tracesOf = (node: MiniNode): Traces => {
  const namespaces = new Set([node.initPid, ...node.pods.map((pod) => pod.pausePid)].flatMap(namespacesOf))
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))
  const within = pids.filter((pid) => namespacesOf(pid).some((one) => namespaces.has(one)))
  return { id: node.id, folder: node.folder, processes: within.map((pid) => identityOf(Number(pid))) }
}

export const processesLeft = ({ processes }: Traces): number[] => processes.filter(isAlive).map(({ pid }) => pid)

/** Everything else that there is of it: cgroups of any hierarchy, its folder, mounts that can be seen here. */
export const thingsLeft = ({ id, folder }: Traces): string[] => {
  const { unified, v1 } = hierarchies()
  const cgroups = [unified, ...v1]
    .map((mount) => join(mount, `understudy-test-${id}`))
    .filter((path) => existsSync(path))
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(id) || line.includes('/run/netns/cni-') || line.includes('/run/containerd'))
  return [...cgroups, ...(existsSync(folder) ? [folder] : []), ...mounts]
}
