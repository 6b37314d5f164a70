/** Accepts connections, looks each one up once, and hands them on as flows. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Direction, Flow, SavedDestination, Workload } from '../flow.ts'
import { plainAddress } from '../resolve/plain-address.ts'
import { acceptedFd } from './accepted-fd.ts'

/** What the kernel knows of an accepted socket. */
export type Identify = (fd: number) => { readonly cookie: bigint; readonly saved?: SavedDestination }

export interface ListenerOptions {
  readonly workload: Workload
  readonly direction: Direction
  /** The listener has IP_TRANSPARENT: what it accepts keeps the address it was sent to. */
  readonly isTransparent?: boolean
  /** Inbound: the application's port that this listener stands for. */
  readonly standsFor?: number
  readonly identify: Identify
  /** Connections held at once over all listeners that share the counter; one more is reset. */
  readonly slots: { take(): boolean; give(): void }
  readonly onFlow: (socket: Socket, flow: Flow) => void
}

const NO_KERNEL: ReturnType<Identify> = { cookie: 0n }
export const noKernel: Identify = () => NO_KERNEL

/** A server for one listening socket; the caller makes it listen. */
export const createListener = (options: ListenerOptions): Server =>
  createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    // Every later stage adds its own; until then a reset must not be an uncaught error.
    socket.on('error', ignore)
    if (!options.slots.take()) return void socket.resetAndDestroy()
    socket.once('close', () => options.slots.give())
    const fd = acceptedFd(socket)
    const { cookie, saved } = options.identify(fd)
    options.onFlow(socket, {
      cookie,
      workload: options.workload,
      direction: options.direction,
      client: { address: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 },
      local: { address: plainAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 },
      fd,
      ...(options.isTransparent ? { isTransparent: true } : {}),
      ...(options.standsFor === undefined ? {} : { standsFor: options.standsFor }),
      ...(saved ? { saved } : {}),
    })
  })

const ignore = (): void => undefined
