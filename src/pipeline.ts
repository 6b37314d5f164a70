/**
 * One flow through the stages: intercept → resolve → decide → act → record. Read this file first.
 *
 *   accepted socket ─ early resolution (what the kernel says) ─ first bytes ─┬─ HTTP/1.x: each request is one exchange
 *                                                                            └─ anything else: the whole flow is one
 */
import type { Socket } from 'node:net'
import { decide, type Policy } from './decide/decide.ts'
import { decideBytes } from './decide/decide-bytes.ts'
import type { Asked } from './decide/matching/search.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type {
  Decision,
  Endpoint,
  Exchange,
  Flow,
  Named,
  Outcome,
  Protocol,
  ProxiedEndpoints,
  RefuseReason,
  RequestHead,
  Resolution,
  Workload,
} from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import { hasPassed } from './http1/forwarded-by.ts'
import { parseAuthority } from './resolve/authority.ts'
import type { Chain } from './resolve/chain.ts'
import { mismatch } from './resolve/mismatch.ts'
import { namedEndpoint } from './resolve/named-endpoint.ts'

/** What there is to know of a request that is forwarded, beside its destination. */
export interface ForwardHow {
  /** The client meant to speak to that destination itself. */
  readonly isVerbatim: boolean
  /** The client spoke to us, and only its own word says where it wants to go: that may be back to us. */
  readonly mayLoop: boolean
}

/** How a decision about an HTTP exchange is carried out. */
export interface HttpActs {
  mock(exchange: HttpExchange, decision: Decision & { kind: 'mock' }, done: (outcome: Outcome) => void): void
  forward(
    exchange: HttpExchange,
    decision: Decision & { kind: 'forward' },
    flow: Flow,
    how: ForwardHow,
    done: (outcome: Outcome) => void,
  ): void
  refuse(exchange: HttpExchange, decision: Decision & { kind: 'refuse' }, done: (outcome: Outcome) => void): void
  /** Answers CONNECT and gives the tunnel's socket and the bytes already in it. */
  openTunnel(exchange: HttpExchange): { readonly socket: Socket; readonly rest: Buffer }
}

/** How a decision about bytes that are not HTTP is carried out. */
export interface ByteActs {
  relay(opened: OpenedFlow, destination: Endpoint, flow: Flow, done: (outcome: Outcome) => void): void
  refuse(opened: OpenedFlow, decision: Decision & { kind: 'refuse' }, done: (outcome: Outcome) => void): void
}

/** A flow whose first bytes are known. `upstream` is there when the server was dialled before the client spoke. */
export interface OpenedFlow {
  readonly socket: Socket
  readonly bytes: Buffer
  readonly protocol: Protocol
  /** SNI or `:authority`; with a destination known early, the latter may only be there after a while. */
  readonly named: () => Named | undefined
  readonly upstream?: Socket
  readonly fromUpstream?: Buffer
  /** Why there is no upstream, though one was dialled. */
  readonly upstreamError?: Error
}

/** What precedes a connection's own bytes: a PROXY header or not, and what was read beyond it. */
export type Preamble =
  | { readonly kind: 'header'; readonly proxied: ProxiedEndpoints; readonly rest: Buffer }
  | { readonly kind: 'none'; readonly rest: Buffer }
  | { readonly kind: 'refused'; readonly why: string }

export interface Intercept {
  /** Looks for a PROXY header and calls back once; not there where none are believed. */
  readonly preamble?: (socket: Socket, flow: Flow, then: (preamble: Preamble) => void) => void
  /** Calls one of the two, once: the flow speaks HTTP/1.x, or something else. */
  open(
    socket: Socket,
    flow: Flow,
    early: Resolution,
    first: Buffer,
    then: { http(first: Buffer): void; bytes(opened: OpenedFlow): void },
  ): void
  /** Runs an HTTP/1.x session on the socket. */
  serveHttp(
    socket: Socket,
    first: Buffer,
    events: {
      exchange(exchange: HttpExchange): void
      malformed(status: number, reason: RefuseReason, responseBytes: number, startedAtMs: number): void
    },
  ): void
}

