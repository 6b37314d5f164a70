/**
 * The descriptor of an accepted socket. Node keeps it in a private handle; this is the only module that looks there,
 * and the listener checks at its first connection that what it found is a descriptor.
 */
import type { Socket } from 'node:net'

/** -1 where this Node hides it: the flow then has no cookie, and resolves by its bytes. */
export const acceptedFd = (socket: Socket): number => {
  const handle: unknown = Reflect.get(socket, '_handle')
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  return typeof fd === 'number' ? fd : -1
}
