/**
 * The composition root: builds every adapter, hands each stage its ports, and fixes the order of start and stop.
 * No logic of its own.
 */
import { randomUUID } from 'node:crypto'
import type { Server, Socket } from 'node:net'
import type { Logger } from 'pino'
import {
  createWorkloadDial,
  type Dial,
  directDial,
  type LookUpName,
  lookUpHere,
  type MakeSocket,
  refusingOwn,
  withProxyHeader,
} from './act/dial.ts'
import { nowMs } from './act/finish.ts'
import { createForward } from './act/forward.ts'
import { createForwardOnce } from './act/forward-once.ts'
import { createForwardChanged, createForwardPlanned, dialledAt } from './act/forward-planned.ts'
import { mock } from './act/mock.ts'
import { createOwnLegs, type OwnLegs } from './act/own-legs.ts'
import { closestHeader, refuse } from './act/refuse.ts'
import { createRelayFlow, refuseFlow } from './act/relay-flow.ts'
import { createInboundRoute, type FindRoute, type InboundRouteOptions, outboundRoute } from './act/route.ts'
import { overTls } from './act/secure.ts'
import { type ApplicationSockets, createApplicationDial } from './act/to-application.ts'
import { openTunnel } from './act/tunnel.ts'
import type { ForwardTarget } from './act/upstream-request.ts'
import { connectWithin, createUpstreams, type Upstreams } from './act/upstreams.ts'
import { loadCaFile } from './config/ca-file.ts'
import { createLiveSettings, type LiveSettings } from './config/live-settings.ts'
import { inNetworks } from './config/networks.ts'
import type { Config } from './config/schema.ts'
import { createInflate } from './content/inflate.ts'
import type { ServerPorts } from './control/ports.ts'
import { createControlStage } from './control-stage.ts'
import type { Expectation } from './decide/matching/expectation.ts'
import { createExpectedHosts } from './decide/matching/expected-hosts.ts'
import type { Asked } from './decide/matching/search.ts'
import { createExpectationStore, type ExpectationStore } from './decide/matching/store.ts'
import type { Direction, Flow, Workload } from './flow.ts'
import { FORWARDED_BY } from './http1/forwarded-by.ts'
import { DEFAULT_LIMITS, type Limits } from './http1/limits.ts'
import { createIdleMemory } from './idle-memory.ts'
import { type Budget, createBudget } from './intercept/budget.ts'
import { createConnections } from './intercept/connections.ts'
import { createListener, type Identify } from './intercept/listener.ts'
import { isLocalAddress } from './intercept/local-address.ts'
import { type OpenOptions, openFlow } from './intercept/open.ts'
import { readPreamble } from './intercept/preamble.ts'
import { createSessions, type Sessions } from './intercept/sessions.ts'
import { acceptFlow, type Intercept, type Stages } from './pipeline.ts'
import type { Metrics } from './record/metrics.ts'
import type { Recorder } from './record/recorder.ts'
import { reset } from './reset.ts'
import { createChain, createStrategies, type EvidencePorts, type IsOwn } from './resolve/chain.ts'

export interface DataPlaneOptions {
  readonly config: Config
  readonly expectations: readonly Expectation[]
  readonly recorder: Recorder
  readonly metrics: Metrics
  readonly log: Logger
  readonly workload: Workload
  readonly direction: Direction
  readonly identify: Identify
  /** Further evidence of where a connection was going. */
  readonly evidence?: EvidencePorts
  /** Whether an address stands for a name that exists only in expectations. */
  readonly isReserved?: (address: string) => boolean
  /** The names that a workload asked DNS for and was given this address; without it, none are known. */
  readonly namesOf?: (workload: Workload, address: string) => readonly string[]
  /** Gives freed memory outside of V8 back to the system. */
  readonly releaseMemory?: () => void
  /** Makes upstream sockets where the workload lives; without it they are made here. */
  readonly makeSocket?: MakeSocket
  /** Looks names up as the workload does; without it as this process does. Used with `makeSocket`. */
  readonly lookUp?: LookUpName
  /** Notes exchanges that are sent on, for a recording. */
  readonly tape?: Stages['tape'] | undefined
  /** Told of each request that no expectation matched. */
  readonly missed?: ((asked: Asked, store: ExpectationStore) => void) | undefined
  /** What the control API may do to the server it is part of; without it, there is no such API. */
  readonly server?: ServerPorts
  /** For listeners whose direction is inbound. */
  readonly inbound?: InboundOptions
}