/** The control API: an exchange is a call to it, or it is noted how that one is answered. */
export interface Control {
  /** Answers the exchange itself, if it is a call to the API. */
  take(exchange: HttpExchange): boolean
  /** Notes a request; the exchange to go on with. `body` is undefined where it is still to be streamed. */
  watch(
    exchange: HttpExchange,
    flow: Flow,
    resolution: Resolution,
    decision: Decision,
    body: Buffer | 'unavailable' | undefined,
  ): HttpExchange
}

export interface Stages {
  readonly intercept: Intercept
  readonly chain: Chain
  readonly store: ExpectationStore
  readonly policy: Policy
  /** What requests are marked with that may come back to us (http1/forwarded-by.ts). */
  readonly selfId: string
  /** Whether this client is a connection of our own to an upstream: somebody's rules have led it back. */
  readonly isOwnLeg: (client: Endpoint) => boolean
  /** The names that a workload asked DNS for and was given this address. */
  readonly namesOf: (workload: Workload, address: string) => readonly string[]
  readonly bodyLimit: number
  readonly http: HttpActs
  readonly bytes: ByteActs
  readonly record: (exchange: Exchange) => void
  /** Not there where the control API is not served. */
  readonly control?: Control
  /** Notes an exchange that is sent on, for a recording; the exchange to go on with. */
  readonly tape?: (exchange: HttpExchange, flow: Flow, body: Buffer | 'unavailable' | undefined) => HttpExchange
  /** Told of each request that no expectation matched. */
  readonly missed?: (asked: Asked) => void
  readonly nowMs: () => number
}

const NO_BYTES = Buffer.alloc(0)
const STRICT: Policy = { onUnmatched: 'refuse' }
const LENIENT: Policy = { onUnmatched: 'forward' }
const DEFAULT_PORTS = { http: 80, connect: 443, tls: 443 }
const LOOP = { kind: 'refuse', status: 508, reason: 'loop' } as const satisfies Decision

const withPort = (named: Named | undefined, defaultPort: number): Endpoint | undefined =>
  named && { address: named.address, port: named.port ?? defaultPort }

/**
 * A client that spoke to us on purpose is not to be sent anywhere just because nothing matched. The application itself is
 * there to answer what comes in; it is what it calls that may be closed to it.
 */
const policyFor = (stages: Stages, flow: Flow, resolution: Resolution): Policy => {
  if (flow.direction === 'inbound') return LENIENT
  return flow.direction === 'direct' && !resolution.destination ? STRICT : stages.policy
}

const nameOf = ({ method, target, host }: RequestHead): Endpoint | undefined => {
  if (method === 'CONNECT') return namedEndpoint(host, DEFAULT_PORTS.connect)
  // What was to be encrypted is not sent in the clear to where it was going.
  const isPlain = target.startsWith('/') || target === '*' || /^http:/i.test(target)
  return isPlain ? namedEndpoint(host, DEFAULT_PORTS.http) : undefined
}

const NOTHING = {}

/** What contradicts the resolution, as a part of the record. Who calls a workload names a service, not its own address. */
const contradiction = (flow: Flow, resolution: Resolution, named: Named | undefined, stages: Stages) => {
  if (flow.direction === 'inbound' || !named) return NOTHING
  const text = mismatch(resolution, named, (address) => stages.namesOf(flow.workload, address))
  return text === undefined ? NOTHING : { mismatch: text }
}

/**
 * A request in another form than to an origin is meant for a proxy, and names whom that one shall speak to. A host that is
 * the destination's address to the letter needs no parsing to be known for no contradiction.
 */
const originNamed = ({ target, host }: RequestHead, { destination }: Resolution): Named | undefined => {
  if (destination && host?.startsWith(destination.address)) {
    if (host.length === destination.address.length || host === `${destination.address}:${destination.port}`) return
  }
  return target.startsWith('/') || target === '*' ? parseAuthority(host) : undefined
}

/** What is recorded where the client goes while its body is awaited, so that nothing was decided yet. */
const UNDECIDED: Decision = { kind: 'refuse', status: 400, reason: 'bad_request' }

/** Sent on for a client that spoke to us on purpose, because nothing else became of the request. */
const isProxied = (decision: Decision | { readonly kind: 'needs_body' }, flow: Flow): boolean =>
  decision.kind === 'forward' && decision.expectationId === undefined && flow.direction === 'direct'

