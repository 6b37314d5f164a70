/**
 * The programs of a node on the cgroup of all its pods: attached once, pinned, taken over from an earlier agent without a
 * gap, and compared again and again with what is really there.
 */
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UnderstudyError } from '../errors.ts'
import { explainAttach } from './explain.ts'
import type { Pins } from './pins.ts'
import { errorName, type Shim } from './shim.ts'

/**
 * Hook, which is also the name of the link's pin → program. In the order of attaching: the record path first, for a
 * redirected connection must never find it missing; what restores before what redirects, for no answer may come from an
 * address that nobody asked.
 */
export const HOOKS = {
  sockops: 'follow_sockets',
  recvmsg4: 'restore_source4',
  recvmsg6: 'restore_source6',
  sendmsg4: 'redirect_sendmsg4',
  sendmsg6: 'redirect_sendmsg6',
  getpeername6: 'restore_peername6',
  getpeername4: 'restore_peername4',
  sock_release: 'forget_released',
  connect6: 'redirect_connect6',
  connect4: 'redirect_connect4',
} as const
export type Hook = keyof typeof HOOKS

const DATAGRAM_HOOKS: ReadonlySet<string> = new Set<Hook>(['recvmsg4', 'recvmsg6', 'sendmsg4', 'sendmsg6'])

/** The hooks to attach to, in order. */
export const hooksInOrder = (dns: boolean): { readonly hook: Hook; readonly program: string }[] =>
  (Object.keys(HOOKS) as Hook[])
    .filter((hook) => dns || !DATAGRAM_HOOKS.has(hook))
    .map((hook) => ({ hook, program: HOOKS[hook] }))

/**
 * ours: our program runs there. other_program: another's, such as an agent's that has taken over, or what is pinned there
 * is no link. missing: nothing is pinned there. dead: the link's cgroup is gone, or somebody has detached it, or it is on another cgroup.
 */
export type LinkState = 'ours' | 'other_program' | 'missing' | 'dead'
const STATES = ['ours', 'other_program', 'missing', 'dead'] as const

export interface NodeLink {
  readonly hook: Hook
  readonly state: LinkState
  /** Of the cgroup that the link is on; 0n where there is none. */
  readonly cgroupId: bigint
}

export interface NodeAttachment {
  /** The cgroup2 folder that all pods are below, and the agent too: its listeners' sockets belong to its own cgroup. */
  readonly podsCgroup: string
  /** The hooks of DNS, which run for each datagram that names an address. */
  readonly dns: boolean
}

export interface NodeHooks {
  /**
   * Takes over the pinned links, or attaches; after startHeartbeat. Says what it did by hook: `updated` in place, or
   * `attached` anew. Throws ATTACH_REFUSED, which names the program in the way.
   */
  attachNode(to: NodeAttachment): Readonly<Record<string, 'updated' | 'attached'>>
  /** What is there now, by hook; empty before attachNode. */
  links(): NodeLink[]
  /** Has our programs at every hook, and every pin, again; names what was not so: `connect4: missing`. Throws ATTACH_REFUSED. */
  repairLinks(): string[]
  /** The hooks at which our program does not run for sockets of this cgroup2 folder; none is well. */
  hooksMissingAt(cgroupPath: string): Hook[]
  /** Nanoseconds and runs of each program while it was measured: by us, or by anybody else on this machine. */
  readCosts(): ProgramCost[]
  /** Has the kernel measure them until disableCosts() or close(). Throws KERNEL_CALL_FAILED before Linux 5.8. */
  enableCosts(): void
  disableCosts(): void
}

export interface ProgramCost {
  readonly program: string
  readonly runNs: number
  readonly runs: number
}

/** BPF_F_ALLOW_MULTI: whoever attaches with it leaves room for others. */
const ALLOW_MULTI = 2
const MAX_PROGRAMS = 64
const NAME_BYTES = 16
const UPDATED = 0

/** What the kernel answers about one cgroup and one hook. */
const attachedAt = (shim: Shim, handle: number, hook: Hook, cgroup: string, isEffective: boolean) => {
  const answer = Buffer.alloc(4 * (1 + MAX_PROGRAMS))
  const args = [handle, HOOKS[hook], cgroup, isEffective ? 1 : 0, answer, answer.length] as const
  const count = shim.raw('understudy_attached', ...args)
  const ids = Array.from({ length: Math.max(count, 0) }, (_, i) => answer.readUInt32LE(4 * (1 + i)))
  return { flags: answer.readUInt32LE(0), ids, isKnown: count >= 0 }
}

const programName = (shim: Shim, id: number): string => {
  const name = Buffer.alloc(NAME_BYTES)
  const length = shim.raw('understudy_program_name', id, name, name.length)
  return length > 0 ? name.toString('latin1', 0, length) : ''
}

/** A program that was attached without BPF_F_ALLOW_MULTI and so excludes ours, on the cgroup or above it. */
export interface Excluder {
  readonly id: number
  readonly name: string
  readonly hook: Hook
  readonly cgroup: string
}

