/** The composition of the acting half: how upstreams are dialled, and who carries out which decision. No logic of its own. */
import { createWorkloadDial, type Dial, directDial, lookUpHere, refusingOwn, withProxyHeader } from './act/dial.ts'
import { createForward } from './act/forward.ts'
import { createForwardOnce } from './act/forward-once.ts'
import { createForwardChanged, createForwardPlanned, dialledAt } from './act/forward-planned.ts'
import { createFailureLog, createMock } from './act/mock.ts'
import { createOwnLegs, type OwnLegs } from './act/own-legs.ts'
import { closestHeader, refuse } from './act/refuse.ts'
import { createRelayFlow, refuseFlow } from './act/relay-flow.ts'
import { createInboundRoute, type FindRoute, outboundRoute } from './act/route.ts'
import { overTls } from './act/secure.ts'
import { createApplicationDial } from './act/to-application.ts'
import { openTunnel } from './act/tunnel.ts'
import type { ForwardTarget } from './act/upstream-request.ts'
import { createUpstreams, type Upstreams } from './act/upstreams.ts'
import type { loadCaFile } from './config/ca-file.ts'
import type { Config } from './config/schema.ts'
import type { createControlStage } from './control-stage.ts'
import { FORWARDED_BY } from './http1/forwarded-by.ts'
import { DEFAULT_LIMITS, type Limits } from './http1/limits.ts'
import type { Budget } from './intercept/budget.ts'
import type { DataPlaneOptions, SiteOptions } from './plane-options.ts'
import type { IsOwn } from './resolve/chain.ts'
import type { Stages } from './stages.ts'
import type { WebSockets } from './websocket.ts'

/** Limits of HTTP heads, both ways. */
export const limitsOf = ({ maxHeadBytes, maxHeaders }: Config): Limits => ({
  ...DEFAULT_LIMITS,
  maxHeadBytes,
  maxHeaders,
})

/** How servers are reached. */
export interface Upstream {
  readonly dial: Dial
  readonly upstreams: Upstreams
  readonly legs: OwnLegs
  readonly route: FindRoute
}

const createRoute = ({ config }: DataPlaneOptions, { inbound }: SiteOptions): FindRoute => {
  if (!inbound) return outboundRoute
  const inboundRoute = createInboundRoute({ ...config.inbound, ...inbound })
  return (flow, destination, isChosen) =>
    (flow.direction === 'inbound' ? inboundRoute : outboundRoute)(flow, destination, isChosen)
}

/** @param ca what upstreams may be issued by: read once, not again for each workload */
export const createUpstream = (
  options: DataPlaneOptions,
  site: SiteOptions,
  isOwn: IsOwn,
  ca: ReturnType<typeof loadCaFile>,
): Upstream => {
  const { config, metrics } = options
  const made = site.makeSocket ? createWorkloadDial(site.makeSocket, site.lookUp ?? lookUpHere) : directDial
  const any = site.inbound ? createApplicationDial(site.inbound.sockets, made) : made
  const legs = createOwnLegs()
  // A PROXY header may name one, and rules of others may lead one back; otherwise nobody asks.
  const mayReturn = config.proxyProtocolFrom.length > 0 || config.capture === 'none'
  const plain = withProxyHeader(refusingOwn(mayReturn ? legs.tracking(any) : any, isOwn))
  const dial = overTls(plain, { isVerified: config.upstreamTlsVerify, ca })
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
  return { dial, upstreams, legs, route: createRoute(options, site) }
}

type Target = { -readonly [K in keyof ForwardTarget]: ForwardTarget[K] }
type Acts = Pick<Stages, 'http' | 'bytes'>

/** What the workloads of one data plane act with together. */
export interface ActsShared extends ReturnType<typeof createControlStage> {
  readonly webSockets: WebSockets
  readonly budget: Budget
  readonly selfId: Stages['selfId']
}

/** `control` is asked for what callback clients say; it is not there where no API is served. */
export const createActs = (
  options: DataPlaneOptions,
  { dial, upstreams, route }: Upstream,
  { control, webSockets, budget, selfId }: ActsShared,
): Acts => {
  const { config, metrics } = options
  const once = createForwardOnce(dial, {
    limits: limitsOf(config),
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    headersTimeoutMs: config.upstreamHeadersTimeoutMs,
    bodyTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  const forward = createForward(upstreams, once)
  const limits = { bodyBytes: config.bodyMatchBytes, budget, onLimit: () => metrics.limitHit('body') }
  const onFailed = createFailureLog(options.log)
  const { askForPlan, askForResponse } = control ?? {}
  const planned = createForwardPlanned(createForwardChanged(forward, route, limits), { askForPlan, onFailed })
  const mock = createMock({
    askForResponse,
    onFailed,
    webSockets,
    maxMessageBytes: config.bodyMatchBytes,
    onTooLarge: () => metrics.limitHit('websocket_message_bytes'),
  })
  const relayFlow = createRelayFlow(dial, {
    connectTimeoutMs: config.upstreamConnectTimeoutMs,
    halfClosedTimeoutMs: config.upstreamIdleTimeoutMs,
  })
  return {
    http: {
      mock: (exchange, { action, expectationId }, asker, done) =>
        mock(exchange, action, { ...asker, expectationId }, done),
      forward: (exchange, { destination, action, expectationId }, flow, { isVerbatim, mayLoop, body }, done) => {
        if (action) return planned(exchange, action, { flow, body, destination, expectationId }, done)
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
