/** The tc programs of inbound.bpf.o on an interface: tcx links or clsact filters, and what the latter leave behind. */
import { fstatSync, statSync } from 'node:fs'
import { UnderstudyError } from '../errors.ts'
import { explainAttach } from './explain.ts'
import { errorName, type Shim } from './shim.ts'

/** Where the tc programs hang: tcx links (Linux 6.6), which vanish with the process, or filters of a clsact qdisc. */
export type TcHook = 'tcx' | 'clsact'

/** What a killed process leaves behind when it hung on clsact: enough for `removeRemains` to find it, and only it. */
export interface InboundRemains {
  readonly netnsPath: string
  /** Inode of the namespace: another one may have the path by now. */
  readonly netnsInode: string
  readonly ifindex: number
  /** Of the ingress and the egress program. */
  readonly programIds: readonly [number, number]
  /** There was no clsact qdisc before us. */
  readonly madeQdisc: boolean
}

/** The programs, as they are named in C. */
export const INGRESS = 'steer_ingress'
export const EGRESS = 'restore_egress'
/** What a kernel without tcx says to its attach types. */
const NO_TCX = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUPP'])

const netnsInode = (fd: number): string =>
  String((fd < 0 ? statSync('/proc/self/ns/net', { bigint: true }) : fstatSync(fd, { bigint: true })).ino)

export interface Interface {
  /** The workload's namespace; -1 is our own. */
  readonly netnsFd: number
  readonly name: string
  readonly ifindex: number
}

/** The interface to hang on. Throws ATTACH_REFUSED. */
export const findInterface = (shim: Shim, netnsFd: number, name: string): Interface => {
  const result = shim.raw('understudy_interface', netnsFd, name)
  if (result > 0) return { netnsFd, name, ifindex: result }
  const errno = errorName(result)
  const why = errno === 'EPROTONOSUPPORT' ? 'it is not an Ethernet device' : errno
  throw new UnderstudyError('ATTACH_REFUSED', `cannot intercept on the interface "${name}": ${why}`, {
    remedy: 'Name the interface that clients come in by, as `ip link` shows it in the workload.',
    facts: { interface: name, errno },
  })
}

export interface TcAttachment {
  attachedBy(): TcHook | undefined
  attach(): void
  detach(): void
  /** What to write down before attach(). */
  remains(netnsPath: string): InboundRemains
}

/** Egress first on, ingress first off. `hook` auto takes tcx where the kernel has it. */
export const tcAttachment = (
  shim: Shim,
  handle: () => number,
  { netnsFd, name, ifindex }: Interface,
  hook: TcHook | 'auto',
): TcAttachment => {
  const hadQdisc = shim.raw('understudy_has_clsact', netnsFd, ifindex) === 1
  let attachedBy: TcHook | undefined
  let madeQdisc = false

  const attachBoth = (call: 'understudy_attach_tcx' | 'understudy_attach_clsact'): number => {
    const out = shim.raw(call, handle(), EGRESS, netnsFd, ifindex, 1)
    if (out < 0) return out
    const inward = shim.raw(call, handle(), INGRESS, netnsFd, ifindex, 0)
    if (inward < 0) shim.raw('understudy_detach', handle(), EGRESS)
    return inward
  }
  const removeQdisc = (): void => {
    if (madeQdisc) shim.raw('understudy_remove_clsact', netnsFd, ifindex)
    madeQdisc = false
  }
  const refuse = (result: number, by: TcHook): never => {
    throw explainAttach(result, `${INGRESS} and ${EGRESS} (${by})`, name, shim.takeLog())
  }
  const byClsact = (): void => {
    const made = shim.raw('understudy_make_clsact', netnsFd, ifindex)
    if (made < 0) refuse(made, 'clsact')
    madeQdisc = made === 1
    const result = attachBoth('understudy_attach_clsact')
    if (result < 0) {
      removeQdisc()
      refuse(result, 'clsact')
    }
    attachedBy = 'clsact'
  }
  return {
    attachedBy: () => attachedBy,
    attach: () => {
      if (hook === 'clsact') return byClsact()
      const result = attachBoth('understudy_attach_tcx')
      if (result >= 0) attachedBy = 'tcx'
      else if (hook === 'auto' && NO_TCX.has(errorName(result))) byClsact()
      else refuse(result, 'tcx')
    },
    detach: () => {
      for (const program of [INGRESS, EGRESS]) shim.raw('understudy_detach', handle(), program)
      removeQdisc()
      attachedBy = undefined
    },
    remains: (netnsPath) => {
      const id = (program: string): number => shim.call('understudy_program_id', handle(), program)
      const programIds = [id(INGRESS), id(EGRESS)] as const
      return { netnsPath, netnsInode: netnsInode(netnsFd), ifindex, programIds, madeQdisc: !hadQdisc }
    },
  }
}

/** Removes what a dead process left on clsact, in words; empty when its namespace or its filters are gone. */
export const removeRemains = (shim: Shim, remains: InboundRemains): string[] => {
  const fd = shim.raw('understudy_open_netns', remains.netnsPath)
  if (fd < 0) return []
  try {
    if (netnsInode(fd) !== remains.netnsInode) return []
    const where = `interface ${remains.ifindex} of ${remains.netnsPath}`
    const removed = remains.programIds.flatMap((id, egress) => {
      const done = shim.raw('understudy_remove_filter', fd, remains.ifindex, egress, id) === 1
      return done ? [`filter ${egress ? EGRESS : INGRESS} on ${where}`] : []
    })
    const isQdiscGone = remains.madeQdisc && shim.raw('understudy_remove_clsact', fd, remains.ifindex) === 1
    return isQdiscGone ? [...removed, `clsact qdisc on ${where}`] : removed
  } finally {
    shim.raw('understudy_close_fd', fd)
  }
}
