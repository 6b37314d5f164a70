/** Keep-alive connections to upstreams, one undici pool per destination and way of dialling it, bounded in number. */
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
// Not the package's front door: that also loads fetch, WebSocket and caches, and costs 4 MB for nothing used here.
import Pool from 'undici/lib/dispatcher/pool.js'
import type { Endpoint } from '../flow.ts'
import type { Dial, DialOptions } from './dial.ts'
import { codedError } from './fault.ts'
import { tlsError } from './secure.ts'

export interface UpstreamOptions {
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly keepAliveMs: number
  readonly connectionsPerDestination: number
  /** Pools at once; the least recently used one is closed first. */
  readonly destinations: number
  readonly onEvicted: () => void
  /** Called for each request that has to wait for one of its destination's connections. */
  readonly onFull: () => void
  readonly maxHeadBytes: number
}

export interface Upstreams {
  /** The pool for a destination, dialled like this. */
  pool(destination: Endpoint, from: DialOptions): Pool
  /** Sends a request over a connection of that pool. Throws where undici refuses to send it. */
  dispatch(
    destination: Endpoint,
    from: DialOptions,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): void
  readonly size: number
  close(): Promise<void>
}

/** Dials and waits for the connection, secure where it is to be, at most `timeoutMs`. */
export const connectWithin = (
  dial: Dial,
  destination: Endpoint,
  from: DialOptions,
  timeoutMs: number,
  done: (error: Error | undefined, socket?: Socket) => void,
): void => {
  dial(destination, from, (failure, socket) => {
    if (failure || !socket) return done(failure ?? codedError('ENOTFOUND', 'no socket'))
    const timer = setTimeout(() => {
      socket.destroy(
        codedError('ETIMEDOUT', `no connection to ${destination.address} port ${destination.port} in time`),
      )
    }, timeoutMs)
    const { secureName } = from
    const ready = secureName === undefined ? 'connect' : 'secureConnect'
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.off(ready, connected)
      socket.off('error', settle)
      if (error) done(secureName === undefined ? error : tlsError(error, destination))
      else done(undefined, socket)
    }
    const connected = (): void => {
      if (!socket.destroyed) settle() // else its error is on the way
    }
    socket.once(ready, connected)
    socket.once('error', settle)
  })
}

const originOf = ({ address, port }: Endpoint): string =>
  address.includes(':') ? `http://[${address}]:${port}` : `http://${address}:${port}`

/**
 * Marks the error of a pooled connection before undici sees it. undici takes a reset for the end of a body that runs
 * until the close, but a body that was reset is not complete: it leaves other codes alone. And only a connection that
 * has answered before may have been closed for its idleness, which is what a retry needs to know.
 */
const markErrors = (socket: Socket): void => {
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET'
    Object.assign(error, { socket: { bytesRead: socket.bytesRead } })
  })
}

/** Whether the connection that failed with this error had answered a request before. */
export const hadAnswered = (error: unknown): boolean => {
  const socket: unknown = error instanceof Error ? Reflect.get(error, 'socket') : undefined
  const bytesRead: unknown = typeof socket === 'object' && socket !== null ? Reflect.get(socket, 'bytesRead') : 0
  return typeof bytesRead === 'number' && bytesRead > 0
}

interface Entry {
  readonly key: string
  readonly destination: Endpoint
  readonly from: DialOptions
  readonly pool: Pool
  /** All its connections are in use: until it says `drain`, a further request waits. */
  isFull: boolean
}

/** A connection that began with a header speaks for one client: nobody else's request may go over it. */
const keyOf = ({ address, port }: Endpoint, { source = '', proxyHeader, appPort, secureName }: DialOptions): string => {
  const key = `${address} ${port} ${source} ${appPort ?? ''} ${secureName ?? ''}`
  return proxyHeader ? `${key} ${proxyHeader.toString('latin1')}` : key
}

/** The same key, without making it: most requests go where the last one went. */
const isFor = ({ destination, from }: Entry, { address, port }: Endpoint, other: DialOptions): boolean =>
  destination.port === port &&
  destination.address === address &&
  (from.source ?? '') === (other.source ?? '') &&
  from.appPort === other.appPort &&
  from.secureName === other.secureName &&
  from.proxyHeader === other.proxyHeader

export const createUpstreams = (dial: Dial, options: UpstreamOptions): Upstreams => {
  /** In order of last use: the first is the oldest. */
  const entries = new Map<string, Entry>()
  let last: Entry | undefined

  const create = (key: string, destination: Endpoint, from: DialOptions): Entry => {
    const pool = new Pool(originOf(destination), {
      connections: options.connectionsPerDestination,
      pipelining: 1,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      maxHeaderSize: options.maxHeadBytes,
      allowH2: false,
      connect: (_, connected) =>
        connectWithin(dial, destination, from, options.connectTimeoutMs, (error, socket) => {
          if (error || !socket) return connected(error ?? codedError('ENOTFOUND', 'no socket'), null)
          socket.setNoDelay(true)
          markErrors(socket)
          connected(null, socket)
        }),
    })
    const entry: Entry = { key, destination, from, pool, isFull: false }
    pool.on('drain', () => {
      entry.isFull = false
    })
    return entry
  }

  const evict = (): void => {
    const [oldest] = entries.values()
    if (!oldest) return
    options.onEvicted()
    entries.delete(oldest.key)
    // Requests in flight end normally; only then the pool's sockets close.
    oldest.pool.close().catch(() => undefined)
  }

  const entryFor = (destination: Endpoint, from: DialOptions): Entry => {
    if (last && isFor(last, destination, from)) return last
    const key = keyOf(destination, from)
    let entry = entries.get(key)
    if (entry) entries.delete(key)
    else {
      if (entries.size >= options.destinations) evict()
      entry = create(key, destination, from)
    }
    entries.set(key, entry)
    last = entry
    return entry
  }

  return {
    pool: (destination, from) => entryFor(destination, from).pool,
    dispatch: (destination, from, request, handler) => {
      const entry = entryFor(destination, from)
      const hasRoom = entry.pool.dispatch(request, handler)
      if (!hasRoom && entry.isFull) options.onFull()
      entry.isFull = !hasRoom
    },
    get size() {
      return entries.size
    },
    close: async () => {
      last = undefined
      await Promise.all([...entries.values()].map(({ pool }) => pool.destroy().catch(() => undefined)))
      entries.clear()
    },
  }
}
