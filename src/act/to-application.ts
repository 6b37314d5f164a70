/** Inbound: connections of our own to the application, in place of those that its clients made. */
import { isIP, Socket } from 'node:net'
import { type Dial, type DialOptions, failedSocket } from './dial.ts'

/** A connection of ours as the application sees it; known before it is made. */
export interface OwnDial {
  readonly address: string
  readonly port: number
  readonly appPort: number
}

export interface ApplicationSockets {
  /**
   * An unconnected socket where the application lives, bound to `source` ('' = not bound), which need not be an address of
   * that place. `port` is 0 unless one was to be chosen now.
   */
  make(ipv6: boolean, source: string, withPort: boolean): { readonly fd: number; readonly port: number }
  /**
   * Whether the kernel takes our own connections for those of clients: but for those over loopback, those with one address
   * at both ends, and those it was told of.
   */
  readonly areSteered: boolean
  /** Tells the kernel of one; false where it cannot be told. */
  announce(dial: OwnDial): boolean
  forget(dial: OwnDial): void
  /** A socket with the client's address cannot be had: one without is taken. */
  onSourceLost(errno: number): void
  /** The application does not listen where it did. */
  onRefused(appPort: number): void
}

interface Opened {
  /** Or -errno. */
  readonly fd: number
  /** What the kernel was told. */
  readonly told?: OwnDial
}

const ENOBUFS = -105

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** With the client's address where it is wanted and can be had. */
const openAs = (sockets: ApplicationSockets, to: string, source: string, appPort: number): Opened => {
  const isTold = sockets.areSteered && !isLoopback(to)
  const { fd, port } = sockets.make(isIP(to) === 6, source, isTold)
  return fd >= 0 && isTold ? { fd, told: { address: source, port, appPort } } : { fd }
}

const open = (sockets: ApplicationSockets, to: string, { source = '' }: DialOptions, appPort: number): Opened => {
  if (source !== '' && isIP(source) === isIP(to) && !source.startsWith('fe80')) {
    const opened = openAs(sockets, to, source, appPort)
    if (opened.fd >= 0) return opened
    sockets.onSourceLost(opened.fd)
  }
  // The kernel itself would choose another address of this machine for some that it has.
  return sockets.make(isIP(to) === 6, sockets.areSteered ? to : '', false)
}

/** Dials with such sockets. Takes addresses only, where `appPort` is given. */
export const createApplicationDial =
  (sockets: ApplicationSockets, otherwise: Dial): Dial =>
  (destination, options, done) => {
    const { appPort } = options
    if (appPort === undefined) return otherwise(destination, options, done)
    const { fd, told } = open(sockets, destination.address, options, appPort)
    // Not otherwise: an unknown connection to the application may come back to us.
    if (fd < 0) return done(undefined, failedSocket(fd))
    const socket = new Socket({ fd, allowHalfOpen: true })
    if (told) {
      if (!sockets.announce(told)) {
        socket.destroy()
        return done(undefined, failedSocket(ENOBUFS))
      }
      socket.once('close', () => sockets.forget(told))
    }
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') sockets.onRefused(appPort)
    })
    done(undefined, socket.connect({ host: destination.address, port: destination.port }))
  }
