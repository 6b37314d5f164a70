/** A real data plane on loopback, between raw clients and upstreams of the test's own. Everything ends with its test. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { z } from 'zod'
import { ExpectationFile } from '../../src/config/expectation-file-schema.ts'
import { Config } from '../../src/config/schema.ts'
import { compileExpectation } from '../../src/decide/matching/expectation.ts'
import type { Direction, Endpoint, Exchange } from '../../src/flow.ts'
import { createLog } from '../../src/record/log.ts'
import { createMetrics, type Limit } from '../../src/record/metrics.ts'
import { createDataPlane, type DataPlane } from '../../src/understudy.ts'

/** Nothing here takes that long; a wait that does has failed. */
const PATIENCE_MS = 8000
const HOST = '127.0.0.1'
const SILENT = createLog({ level: 'silent' })

/** Waits for a promise, but not for ever. */
export const within = async <T>(what: string, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Something that changes, and those who wait for it to be so. */
export const createWatch = () => {
  const waiting = new Set<() => void>()
  return {
    changed: (): void => {
      for (const look of [...waiting]) look()
    },
    until: (what: string, isSo: () => boolean): Promise<void> =>
      within(
        what,
        new Promise((resolve) => {
          const look = (): void => {
            if (!isSo()) return
            waiting.delete(look)
            resolve()
          }
          waiting.add(look)
          look()
        }),
      ),
  }
}

export interface PlaneSetup {
  /** As in a configuration file. */
  readonly config?: z.input<typeof Config>
  /** As in an expectation file. */
  readonly expectations?: readonly object[]
  /** Where the kernel says that connections were going; left out, it says nothing. */
  readonly saved?: Endpoint | undefined
  readonly direction?: Direction
  /** The names that DNS gave an address for. */
  readonly namesOf?: () => readonly string[]
}

export interface PlaneLab {
  readonly plane: DataPlane
  readonly port: number
  /** Every record so far. */
  readonly exchanges: readonly Exchange[]
  /** Waits until there are `count` records, and gives the last; fails if there are more. */
  recorded(count: number): Promise<Exchange>
  /** The value of one metric, by its name with labels. */
  metric(name: string): Promise<number>
  /** Waits until limits were hit `count` times; gives them all, and fails if there are more. */
  limited(count: number): Promise<readonly Limit[]>
  /** Waits until no client connection is left. */
  emptied(): Promise<void>
}

export const startPlane = async (t: TestContext, setup: PlaneSetup = {}): Promise<PlaneLab> => {
  const exchanges: Exchange[] = []
  const watch = createWatch()
  const limits: Limit[] = []
  const metrics = createMetrics({ version: 'test' })
  let open = 0
  const countFlow = (change: number): void => {
    open += change
    if (change > 0) metrics.flowOpened()
    else metrics.flowClosed()
    watch.changed()
  }
  const expectations = ExpectationFile.parse(setup.expectations ?? []).map((spec, i) =>
    compileExpectation(spec, `#${i}`),
  )
  let cookie = 0n
  const identify = () => {
    cookie += 1n
    if (!setup.saved) return { cookie }
    const process = { pid: 1, name: 'test' }
    const known = { clientCookie: cookie, connectedAtNs: 0n, sourceBound: false, via: 'map' } as const
    return { cookie, saved: { destination: setup.saved, process, ...known } }
  }
  const plane = createDataPlane({
    config: Config.parse({ ...setup.config }),
    expectations,
    recorder: {
      exchange: (exchange) => {
        exchanges.push(exchange)
        metrics.exchange(exchange)
        watch.changed()
      },
      connection: () => undefined,
      flush: () => Promise.resolve(),
    },
    metrics: {
      ...metrics,
      flowOpened: () => countFlow(1),
      flowClosed: () => countFlow(-1),
      limitHit: (limit) => {
        limits.push(limit)
        metrics.limitHit(limit)
        watch.changed()
      },
    },
    log: SILENT,
    workload: { id: 1, name: 'test' },
    direction: setup.direction ?? 'outbound',
    identify,
    ...(setup.namesOf ? { namesOf: setup.namesOf } : {}),
  })
  const server = plane.createServer()
  const port = await listen(server)
  t.after(() => plane.close(0))
  return {
    plane,
    port,
    exchanges,
    recorded: async (count) => {
      await watch.until(`record ${count} (there are ${exchanges.length})`, () => exchanges.length >= count)
      assert.equal(exchanges.length, count, 'more records than exchanges')
      return exchanges[count - 1] as Exchange
    },
    metric: async (name) => {
      const line = (await metrics.text()).split('\n').find((text) => text.startsWith(`${name} `))
      return Number(line?.slice(name.length + 1) ?? Number.NaN)
    },
    limited: async (count) => {
      await watch.until(`limit ${count} to be hit (${limits.length} were)`, () => limits.length >= count)
      assert.equal(limits.length, count, `more limits were hit: ${limits}`)
      return limits
    },
    emptied: () => watch.until(`all connections to close (${open} are open)`, () => open === 0),
  }
}

export const listen = async (server: Server | HttpServer, host = HOST): Promise<number> => {
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export interface Upstream {
  readonly endpoint: Endpoint
  /** Every connection so far. */
  readonly sockets: readonly Socket[]
  /** Waits for connection number `count`, from 1. */
  connection(count: number): Promise<Socket>
  /** Waits until connection number `count` is ended or closed by its peer. */
  ended(count: number): Promise<void>
}

const watchSockets = async (t: TestContext, server: Server | HttpServer): Promise<Upstream> => {
  const sockets: Socket[] = []
  const watch = createWatch()
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('end', watch.changed)
    socket.on('close', watch.changed)
    watch.changed()
  })
  const port = await listen(server)
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    endpoint: { address: HOST, port },
    sockets,
    connection: async (count) => {
      await watch.until(`connection ${count} to the upstream`, () => sockets.length >= count)
      return sockets[count - 1] as Socket
    },
    ended: (count) =>
      watch.until(`upstream connection ${count} to end`, () => {
        const socket = sockets[count - 1]
        return socket !== undefined && (socket.destroyed || socket.readableEnded)
      }),
  }
}

