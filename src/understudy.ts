/**
 * The composition root: builds every adapter, hands each stage its ports, and fixes the order of start and stop.
 * No logic of its own.
 */
import type { Server, Socket } from 'node:net'
import { nowMs } from './act/finish.ts'
import { connectWithin } from './act/upstreams.ts'
import { createActs, createUpstream, limitsOf, type Upstream } from './acts.ts'
import { createLiveSettings } from './config/live-settings.ts'
import { inNetworks } from './config/networks.ts'
import { createInflate } from './content/inflate.ts'
import { createControlStage } from './control-stage.ts'
import { createExpectedHosts } from './decide/matching/expected-hosts.ts'
import { createExpectationStore } from './decide/matching/store.ts'
import type { Direction, Flow } from './flow.ts'
import { createIdleMemory } from './idle-memory.ts'
import { type Budget, createBudget } from './intercept/budget.ts'
import { createConnections } from './intercept/connections.ts'
import { createListener } from './intercept/listener.ts'
import { isLocalAddress } from './intercept/local-address.ts'
import { type OpenOptions, openFlow } from './intercept/open.ts'
import { readPreamble } from './intercept/preamble.ts'
import { createSessions, type Sessions } from './intercept/sessions.ts'
import { acceptFlow } from './pipeline.ts'
import type { DataPlaneOptions } from './plane-options.ts'
import { reset } from './reset.ts'
import { createChain, createStrategies, type EvidencePorts, type IsOwn } from './resolve/chain.ts'
import type { Intercept, Stages } from './stages.ts'
import { createWebSockets, type WebSockets } from './websocket.ts'

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
  webSockets: WebSockets,
): { stages: Stages; sessions: Sessions; opening: Set<Socket>; work: { readonly done: number } } => {
  const { config, metrics, recorder, tape, missed } = options
  const inflate = createInflate(config.bodyMatchBytes, metrics.limitHit)
  const store = createExpectationStore(options.expectations, nowMs(), Math.random, inflate)
  const settings = createLiveSettings(config)
  const { policy } = settings
  const api = createControlStage({ ...options, settings, store, webSockets, nowMs })
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
    ...createActs(options, upstream, api, webSockets, budget),
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
  const webSockets = createWebSockets()
  const { stages, sessions, opening, work } = createStages(options, upstream, isOwn, webSockets)
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
      webSockets.close()
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
