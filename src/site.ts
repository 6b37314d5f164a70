/**
 * One workload of a data plane: its listeners, its own legs to upstreams, and the stages that its flows go through. What all
 * workloads share (expectations, budgets, sessions, the control API) comes from the data plane.
 */
import type { Server, Socket } from 'node:net'
import { nowMs } from './act/finish.ts'
import { connectWithin } from './act/upstreams.ts'
import { createActs, createUpstream, type Upstream } from './acts.ts'
import type { loadCaFile } from './config/ca-file.ts'
import { inNetworks } from './config/networks.ts'
import type { createControlStage } from './control-stage.ts'
import type { Policy } from './decide/decide.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type { Direction, Flow, Workload } from './flow.ts'
import { type Budget, createBudget } from './intercept/budget.ts'
import { createConnections } from './intercept/connections.ts'
import { createListener } from './intercept/listener.ts'
import { isLocalAddress } from './intercept/local-address.ts'
import { type OpenOptions, openFlow } from './intercept/open.ts'
import { readPreamble } from './intercept/preamble.ts'
import type { Sessions } from './intercept/sessions.ts'
import { acceptFlow } from './pipeline.ts'
import type { DataPlaneOptions, SiteOptions } from './plane-options.ts'
import { reset } from './reset.ts'
import { createChain, createStrategies, type EvidencePorts, type IsOwn } from './resolve/chain.ts'
import type { Intercept, Stages } from './stages.ts'
import type { WebSockets } from './websocket.ts'

/** What sets one listener apart from the others of its workload. */
export interface ListenerTraits {
  readonly direction?: Direction
  readonly isTransparent?: boolean
  /** Inbound: the application's port that the listener stands for. */
  readonly standsFor?: number
}

export interface Site {
  /** A server for one listening socket; whoever calls makes it listen, and has its port then known as our own. */
  createServer(traits?: ListenerTraits): Server
  /** All of its servers listen. */
  isListening(): boolean
  /** Stops listening at once; connections may end by themselves for `graceMs`, then are reset. */
  close(graceMs: number): Promise<void>
}

/** What the workloads of one data plane have in common. */
export interface Shared {
  readonly options: DataPlaneOptions
  readonly store: ExpectationStore
  /** What becomes of unmatched requests where the workload has no mode. */
  readonly policy: Policy
  readonly api: ReturnType<typeof createControlStage>
  readonly webSockets: WebSockets
  readonly budget: Budget
  readonly sessions: Sessions
  /** Connections over all workloads. */
  readonly slots: Budget
  /** Connections whose protocol is not known yet. */
  readonly opening: Set<Socket>
  /** Whose first byte was awaited in vain already. */
  readonly silent: WeakSet<Socket>
  readonly connections: ReturnType<typeof createConnections>
  readonly selfId: string
  readonly ca: ReturnType<typeof loadCaFile>
  /** Called once an exchange. */
  readonly onWork: () => void
}

/** A connection that was reset by us tells so in the next turn. */
const CLOSED_MS = 1000
const NO_GAUGE = { flowOpened: () => undefined, flowClosed: () => undefined }