/** Where the application is, and how it is dialled. */
export interface InboundOptions extends Pick<InboundRouteOptions, 'addressFor' | 'keepsSource'> {
  readonly sockets: ApplicationSockets
  /** What the kernel knows of a socket that such a listener has accepted. */
  readonly identify: Identify
}

/** What sets one listener apart from the others of its data plane. */
export interface ListenerTraits {
  readonly direction?: Direction
  readonly isTransparent?: boolean
  /** Inbound: the application's port that the listener stands for. */
  readonly standsFor?: number
}

export interface DataPlane {
  /** A server for one listening socket; whoever calls makes it listen, and has its port then known as our own. */
  createServer(traits?: ListenerTraits): Server
  /** Whether some expectation names this host, in lower case. */
  isExpectedHost(name: string): boolean
  /** Ends idle connections at once, busy ones after their exchange, all after `graceMs`. */
  close(graceMs: number): Promise<void>
}

const SWEEP_MS = 1000
/** A connection that was reset by us tells so in the next turn. */
const CLOSED_MS = 1000

const limitsOf = ({ maxHeadBytes, maxHeaders }: Config): Limits => ({ ...DEFAULT_LIMITS, maxHeadBytes, maxHeaders })

interface Upstream {
  readonly dial: Dial
  readonly upstreams: Upstreams
  readonly legs: OwnLegs
  readonly route: FindRoute
}

const createRoute = ({ config, inbound }: DataPlaneOptions): FindRoute => {
  if (!inbound) return outboundRoute
  const inboundRoute = createInboundRoute({ ...config.inbound, ...inbound })
  return (flow, destination, isChosen) =>
    (flow.direction === 'inbound' ? inboundRoute : outboundRoute)(flow, destination, isChosen)
}

const createUpstream = (options: DataPlaneOptions, isOwn: IsOwn): Upstream => {
  const { config, metrics } = options
  const made = options.makeSocket ? createWorkloadDial(options.makeSocket, options.lookUp ?? lookUpHere) : directDial
  const any = options.inbound ? createApplicationDial(options.inbound.sockets, made) : made
  const legs = createOwnLegs()
  // A PROXY header may name one, and rules of others may lead one back; otherwise nobody asks.
  const mayReturn = config.proxyProtocolFrom.length > 0 || config.capture === 'none'
  const plain = withProxyHeader(refusingOwn(mayReturn ? legs.tracking(any) : any, isOwn))
  const dial = overTls(plain, { isVerified: config.upstreamTlsVerify, ca: loadCaFile(config.upstreamTlsCaFile) })
  const upstreams = createUpstreams(dial, {
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headersTimeoutMs: config.upstreamHeadersTimeoutMs,
    bodyTimeoutMs: config.upstreamIdleTimeoutMs,
    keepAliveMs: config.upstreamKeepAliveMs,
    connectionsPerDestination: config.upstreamConnectionsPerDestination,
    destinations: config.upstreamDestinations,
    maxHeadBytes: config.maxHeadBytes,
    onEvicted: () => metrics.limitHit('upstream_destinations'),
    onFull: () => metrics.limitHit('upstream_connections'),
  })
  return { dial, upstreams, legs, route: createRoute(options) }
}

type Target = { -readonly [K in keyof ForwardTarget]: ForwardTarget[K] }
type Acts = Pick<Stages, 'http' | 'bytes' | 'selfId'>

