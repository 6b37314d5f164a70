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
import { DEFAULT_LIMITS, type Limits } from './http1/limits.ts'
import { createBudget } from './intercept/budget.ts'
import { createListener, type Identify } from './intercept/listener.ts'
import { type OpenOptions, openFlow } from './intercept/open.ts'
import { createSessions, type Sessions } from './intercept/sessions.ts'
import { type Intercept, runFlow, type Stages } from './pipeline.ts'
import type { Metrics } from './record/metrics.ts'
import type { Recorder } from './record/recorder.ts'
import { createChain, type IsOwn } from './resolve/chain.ts'

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

const limitsOf = ({ maxHeadBytes, maxHeaders }: Config): Limits => ({ ...DEFAULT_LIMITS, maxHeadBytes, maxHeaders })

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
  const once = createForwardOnce(dial, {
    limits: limitsOf(config),
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

/** The stages of one data plane, and what has to be told and closed beside them. */
const createStages = (
  options: DataPlaneOptions,
  upstream: Upstream,
  isOwn: IsOwn,
): { stages: Stages; sessions: Sessions } => {
  const { config, metrics, recorder } = options
  const store = createExpectationStore(options.expectations, nowMs())
  const sessions = createSessions({
    limits: limitsOf(config),
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    stallTimeoutMs: config.upstreamIdleTimeoutMs,
    budget: createBudget(config.bodyMatchTotalBytes, () => metrics.limitHit('body_budget')),
    now: nowMs,
  })
  const intercept: Intercept = {
    open: (socket, flow, early, first, then) => {
      const dial: OpenOptions['dial'] = (destination, done) =>
        connectWithin(upstream.dial, destination, sourceOf(flow), config.upstreamConnectTimeoutMs, done)
      const waits = { peekTimeoutMs: config.peekTimeoutMs, headTimeoutMs: config.clientHeadTimeoutMs }
      openFlow(socket, early.destination, first, { ...waits, mayMock: store.size > 0, dial }, then)
    },
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
  return { stages, sessions }
}

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

export const createDataPlane = (options: DataPlaneOptions): DataPlane => {
  const { config, metrics } = options
  const ownPorts = new Set<number>()
  const sockets = new Set<Socket>()
  const servers: Server[] = []
  const upstream = createUpstream(options)
  const isOwn: IsOwn = ({ address, port }) => ownPorts.has(port) && isLocalAddress(address)
  const { stages, sessions } = createStages(options, upstream, isOwn)
  const sweeper = setInterval(() => sessions.tick(nowMs()), SWEEP_MS).unref()
  const slots = createBudget(config.maxConnections, () => metrics.limitHit('connections'))

  const onFlow = (socket: Socket, flow: Flow): void => {
    sockets.add(socket)
    metrics.flowOpened()
    socket.once('close', () => {
      sockets.delete(socket)
      metrics.flowClosed()
    })
    runFlow(socket, flow, stages)
  }

  return {
    createServer: () => {
      const { workload, direction, identify } = options
      const server = createListener({ workload, direction, identify, slots, onFlow })
      server.on('listening', () => ownPorts.add(portOf(server)))
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
