/** Keep-alive connections to upstreams, one undici pool per destination and source address, bounded in number. */
import type { Socket } from 'node:net'
// Not the package's front door: that also loads fetch, WebSocket and caches, and costs 4 MB for nothing used here.
import Pool from 'undici/lib/dispatcher/pool.js'
import type { Endpoint } from '../flow.ts'
import type { Dial } from './dial.ts'
import { codedError } from './fault.ts'

export interface UpstreamOptions {
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly keepAliveMs: number
  readonly connectionsPerDestination: number
  /** Pools at once; the least recently used one is closed first. */
  readonly destinations: number
  readonly onEvicted: () => void
  readonly maxHeadBytes: number
}

export interface Upstreams {
  /** The pool for a destination, dialled from `source` ('' = the kernel's choice). */
  pool(destination: Endpoint, source: string): Pool
  readonly size: number
  close(): Promise<void>
}

/** Dials and waits for the connection, at most `timeoutMs`. */
export const connectWithin = (
  dial: Dial,
  destination: Endpoint,
  source: string,
  timeoutMs: number,
  done: (error: Error | undefined, socket?: Socket) => void,
): void => {
  dial(destination, { source }, (failure, socket) => {
    if (failure || !socket) return done(failure ?? codedError('ENOTFOUND', 'no socket'))
    const timer = setTimeout(() => {
      socket.destroy(
        codedError('ETIMEDOUT', `no connection to ${destination.address} port ${destination.port} in time`),
      )
    }, timeoutMs)
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      socket.off('connect', connected)
      socket.off('error', settle)
      if (error) done(error)
      else done(undefined, socket)
    }
    const connected = (): void => {
      if (!socket.destroyed) settle() // else its error is on the way
    }
    socket.once('connect', connected)
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

export const createUpstreams = (dial: Dial, options: UpstreamOptions): Upstreams => {
  /** In order of last use: the first is the oldest. */
  const pools = new Map<string, Pool>()
  let last: { key: string; pool: Pool } | undefined

  const create = (destination: Endpoint, source: string): Pool =>
    new Pool(originOf(destination), {
      connections: options.connectionsPerDestination,
      pipelining: 1,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyTimeoutMs,
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMs,
      maxHeaderSize: options.maxHeadBytes,
      allowH2: false,
      connect: (_, connected) =>
        connectWithin(dial, destination, source, options.connectTimeoutMs, (error, socket) => {
          if (error || !socket) return connected(error ?? codedError('ENOTFOUND', 'no socket'), null)
          socket.setNoDelay(true)
          markErrors(socket)
          connected(null, socket)
        }),
    })

  const evict = (): void => {
    const [oldest] = pools
    if (!oldest) return
    options.onEvicted()
    pools.delete(oldest[0])
    // Requests in flight end normally; only then the pool's sockets close.
    oldest[1].close().catch(() => undefined)
  }

  return {
    pool: (destination, source) => {
      const key = `${destination.address} ${destination.port} ${source}`
      if (last?.key === key) return last.pool
      let pool = pools.get(key)
      if (pool) pools.delete(key)
      else {
        if (pools.size >= options.destinations) evict()
        pool = create(destination, source)
      }
      pools.set(key, pool)
      last = { key, pool }
      return pool
    },
    get size() {
      return pools.size
    },
    close: async () => {
      last = undefined
      await Promise.all([...pools.values()].map((pool) => pool.destroy().catch(() => undefined)))
      pools.clear()
    },
  }
}
