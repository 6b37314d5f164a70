/** The packet filter rules of a run in its state file: where they are, and their removal by whoever comes later. */
import { readdirSync, statSync } from 'node:fs'
import { z } from 'zod'
import type { LeftRules } from '../capture/capture.ts'
import { removeLeft } from '../capture/leftovers.ts'
import { removeRemains } from '../kernel/inbound-tc.ts'
import { openNetns } from '../kernel/netns.ts'
import type { Shim } from '../kernel/shim.ts'
import type { LockPorts, SweepPorts } from '../workloads/run-state.ts'
import { removeNotedRoutes } from './source-routing.ts'

const OWN_NETNS = '/proc/self/ns/net'
const NAMED = '/run/netns'

const InNetns = z.object({
  /** The namespace: its inode, and a path that led there. */
  netns: z.object({ inode: z.number(), path: z.string() }),
})
const Noted = z.object({
  id: z.string().regex(/^[0-9a-z-]{1,17}$/),
  tool: z.enum(['iptables', 'nft']),
  isTproxy: z.boolean(),
  slot: z.int().min(0).max(255),
  ...InNetns.shape,
})

/** Anything with its namespace, as it is written down. */
export const notedIn = <T extends object>(what: T, netns: string | undefined): T & z.infer<typeof InNetns> => {
  const path = netns ?? OWN_NETNS
  return { ...what, netns: { inode: statSync(path).ino, path } }
}

/** Rules with their namespace. */
export const notedRules = (left: LeftRules, netns: string | undefined): z.infer<typeof Noted> => notedIn(left, netns)

const isNamespace = (path: string, inode: number): boolean => {
  try {
    return statSync(path).ino === inode
  } catch {
    return false
  }
}

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** A path that leads to the namespace now; undefined where nobody is in it and nobody has named it. */
const findNetns = ({ inode, path }: z.infer<typeof Noted>['netns']): string | undefined => {
  const known = [path, OWN_NETNS, ...namesIn(NAMED).map((name) => `${NAMED}/${name}`)]
  const found = known.find((each) => isNamespace(each, inode))
  if (found !== undefined) return found
  const pids = namesIn('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((pid) => `/proc/${pid}/ns/net`).find((each) => isNamespace(each, inode))
}

const inside = async (
  shim: Shim,
  noted: z.infer<typeof InNetns>,
  remove: (netnsFd: number) => Promise<readonly string[]>,
): Promise<readonly string[]> => {
  const path = findNetns(noted.netns)
  if (path === undefined) return [] // what was left went with its namespace
  const netns = openNetns(shim, path)
  try {
    return await remove(netns.fd)
  } finally {
    netns.close()
  }
}

const removeRules = async (shim: Shim, rules: unknown): Promise<readonly string[]> => {
  const { netns, ...left } = Noted.parse(rules)
  return inside(shim, { netns }, (netnsFd) => removeLeft(left, netnsFd))
}

export const lockPorts = (shim: Shim): LockPorts => ({
  lock: (path) => shim.raw('understudy_lock', path),
  unlock: (fd) => void shim.raw('understudy_close_fd', fd),
})

/** What a sweep needs. */
export const sweepPorts = (shim: Shim): SweepPorts => ({
  ...lockPorts(shim),
  removeRoutes: (routes) => inside(shim, InNetns.parse(routes), (netnsFd) => removeNotedRoutes(netnsFd, routes)),
  removeRemains: (remains) => removeRemains(shim, remains),
  removeRules: (rules) => removeRules(shim, rules),
})