/** No expectation had anything to say. */
const isUnmatched = (decision: Decision | { readonly kind: 'needs_body' }): boolean =>
  (decision.kind === 'forward' && decision.expectationId === undefined) ||
  (decision.kind === 'refuse' && decision.reason === 'no_expectation')

const carryOut = (
  exchange: HttpExchange,
  decision: Decision,
  where: { readonly flow: Flow; readonly early: Resolution; readonly resolution: Resolution },
  { http }: Stages,
  done: (outcome: Outcome) => void,
): void => {
  switch (decision.kind) {
    case 'mock':
      return http.mock(exchange, decision, done)
    case 'forward': {
      // Only a destination known before the client spoke is whom it meant to speak to; else it speaks to us, a proxy.
      const isVerbatim = decision.expectationId === undefined && where.early.destination !== undefined
      const mayLoop = isProxied(decision, where.flow) && where.resolution.resolvedBy === 'host'
      return http.forward(exchange, decision, where.flow, { isVerbatim, mayLoop }, done)
    }
    case 'refuse':
      return http.refuse(exchange, decision, done)
    case 'relay':
      throw new Error('an HTTP exchange is never relayed whole')
  }
}

/** One HTTP exchange: resolve, decide (with the body only if an expectation asks for it), act, record. */
const runExchange = (exchange: HttpExchange, flow: Flow, early: Resolution, stages: Stages): void => {
  const { head } = exchange.request
  const { startedAtMs } = exchange
  const named = early.destination ? undefined : nameOf(head)
  const seen = named ? { ...flow, named } : flow
  const resolution = stages.chain.late(seen, early)
  // Inside a tunnel a further CONNECT is for whoever is at its end.
  const isForUs = flow.direction === 'direct' && !early.destination
  if (isForUs && stages.control?.take(exchange)) return
  const isBack = flow.direction === 'direct' && hasPassed(head.headers, stages.selfId)
  if (head.method === 'CONNECT' && isForUs && resolution.destination && !isBack) {
    const { socket, rest } = stages.http.openTunnel(exchange)
    return runFlow(socket, seen, stages, rest, resolution)
  }
  const policy = policyFor(stages, flow, resolution)

  const finish = (decision: Decision, outcome: Outcome): void =>
    stages.record({
      kind: 'exchange',
      startedAtMs,
      flow: seen,
      protocol: head.httpVersion === '1.0' ? 'http/1.0' : 'http/1.1',
      request: head,
      ...contradiction(flow, resolution, originNamed(head, resolution), stages),
      resolution,
      decision,
      outcome,
    })
  /** Waits for the body; a client that goes meanwhile is recorded. */
  const collect = (then: (body: Buffer | 'unavailable') => void): void => {
    exchange.onGone = (fault, status) =>
      finish(UNDECIDED, {
        ...(status === undefined ? {} : { status }),
        fault,
        requestBytes: exchange.requestBytes,
        responseBytes: 0,
        durationMs: stages.nowMs() - startedAtMs,
      })
    exchange.collectBody(stages.bodyLimit, then)
  }
  const settle = (decision: Decision, body: Buffer | 'unavailable' | undefined): void => {
    const watched = stages.control?.watch(exchange, flow, resolution, decision, body) ?? exchange
    const taped = decision.kind === 'forward' ? stages.tape?.(watched, flow, body) : undefined
    carryOut(taped ?? watched, decision, { flow, early, resolution }, stages, (outcome) => finish(decision, outcome))
  }
  const ask = (body: Buffer | 'unavailable' | undefined): void => {
    const question = { head, resolution, body, policy, nowMs: startedAtMs, flow: seen, namesOf: stages.namesOf }
    const decided = decide(question, stages.store)
    if (stages.missed && isUnmatched(decided)) stages.missed({ head, body, nowMs: startedAtMs, origin: question })
    const goesRound =
      (isBack && isProxied(decided, flow)) || (decided.kind === 'forward' && stages.isOwnLeg(flow.client))
    const decision = goesRound ? LOOP : decided
    if (decision.kind === 'needs_body') return collect(ask)
    // What is answered without its body is noted with it, unless that must not be waited for.
    const mayWait = decision.kind !== 'forward' && !(decision.kind === 'mock' && decision.beforeBody)
    if (stages.control && body === undefined && mayWait) return collect((whole) => settle(decision, whole))
    settle(decision, body)
  }
  ask(exchange.request.framing.kind === 'none' ? NO_BYTES : undefined)
}