/** An HTTP server of node's own. */
export const httpUpstream = (t: TestContext, handle: RequestListener): Promise<Upstream> =>
  watchSockets(t, createHttpServer({ keepAliveTimeout: 60_000 }, handle))

/** A TCP server; each connection gets a handler, half-open ones stay. */
export const tcpUpstream = (t: TestContext, handle: (socket: Socket) => void): Promise<Upstream> =>
  watchSockets(t, createServer({ allowHalfOpen: true }, handle))

/** A port that nobody listens on, nor can during the test: a connection of our own begins there. */
export const closedPort = async (t: TestContext): Promise<Endpoint> => {
  const upstream = await tcpUpstream(t, () => undefined)
  const { socket } = await rawClient(t, upstream.endpoint.port)
  return { address: HOST, port: socket.localPort ?? 0 }
}

export interface RawClient {
  readonly socket: Socket
  /** Everything received so far, as latin1. */
  readonly text: string
  readonly bytes: Buffer
  send(data: string | Buffer): void
  /** Waits until what was received contains, or matches, this. */
  got(wanted: string | RegExp): Promise<string>
  gotBytes(count: number): Promise<Buffer>
  /** Waits for the server's FIN or RST; gives all that was received, and the code of the error if it was one. */
  ended(): Promise<{ readonly text: string; readonly error: string | undefined }>
}

/** A client that says exactly what it is told. */
export const rawClient = async (t: TestContext, port: number, host = HOST): Promise<RawClient> => {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  const chunks: Buffer[] = []
  const watch = createWatch()
  let bytes = Buffer.alloc(0)
  let count = 0
  let isOver = false
  let error: string | undefined
  const whole = (): Buffer => {
    if (chunks.length > 0) bytes = Buffer.concat([bytes, ...chunks.splice(0)])
    return bytes
  }
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    count += chunk.length
    watch.changed()
  })
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code
  })
  const over = (): void => {
    isOver = true
    watch.changed()
  }
  socket.on('end', over)
  socket.on('close', over)
  t.after(() => socket.destroy())
  const connected = once(socket, 'connect').catch(() => undefined) // how it failed is what `ended` tells
  await within('the client to connect', connected)
  return {
    socket,
    get text() {
      return whole().toString('latin1')
    },
    get bytes() {
      return whole()
    },
    send: (data) => void socket.write(data, 'latin1'),
    got: async (wanted) => {
      const isIn = (text: string): boolean => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text))
      await watch
        .until('', () => isIn(whole().toString('latin1')))
        .catch(() => assert.fail(`waited in vain for ${wanted}; there is: ${whole().toString('latin1')}`))
      return whole().toString('latin1')
    },
    gotBytes: async (wanted) => {
      await watch
        .until('', () => count >= wanted)
        .catch(() => assert.fail(`waited in vain for ${wanted} bytes; there are ${count}`))
      return whole()
    },
    ended: async () => {
      await watch.until('the connection to end', () => isOver)
      return { text: whole().toString('latin1'), error }
    },
  }
}

/** `request('GET /a', 'accept: x')`: a request head, with a Host header unless one is given. */
export const request = (line: string, ...headers: readonly string[]): string => {
  const named = headers.some((header) => /^host:/i.test(header)) ? headers : ['Host: test', ...headers]
  return [`${line} HTTP/1.1`, ...named, '', ''].join('\r\n')
}

/** A response with a length, and its body. */
export const response = (body: string, ...headers: readonly string[]): string =>
  ['HTTP/1.1 200 OK', ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')

/** An expectation that answers this path with this text. */
export const mockOf = (path: string, body: string, more: object = {}, when: object = {}): object => ({
  httpRequest: { path, ...when },
  httpResponse: { statusCode: 200, body, ...more },
})

export interface SocketPair {
  /** What the product holds: accepted like a listener of ours does, paused. */
  readonly ours: Socket
  readonly client: RawClient
}

/** The two ends of one loopback connection. */
export const socketPair = async (t: TestContext): Promise<SocketPair> => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  const port = await listen(server)
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = await rawClient(t, port)
  const [ours] = await accepted
  server.close()
  ours.on('error', () => undefined)
  t.after(() => ours.destroy())
  return { ours, client }
}
