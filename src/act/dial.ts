/** The port through which every upstream connection is made, and its two implementations. */
import { lookup } from 'node:dns'
import { connect, isIP, Socket } from 'node:net'
import { getSystemErrorName } from 'node:util'
import type { Endpoint } from '../flow.ts'
import type { IsOwn } from '../resolve/chain.ts'
import { plainAddress } from '../resolve/plain-address.ts'
import { codedError } from './fault.ts'

export interface DialOptions {
  /** The source address to keep, where the application had chosen one. */
  readonly source?: string
  /** A PROXY header, to be the connection's first bytes. */
  readonly proxyHeader?: Buffer
  /** Inbound: to the application on this port of its own, past whatever steers its clients to us. */
  readonly appPort?: number
  /** Over TLS, with a server that proves to be this. */
  readonly secureName?: string
}

/** Begins to connect; `done` gets a socket that is still connecting, or the error of the name look-up. */
export type Dial = (
  destination: Endpoint,
  options: DialOptions,
  done: (error: NodeJS.ErrnoException | undefined, socket?: Socket) => void,
) => void

/** Makes an unconnected, non-blocking TCP socket where the workload lives: a descriptor, or -errno. */
export type MakeSocket = (ipv6: boolean, source: string) => number

/** For an attempt that ended before there was a socket: tells -errno as a socket's error. */
export const failedSocket = (result: number): Socket => {
  const code = getSystemErrorName(result)
  return new Socket().destroy(Object.assign(new Error(`cannot make an upstream socket: ${code}`), { code }))
}

/** Finds an address for a name. */
export type LookUpName = (
  name: string,
  done: (error: NodeJS.ErrnoException | undefined, address: string | undefined) => void,
) => void

/** With this process's own resolver, from its own namespace. */
export const lookUpHere: LookUpName = (name, done) =>
  lookup(name, (error, address) => done(error ?? undefined, address))

/** Begins to connect to an IP address with a socket made in the workload's network namespace. */
export const connectFrom = (makeSocket: MakeSocket, { address, port }: Endpoint, source = ''): Socket => {
  const fd = makeSocket(isIP(address) === 6, source)
  return fd < 0 ? failedSocket(fd) : new Socket({ fd, allowHalfOpen: true }).connect({ host: address, port })
}

/** Dials with sockets made in the workload's network namespace; `lookUp` is asked for what is no address. */
export const createWorkloadDial =
  (makeSocket: MakeSocket, lookUp: LookUpName): Dial =>
  ({ address: name, port }, { source }, done) => {
    const dial = (address: string) => done(undefined, connectFrom(makeSocket, { address, port }, source))
    if (isIP(name) !== 0) return dial(name)
    lookUp(name, (error, address) =>
      address === undefined ? done(error ?? codedError('ENOTFOUND', `${name}: no address`)) : dial(address),
    )
  }

/**
 * Breaks off connections that turn out to lead back to us: a name shows where it leads only once it is connected, and
 * a request that comes back would be sent on again, without end.
 */
export const refusingOwn =
  (dial: Dial, isOwn: IsOwn): Dial =>
  (destination, options, done) =>
    dial(destination, options, (failure, socket) => {
      socket?.once('connect', () => {
        const { remoteAddress = '', remotePort = 0 } = socket
        if (!isOwn({ address: plainAddress(remoteAddress), port: remotePort })) return
        socket.destroy(codedError('ELOOP', `${destination.address} port ${destination.port} is understudy itself`))
      })
      done(failure, socket)
    })

/** Writes the PROXY header that was asked for, ahead of whatever whoever gets the socket will write. */
export const withProxyHeader =
  (dial: Dial): Dial =>
  (destination, options, done) =>
    dial(destination, options, (failure, socket) => {
      const { proxyHeader } = options
      // Now, not once it is connected: what is written meanwhile must come after it.
      if (proxyHeader && !socket?.destroyed) socket?.write(proxyHeader)
      done(failure, socket)
    })

/** Dials from where we are; both address families are tried for a name (RFC 8305). */
export const directDial: Dial = (destination, options, done) =>
  done(
    undefined,
    connect({
      host: destination.address,
      port: destination.port,
      allowHalfOpen: true,
      ...(options.source ? { localAddress: options.source } : {}),
    }),
  )
