/** The packet filter rules of a run in its state file: where they are, and their removal by whoever comes later. */
import { readdirSync, statSync } from 'node:fs'
import { z } from 'zod'
import type { LeftRules } from '../capture/capture.ts'
import { removeLeft } from '../capture/leftovers.ts'
import { removeRemains } from '../kernel/inbound-tc.ts'
import { openNetns } from '../kernel/netns.ts'
import type { Shim } from '../kernel/shim.ts'
import type { LockPorts, SweepPorts } from '../workloads/run-state.ts'

const OWN_NETNS = '/proc/self/ns/net'
const NAMED = '/run/netns'

const Noted = z.object({
  id: z.string().regex(/^[0-9a-z-]{1,17}$/),
  tool: z.enum(['iptables', 'nft']),
  isTproxy: z.boolean(),
  slot: z.int().min(0).max(255),
  /** The namespace: its inode, and a path that led there. */
  netns: z.object({ inode: z.number(), path: z.string() }),
})

/** Rules with their namespace, as they are written down. */
export const notedRules = (left: LeftRules, netns: string | undefined): z.infer<typeof Noted> => {
  const path = netns ?? OWN_NETNS
  return { ...left, netns: { inode: statSync(path).ino, path } }
}

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

const removeRules = async (shim: Shim, rules: unknown): Promise<readonly string[]> => {
  const { netns: noted, ...left } = Noted.parse(rules)
  const path = findNetns(noted)
  if (path === undefined) return [] // the rules went with their namespace
  const netns = openNetns(shim, path)
  try {
    return await removeLeft(left, netns.fd)
  } finally {
    netns.close()
  }
}

export const lockPorts = (shim: Shim): LockPorts => ({
  lock: (path) => shim.raw('understudy_lock', path),
  unlock: (fd) => void shim.raw('understudy_close_fd', fd),
})

/** What a sweep needs. */
export const sweepPorts = (shim: Shim): SweepPorts => ({
  ...lockPorts(shim),
  removeRemains: (remains) => removeRemains(shim, remains),
  removeRules: (rules) => removeRules(shim, rules),
})