/** Reads PROXY headers, where there are peers whose headers are believed. */
const createPreamble = ({ options, opening, silent }: Shared, { legs }: Upstream): Pick<Intercept, 'preamble'> => {
  const { config, metrics } = options
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

const createIntercept = (shared: Shared, upstream: Upstream, policy: () => Policy): Intercept => {
  const { options, opening, silent, store, api, sessions } = shared
  const { config, metrics } = options
  const mayFollowNames = (): boolean => policy().onUnmatched === 'forward' && !config.strategiesOff.includes('host')
  const waits = {
    peekTimeoutMs: config.peekTimeoutMs,
    headTimeoutMs: config.clientHeadTimeoutMs,
    idleTimeoutMs: config.clientIdleTimeoutMs,
    onPeekLimit: () => metrics.limitHit('peek_bytes'),
  }
  return {
    ...createPreamble(shared, upstream),
    open: (socket, flow, early, first, then) => {
      const dial: OpenOptions['dial'] = (destination, done) => {
        const to = upstream.route(flow, destination, false)
        connectWithin(upstream.dial, to.destination, to, config.upstreamConnectTimeoutMs, done)
      }
      const { onUnmatched, isObserved } = policy()
      // Where unmatched traffic must not leave, not even a connection does; the application is no such place.
      const isOpen = onUnmatched === 'forward' || flow.direction === 'inbound'
      const mayDial = isOpen && !upstream.legs.has(flow.client) ? early.destination : undefined
      opening.add(socket)
      openFlow(
        socket,
        mayDial,
        first,
        {
          ...waits,
          mayMock: !isObserved && (store.size > 0 || api.control !== undefined),
          dial,
          awaitsName: mayFollowNames() && !early.destination,
          isSilent: silent.has(socket),
        },
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
}

const evidenceOf = ({ config, evidence }: DataPlaneOptions, { inbound }: SiteOptions): EvidencePorts => ({
  proxyHeaders: config.proxyProtocolFrom.length > 0,
  inbound: inbound !== undefined,
  ...evidence,
})

/** The stages that flows of this workload go through. `policy` is asked anew for each of them. */
const createStages = (
  shared: Shared,
  site: SiteOptions,
  upstream: Upstream,
  isOwn: IsOwn,
  policy: () => Policy,
): Stages => {
  const { options, store, api, webSockets, budget } = shared
  const { config, recorder, tape, missed } = options
  return {
    intercept: createIntercept(shared, upstream, policy),
    chain: createChain(
      { isOwn, ...(options.isReserved ? { isReserved: options.isReserved } : {}) },
      createStrategies(evidenceOf(options, site), config.strategiesOff),
    ),
    store,
    get policy() {
      return policy()
    },
    isOwnLeg: upstream.legs.has,
    namesOf: options.namesOf ?? (() => []),
    bodyLimit: config.bodyMatchBytes,
    selfId: shared.selfId,
    ...createActs(options, upstream, { ...api, webSockets, budget, selfId: shared.selfId }),
    ...api,
    ...(tape ? { tape } : {}),
    ...(missed ? { missed: (asked) => missed(asked, store) } : {}),
    record: (exchange) => {
      shared.onWork()
      recorder.exchange(exchange)
    },
    nowMs,
  }
}

const MODES = {
  mock: { onUnmatched: 'refuse' },
  forward: { onUnmatched: 'forward' },
  observe: { onUnmatched: 'forward', isObserved: true },
} as const satisfies Readonly<Record<NonNullable<Workload['mode']>, Policy>>

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** A connection takes one of the workload's own slots and one of all. */
const bothOf = (own: Budget, all: Budget) => ({
  take: (): boolean => {
    if (!own.take()) return false
    if (all.take()) return true
    own.give()
    return false
  },
  give: (): void => {
    own.give()
    all.give()
  },
})

export const createSite = (shared: Shared, site: SiteOptions): Site => {
  const { options } = shared
  const { metrics, log } = options
  const ownPorts = new Set<number>()
  const servers: Server[] = []
  const isLocal = site.isLocal ?? isLocalAddress
  const isOwn: IsOwn = ({ address, port }) => ownPorts.has(port) && isLocal(address)
  const upstream = createUpstream(options, site, isOwn, shared.ca)
  const connections = createConnections(NO_GAUGE)
  const { workload } = site
  const policy = (): Policy => (workload.mode ? MODES[workload.mode] : shared.policy)
  const stages = createStages(shared, site, upstream, isOwn, policy)
  const { maxConnections } = site
  const slots =
    maxConnections === undefined
      ? shared.slots
      : bothOf(
          createBudget(maxConnections, () => metrics.limitHit('workload_connections')),
          shared.slots,
        )

  const onFlow = (socket: Socket, flow: Flow): void => {
    if (options.takes?.(socket, flow)) return
    connections.add(socket, () => undefined)
    shared.connections.add(socket, () => shared.opening.delete(socket))
    acceptFlow(socket, flow, stages)
  }

  return {
    createServer: (traits = {}) => {
      const direction = site.direction ?? options.direction
      const { identify } = traits.direction === 'inbound' && site.inbound ? site.inbound : site
      const server = createListener({ workload, direction, identify, slots, onFlow, ...traits })
      server.on('listening', () => {
        const port = portOf(server)
        ownPorts.add(port)
        // Before it listens, an error is for whoever made it listen; from here on it is about one connection.
        server.on('error', (err) => log.warn({ err }, 'a connection could not be accepted'))
        server.once('close', () => {
          servers.splice(servers.indexOf(server), 1)
          if (!servers.some((other) => portOf(other) === port)) ownPorts.delete(port)
        })
      })
      servers.push(server)
      return server
    },
    isListening: () => servers.length > 0 && servers.every((server) => server.listening),
    close: async (graceMs) => {
      for (const server of [...servers]) server.close()
      await connections.emptied(graceMs)
      for (const socket of connections.open) reset(socket)
      await connections.emptied(CLOSED_MS)
      await upstream.upstreams.close()
    },
  }
}
