/**
 * The composition root: builds every adapter, hands each stage its ports, and fixes the order of start and stop.
 * No logic of its own.
 */
import type { Server, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Logger } from 'pino'
import { createWorkloadDial, type Dial, directDial, type MakeSocket } from './act/dial.ts'
import { nowMs } from './act/finish.ts'
import { createForward } from './act/forward.ts'
import { createForwardOnce } from './act/forward-once.ts'
import { mock } from './act/mock.ts'
import { refuse } from './act/refuse.ts'
import { createRelayFlow, refuseFlow } from './act/relay-flow.ts'
import { openTunnel } from './act/tunnel.ts'
import { connectWithin, createUpstreams, type Upstreams } from './act/upstreams.ts'
import type { Config } from './config/schema.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import { createExpectationStore } from './decide/matching/store.ts'
import type { Direction, Endpoint, Flow, Workload } from './flow.ts'
import { DEFAULT_LIMITS } from './http1/limits.ts'
import { type Budget, createBudget } from './intercept/budget.ts'
import { createListener, type Identify } from './intercept/listener.ts'
import { openFlow } from './intercept/open.ts'
import { createSessions } from './intercept/sessions.ts'
import { type Intercept, runFlow, type Stages } from './pipeline.ts'
import type { Metrics } from './record/metrics.ts'
import type { Recorder } from './record/recorder.ts'
import { createChain } from './resolve/chain.ts'

export interface DataPlaneOptions {
  readonly config: Config
  readonly expectations: readonly Expectation[]
  readonly recorder: Recorder
  readonly metrics: Metrics
  readonly log: Logger
  readonly workload: Workload
  readonly direction: Direction
  readonly identify: Identify
  /** Makes upstream sockets where the workload lives; without it they are made here. */
  readonly makeSocket?: MakeSocket
}

export interface DataPlane {
  /** A server for one listening socket; whoever calls makes it listen, and has its port then known as our own. */
  createServer(): Server
  /** Ends idle connections at once, busy ones after their exchange, all after `graceMs`. */
  close(graceMs: number): Promise<void>
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::'])
const SWEEP_MS = 1000

/** The addresses of this machine; asked for anew because they change. */
const isLocalAddress = (address: string): boolean =>
  LOOPBACK.has(address.toLowerCase()) ||
  address.startsWith('127.') ||
  Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address))

const sourceOf = (flow: Flow): string => (flow.saved?.sourceBound ? flow.client.address : '')

interface Upstream {
  readonly dial: Dial
  readonly upstreams: Upstreams
}

const createUpstream = (options: DataPlaneOptions): Upstream => {
  const { config } = options
  const dial = options.makeSocket ? createWorkloadDial(options.makeSocket) : directDial
  const upstreams = createUpstreams(dial, {
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headersTimeoutMs: config.upstreamHeadersTimeoutMs,
    bodyTimeoutMs: config.upstreamIdleTimeoutMs,
    keepAliveMs: config.upstreamKeepAliveMs,
    connectionsPerDestination: config.upstreamConnectionsPerDestination,
    destinations: config.upstreamDestinations,
    maxHeadBytes: config.maxHeadBytes,
  })
  return { dial, upstreams }
}

const createActs = (options: DataPlaneOptions, { dial, upstreams }: Upstream): Pick<Stages, 'http' | 'bytes'> => {
  const { config } = options
  const limits = { ...DEFAULT_LIMITS, maxHeadBytes: config.maxHeadBytes, maxHeaders: config.maxHeaders }
  const once = createForwardOnce(dial, {
    limits,
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headersTimeoutMs: config.upstreamHeadersTimeoutMs,
    bodyTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  const forward = createForward(upstreams, once)
  const relayFlow = createRelayFlow(dial, {
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    halfClosedTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  return {
    http: {
      mock: (exchange, decision, done) => mock(exchange, decision.response, done),
      forward: (exchange, { destination, expectationId }, flow, done) => {
        const host = expectationId === undefined ? {} : { host: hostHeader(destination) }
        forward(exchange, { destination, source: sourceOf(flow), ...host }, done)
      },
      refuse: (exchange, { status, reason }, done) => refuse(exchange, status, reason, done),
      openTunnel,
    },
    bytes: {
      relay: (opened, destination, flow, done) => relayFlow(opened, destination, sourceOf(flow), done),
      refuse: (opened, { reason }, done) => refuseFlow(opened.socket, reason, done),
    },
  }
}

/** As a browser writes it: the port only where it is not HTTP's own. */
const hostHeader = ({ address, port }: Endpoint): string => {
  const host = address.includes(':') ? `[${address}]` : address
  return port === 80 ? host : `${host}:${port}`
}

export const createDataPlane = (options: DataPlaneOptions): DataPlane => {
  const { config, metrics, recorder } = options
  const ownPorts = new Set<number>()
  const sockets = new Set<Socket>()
  const upstream = createUpstream(options)
  const slots: Budget = createBudget(config.maxConnections, () => metrics.limitHit('connections'))
  const store = createExpectationStore(options.expectations)
  const sessions = createSessions({
    limits: { ...DEFAULT_LIMITS, maxHeadBytes: config.maxHeadBytes, maxHeaders: config.maxHeaders },
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    stallTimeoutMs: config.upstreamIdleTimeoutMs,
    budget: createBudget(config.bodyMatchTotalBytes, () => metrics.limitHit('body_budget')),
    now: nowMs,
  })
  const isOwn = ({ address, port }: Endpoint): boolean => ownPorts.has(port) && isLocalAddress(address)
  const intercept: Intercept = {
    open: (socket, flow, early, first, then) =>
      openFlow(
        socket,
        early.destination,
        first,
        {
          peekTimeoutMs: config.peekTimeoutMs,
          headTimeoutMs: config.clientHeadTimeoutMs,
          mayMock: store.size > 0,
          dial: (destination, done) =>
            connectWithin(upstream.dial, destination, sourceOf(flow), config.upstreamConnectTimeoutMs, done),
        },
        { ...then, gone: () => undefined },
      ),
    serveHttp: sessions.serve,
  }
  const stages: Stages = {
    intercept,
    chain: createChain(isOwn),
    store,
    policy: { onUnmatched: config.onUnmatched },
    bodyLimit: config.bodyMatchBytes,
    ...createActs(options, upstream),
    record: (exchange) => recorder.exchange(exchange),
    nowMs,
  }
  const sweeper = setInterval(() => sessions.tick(nowMs()), SWEEP_MS).unref()
  const servers: Server[] = []

  return {
    createServer: () => {
      const server = createListener({
        workload: options.workload,
        direction: options.direction,
        identify: options.identify,
        slots,
        onFlow: (socket, flow) => {
          sockets.add(socket)
          metrics.flowOpened()
          socket.once('close', () => {
            sockets.delete(socket)
            metrics.flowClosed()
          })
          runFlow(socket, flow, stages)
        },
      })
      server.on('listening', () => {
        const address = server.address()
        if (typeof address === 'object' && address) ownPorts.add(address.port)
      })
      servers.push(server)
      return server
    },
    close: async (graceMs) => {
      for (const server of servers) server.close()
      sessions.drain()
      const deadline = Date.now() + graceMs
      while (sockets.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
      clearInterval(sweeper)
      for (const socket of sockets) socket.destroy()
      await upstream.upstreams.close()
    },
  }
}