/** A flow that is not HTTP: one decision and one record for all its bytes. */
const runBytes = (opened: OpenedFlow, flow: Flow, early: Resolution, stages: Stages, startedAtMs: number): void => {
  const { protocol } = opened
  const first = opened.named()
  const named = early.destination ? undefined : withPort(first, DEFAULT_PORTS[protocol === 'tls' ? 'tls' : 'http'])
  const seen = named ? { ...flow, named } : flow
  const resolution = stages.chain.late(seen, early)
  const decision = stages.isOwnLeg(flow.client)
    ? LOOP
    : decideBytes(resolution, flow.direction === 'inbound' ? LENIENT : stages.policy)
  const done = (outcome: Outcome): void =>
    stages.record({
      kind: 'exchange',
      startedAtMs,
      flow: seen,
      protocol,
      ...(protocol === 'tls' && first ? { serverName: first.address } : {}),
      ...contradiction(flow, resolution, opened.named(), stages),
      resolution,
      decision,
      outcome: { ...outcome, durationMs: stages.nowMs() - startedAtMs },
    })
  if (decision.kind === 'relay') stages.bytes.relay(opened, decision.destination, seen, done)
  else if (decision.kind === 'refuse') stages.bytes.refuse(opened, decision, done)
}

/** Runs one accepted connection to its end. `known` is the resolution of the CONNECT request that opened a tunnel. */
export const runFlow = (
  socket: Socket,
  flow: Flow,
  stages: Stages,
  first: Buffer = NO_BYTES,
  known?: Resolution,
): void => {
  const early = known ?? stages.chain.early(flow)
  const openedAtMs = stages.nowMs()
  stages.intercept.open(socket, flow, early, first, {
    http: (bytes) =>
      stages.intercept.serveHttp(socket, bytes, {
        exchange: (exchange) => runExchange(exchange, flow, early, stages),
        malformed: (status, reason, responseBytes, startedAtMs) =>
          stages.record({
            kind: 'exchange',
            startedAtMs,
            flow,
            protocol: 'http/1.1',
            resolution: early,
            decision: { kind: 'refuse', status, reason },
            outcome: {
              status,
              fault: reason,
              requestBytes: 0,
              responseBytes,
              durationMs: stages.nowMs() - startedAtMs,
            },
          }),
      }),
    bytes: (opened) => runBytes(opened, flow, early, stages, openedAtMs),
  })
}

/** A header that is not believed takes its connection with it: one record, with the reason as its trail. */
const refuseHeader = (socket: Socket, flow: Flow, why: string, stages: Stages, startedAtMs: number): void => {
  const reason = 'proxy_header_refused'
  const trail = [{ strategy: 'proxy-protocol', answer: { kind: 'fault', error: new Error(why) } }] as const
  const decision = { kind: 'refuse', status: 400, reason } as const
  const opened: OpenedFlow = { socket, bytes: NO_BYTES, protocol: 'opaque', named: () => undefined }
  stages.bytes.refuse(opened, decision, (outcome) =>
    stages.record({
      kind: 'exchange',
      startedAtMs,
      flow,
      protocol: 'opaque',
      resolution: { trail },
      decision,
      outcome: { ...outcome, durationMs: stages.nowMs() - startedAtMs },
    }),
  )
}

/**
 * Runs one accepted connection to its end, what a PROXY header says of it taken for the truth. In front of outbound ones
 * nobody stands who could have written any: there it is the application's own data.
 */
export const acceptFlow = (socket: Socket, flow: Flow, stages: Stages): void => {
  const { preamble } = stages.intercept
  if (!preamble || flow.direction === 'outbound') return runFlow(socket, flow, stages)
  const startedAtMs = stages.nowMs()
  preamble(socket, flow, (found) => {
    switch (found.kind) {
      case 'none':
        return runFlow(socket, flow, stages, found.rest)
      case 'refused':
        return refuseHeader(socket, flow, found.why, stages, startedAtMs)
      case 'header': {
        const { proxied, rest } = found
        return runFlow(socket, { ...flow, proxied, client: proxied.source ?? flow.client }, stages, rest)
      }
    }
  })
}