const findExcluder = (shim: Shim, handle: number, hook: Hook, podsCgroup: string): Excluder | undefined => {
  for (let cgroup = podsCgroup; ; cgroup = dirname(cgroup)) {
    const { flags, ids, isKnown } = attachedAt(shim, handle, hook, cgroup, false)
    if (!isKnown) return undefined // above the mount point
    const [id] = ids
    if (id !== undefined && (flags & ALLOW_MULTI) === 0) return { id, name: programName(shim, id), hook, cgroup }
    if (cgroup === dirname(cgroup)) return undefined
  }
}

const refused = (shim: Shim, handle: number, hook: Hook, podsCgroup: string, result: number): UnderstudyError => {
  const excluder = errorName(result) === 'EPERM' ? findExcluder(shim, handle, hook, podsCgroup) : undefined
  if (!excluder) return explainAttach(result, HOOKS[hook], podsCgroup, shim.takeLog())
  const who = `program ${excluder.id}${excluder.name && ` (${excluder.name})`}`
  return new UnderstudyError(
    'ATTACH_REFUSED',
    `cannot attach ${HOOKS[hook]} to ${podsCgroup}: ${who} is attached to ${excluder.cgroup} as ${hook} and excludes every other`,
    {
      remedy:
        'Have its owner attach it with a bpf_link or with BPF_F_ALLOW_MULTI, or detach it: ' +
        `\`bpftool cgroup detach ${excluder.cgroup} ${hook} id ${excluder.id}\`.`,
      facts: { errno: errorName(result), excluder },
    },
  )
}

const linkState = (shim: Shim, handle: number, hook: Hook, pin: string, expected: bigint): NodeLink => {
  const bytes = Buffer.alloc(8)
  const state = STATES[shim.call('understudy_link_state', handle, HOOKS[hook], pin, bytes)] ?? 'missing'
  const cgroupId = bytes.readBigUInt64LE(0)
  const isElsewhere = cgroupId !== 0n && cgroupId !== expected
  return { hook, state: isElsewhere ? 'dead' : state, cgroupId }
}

const costOf = (shim: Shim, handle: number, program: string): ProgramCost => {
  const bytes = Buffer.alloc(16)
  shim.call('understudy_program_cost', handle, program, bytes)
  return { program, runNs: Number(bytes.readBigUInt64LE(0)), runs: Number(bytes.readBigUInt64LE(8)) }
}

const idOfCgroup = (shim: Shim, path: string): bigint => {
  const id = Buffer.alloc(8)
  return shim.raw('understudy_cgroup_id', path, id) < 0 ? 0n : id.readBigUInt64LE(0)
}

/** `handle` is asked for at each call: it changes when the programs are closed. */
export const nodeHooks = (shim: Shim, handle: () => number, pins: Pick<Pins, 'folder' | 'restore'>): NodeHooks => {
  let attachment: NodeAttachment | undefined
  let stats = -1
  const hooks = (): Hook[] => hooksInOrder(attachment?.dns ?? false).map(({ hook }) => hook)
  const pinOf = (hook: Hook): string => (pins.folder() === '' ? '' : join(pins.folder(), hook))
  /** An agent before this one may have had more hooks than are wanted by now. */
  const dropUnwanted = (): void => {
    const wanted = new Set<string>(hooks())
    const unwanted = hooksInOrder(true).filter(({ hook }) => !wanted.has(hook) && pins.folder() !== '')
    for (const { hook } of unwanted) rmSync(pinOf(hook), { force: true })
  }
  const attachTo = (hook: Hook, podsCgroup: string): 'updated' | 'attached' => {
    const result = shim.raw('understudy_attach_node', handle(), HOOKS[hook], podsCgroup, pinOf(hook))
    if (result < 0) throw refused(shim, handle(), hook, podsCgroup, result)
    return result === UPDATED ? 'updated' : 'attached'
  }
  const links = (): NodeLink[] => {
    if (!attachment) return []
    const expected = idOfCgroup(shim, attachment.podsCgroup)
    return hooks().map((hook) => linkState(shim, handle(), hook, pinOf(hook), expected))
  }
  return {
    attachNode: (to) => {
      attachment = to
      dropUnwanted()
      return Object.fromEntries(hooks().map((hook) => [hook, attachTo(hook, to.podsCgroup)]))
    },
    links,
    repairLinks: () => {
      const maps = pins.restore()
      const broken = links().filter(({ state }) => state !== 'ours')
      for (const { hook } of broken) if (attachment) attachTo(hook, attachment.podsCgroup)
      return [...maps, ...broken.map(({ hook, state }) => `${hook}: ${state}`)]
    },
    hooksMissingAt: (cgroupPath) =>
      hooks().filter((hook) => {
        const id = shim.call('understudy_program_id', handle(), HOOKS[hook])
        return !attachedAt(shim, handle(), hook, cgroupPath, true).ids.includes(id)
      }),
    readCosts: () => Object.values(HOOKS).map((program) => costOf(shim, handle(), program)),
    enableCosts: () => {
      if (stats < 0) stats = shim.call('understudy_enable_stats')
    },
    disableCosts: () => {
      if (stats >= 0) shim.raw('understudy_close_fd', stats)
      stats = -1
    },
  }
}