const createActs = (options: DataPlaneOptions, { dial, upstreams, route }: Upstream, budget: Budget): Acts => {
  const { config, metrics } = options
  const selfId = `Understudy_${randomUUID()}`
  const once = createForwardOnce(dial, {
    limits: limitsOf(config),
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headersTimeoutMs: config.upstreamHeadersTimeoutMs,
    bodyTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  const forward = createForward(upstreams, once)
  const limits = { bodyBytes: config.bodyMatchBytes, budget, onLimit: () => metrics.limitHit('body') }
  const planned = createForwardPlanned(createForwardChanged(forward, route, limits), config.bodyMatchBytes)
  const relayFlow = createRelayFlow(dial, {
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    halfClosedTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  return {
    selfId,
    http: {
      mock: (exchange, decision, done) => mock(exchange, decision.action, done),
      forward: (exchange, { destination, action }, flow, { isVerbatim, mayLoop }, done) => {
        if (action) return planned(exchange, action, { flow, destination }, done)
        if (!destination) return refuse(exchange, 502, 'no_destination', done)
        const to = route(flow, destination, false)
        const target: Target = { ...to, verbatim: isVerbatim }
        if (mayLoop) target.forwardedBy = selfId
        forward(exchange, target, dialledAt(destination, to.destination, done))
      },
      refuse: (exchange, { status, reason, closest }, done) =>
        refuse(exchange, status, reason, done, reason === 'loop' ? [FORWARDED_BY, selfId] : closestHeader(closest)),
      openTunnel,
    },
    bytes: {
      relay: (opened, destination, flow, done) => {
        const to = route(flow, destination, false)
        relayFlow(opened, to.destination, to, dialledAt(destination, to.destination, done))
      },
      refuse: (opened, { reason }, done) => refuseFlow(opened, reason, done),
    },
  }
}

/** Reads PROXY headers, where there are peers whose headers are believed. */
const createPreamble = (
  { config, metrics }: DataPlaneOptions,
  { legs }: Upstream,
  opening: Set<Socket>,
  silent: WeakSet<Socket>,
): Pick<Intercept, 'preamble'> => {
  if (config.proxyProtocolFrom.length === 0) return {}
  const isTrusted = inNetworks(config.proxyProtocolFrom)
  const same = {
    onMalformed: config.proxyProtocolMalformed,
    timeoutMs: config.peekTimeoutMs,
    headTimeoutMs: config.clientHeadTimeoutMs,
    isOwnSource: legs.has,
    onResult: metrics.proxyHeader,
  }
  return {
    preamble: (socket, flow, then) => {
      opening.add(socket)
      readPreamble(socket, { ...same, isTrusted: isTrusted(flow.client.address) }, (found) => {
        opening.delete(socket)
        if (found.kind === 'none' && found.isSilent) silent.add(socket)
        then(found)
      })
    },
  }
}

const evidenceOf = ({ config, inbound, evidence }: DataPlaneOptions): EvidencePorts => ({
  proxyHeaders: config.proxyProtocolFrom.length > 0,
  inbound: inbound !== undefined,
  ...evidence,
})

/** The control API, where there is one. */
const createApi = (
  { config, metrics, log, server, namesOf }: DataPlaneOptions,
  settings: LiveSettings,
  store: ExpectationStore,
): Pick<Stages, 'control'> =>
  server && config.controlEnabled
    ? { control: createControlStage({ settings, store, server, metrics, log, nowMs, namesOf }) }
    : {}

/** The HTTP/1.x sessions of one data plane, within its limits. */
const createOwnSessions = ({ config, metrics }: DataPlaneOptions, budget: Budget): Sessions =>
  createSessions({
    limits: limitsOf(config),
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    stallTimeoutMs: config.upstreamIdleTimeoutMs,
    budget,
    onLimit: metrics.limitHit,
    now: nowMs,
  })

/** The stages of one data plane, and what has to be told and closed beside them. */
const createStages = (
  options: DataPlaneOptions,
  upstream: Upstream,
  isOwn: IsOwn,
): { stages: Stages; sessions: Sessions; opening: Set<Socket>; work: { readonly done: number } } => {
  const { config, metrics, recorder, tape, missed } = options
  const inflate = createInflate(config.bodyMatchBytes, metrics.limitHit)
  const store = createExpectationStore(options.expectations, nowMs(), Math.random, inflate)
  const settings = createLiveSettings(config)
  const { policy } = settings
  const api = createApi(options, settings, store)
  const budget = createBudget(config.bodyMatchTotalBytes, () => metrics.limitHit('body_budget'))
  const sessions = createOwnSessions(options, budget)
  const mayFollowNames = (): boolean => policy.onUnmatched === 'forward' && !config.strategiesOff.includes('host')
  const opening = new Set<Socket>()
  /** Whose first byte was awaited in vain already. */
  const silent = new WeakSet<Socket>()
  const waits = {
    peekTimeoutMs: config.peekTimeoutMs,
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    mayMock: store.size > 0 || api.control !== undefined,
    onPeekLimit: () => metrics.limitHit('peek_bytes'),
  }
  const intercept: Intercept = {
    ...createPreamble(options, upstream, opening, silent),
    open: (socket, flow, early, first, then) => {
      const dial: OpenOptions['dial'] = (destination, done) => {
        const to = upstream.route(flow, destination, false)
        connectWithin(upstream.dial, to.destination, to, config.upstreamConnectTimeoutMs, done)
      }
      // Where unmatched traffic must not leave, not even a connection does; the application is no such place.
      const isOpen = policy.onUnmatched === 'forward' || flow.direction === 'inbound'
      const mayDial = isOpen && !upstream.legs.has(flow.client) ? early.destination : undefined
      opening.add(socket)
      openFlow(
        socket,
        mayDial,
        first,
        { ...waits, dial, awaitsName: mayFollowNames() && !early.destination, isSilent: silent.has(socket) },
        {
          http: (bytes) => {
            opening.delete(socket)
            then.http(bytes)
          },
          bytes: (opened) => {
            opening.delete(socket)
            then.bytes(opened)
          },
        },
      )
    },
    serveHttp: sessions.serve,
  }
  const work = { done: 0 }
  const stages: Stages = {
    intercept,
    chain: createChain(
      { isOwn, ...(options.isReserved ? { isReserved: options.isReserved } : {}) },
      createStrategies(evidenceOf(options), config.strategiesOff),
    ),
    store,
    policy,
    isOwnLeg: upstream.legs.has,
    namesOf: options.namesOf ?? (() => []),
    bodyLimit: config.bodyMatchBytes,
    ...createActs(options, upstream, budget),
    ...api,
    ...(tape ? { tape } : {}),
    ...(missed ? { missed: (asked) => missed(asked, store) } : {}),
    record: (exchange) => {
      work.done++
      recorder.exchange(exchange)
    },
    nowMs,
  }
  return { stages, sessions, opening, work }
}

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

export const createDataPlane = (options: DataPlaneOptions): DataPlane => {
  const { config, metrics, log } = options
  const ownPorts = new Set<number>()
  const servers: Server[] = []
  const isOwn: IsOwn = ({ address, port }) => ownPorts.has(port) && isLocalAddress(address)
  const upstream = createUpstream(options, isOwn)
  const { stages, sessions, opening, work } = createStages(options, upstream, isOwn)
  const isExpectedHost = createExpectedHosts(stages.store, nowMs)
  const idleMemory = createIdleMemory(() => work.done, options.releaseMemory)
  const sweeper = setInterval(() => {
    sessions.tick(nowMs())
    idleMemory.tick()
  }, SWEEP_MS).unref()
  const slots = createBudget(config.maxConnections, () => metrics.limitHit('connections'))
  const connections = createConnections(metrics)

  const onFlow = (socket: Socket, flow: Flow): void => {
    connections.add(socket, () => opening.delete(socket))
    acceptFlow(socket, flow, stages)
  }

  return {
    createServer: (traits = {}) => {
      const { workload, direction } = options
      const { identify } = traits.direction === 'inbound' && options.inbound ? options.inbound : options
      const server = createListener({ workload, direction, identify, slots, onFlow, ...traits })
      server.on('listening', () => {
        ownPorts.add(portOf(server))
        // Before it listens, an error is for whoever made it listen; from here on it is about one connection.
        server.on('error', (err) => log.warn({ err }, 'a connection could not be accepted'))
      })
      servers.push(server)
      return server
    },
    isExpectedHost,
    close: async (graceMs) => {
      for (const server of servers) server.close()
      sessions.drain()
      for (const socket of opening) socket.destroySoon()
      await connections.emptied(graceMs)
      clearInterval(sweeper)
      for (const socket of connections.open) reset(socket)
      await connections.emptied(CLOSED_MS)
      await upstream.upstreams.close()
      // The upstream ends of relays close one turn after their client's, and are recorded then.
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
