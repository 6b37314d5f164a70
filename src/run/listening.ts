/** Listening sockets of ours in a workload's network namespace and in the cgroup of listeners. */
import type { Server } from 'node:net'
import { UnderstudyError } from '../errors.ts'
import { LISTEN_LATER, LISTEN_REUSEPORT, LISTEN_TRANSPARENT, type Netns } from '../kernel/netns.ts'
import { errorName } from '../kernel/shim.ts'
import { type ListenerCgroup, procsOf } from '../workloads/cgroup.ts'
import { whoListens } from '../workloads/who-listens.ts'

export interface ListenOptions {
  readonly address: string
  /** 0 takes any free one. */
  readonly port: number
  /** The setting that chose the port, for who has to choose another. */
  readonly key: string
  readonly isTransparent?: boolean
  /** Another agent may listen there, which only finishes what it has once this one listens: call `startListener`. */
  readonly isShared?: boolean
}

export const BACKLOG = 4096
const MISSING_FAMILY = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/**
 * A descriptor, or undefined where the namespace has no IPv6: it has no IPv6 connections either. Throws PORT_IN_USE or
 * KERNEL_CALL_FAILED.
 */
export const listenIn = (netns: Netns, cgroup: ListenerCgroup, options: ListenOptions): number | undefined => {
  const { address, port, key, isTransparent = false, isShared = false } = options
  const fd = netns.listen(
    procsOf(cgroup),
    address,
    port,
    BACKLOG,
    (isTransparent ? LISTEN_TRANSPARENT : 0) | (isShared ? LISTEN_REUSEPORT | LISTEN_LATER : 0),
  )
  if (fd >= 0) return fd
  const errno = errorName(fd)
  if (address.includes(':') && MISSING_FAMILY.has(errno)) return undefined
  if (errno === 'EADDRINUSE') {
    const who = whoListens(port, (name) => netns.readProcNet(name))
    throw new UnderstudyError('PORT_IN_USE', `port ${port} is in use${who ? ` by ${who}` : ''}`, {
      remedy: `Set ${key} to 0 (any free port) or to another one, or end that process.`,
    })
  }
  throw new UnderstudyError('KERNEL_CALL_FAILED', `cannot listen on ${address} port ${port}: ${errno}`)
}

/** Hands a listening descriptor to a server; resolves with its port. */
export const adopt = async (server: Server, fd: number): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // node listens again on a descriptor, and takes the backlog only here: among the options it is not looked at.
    server.listen({ fd }, BACKLOG, resolve)
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
