/**
 * One flow through the stages: intercept → resolve → decide → act → record. Read this file first.
 *
 *   accepted socket ─ early resolution (what the kernel says) ─ first bytes ─┬─ HTTP/1.x: each request is one exchange
 *                                                                            └─ anything else: the whole flow is one
 */
import type { Socket } from 'node:net'
import { decide, type Policy } from './decide/decide.ts'
import { decideBytes } from './decide/decide-bytes.ts'
import type { Decision, Endpoint, Flow, Named, Outcome, RequestHead, Resolution } from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import { hasPassed } from './http1/forwarded-by.ts'
import { parseAuthority } from './resolve/authority.ts'
import { mismatch } from './resolve/mismatch.ts'
import { namedEndpoint } from './resolve/named-endpoint.ts'
import type { Asker, OpenedFlow, Stages } from './stages.ts'

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
  if (flow.direction === 'inbound') return stages.policy.isObserved ? stages.policy : LENIENT
  return flow.direction === 'direct' && !resolution.destination ? STRICT : stages.policy
}

const nameOf = ({ method, target, host }: RequestHead): Endpoint | undefined => {
  if (method === 'CONNECT') return namedEndpoint(host, DEFAULT_PORTS.connect)
  // What was to be encrypted is not sent in the clear to where it was going.
  const isPlain = target.startsWith('/') || target === '*' || /^http:/i.test(target)
  return isPlain ? namedEndpoint(host, DEFAULT_PORTS.http) : undefined
}

/** What contradicts the resolution. Who calls a workload names a service, not its own address. */
const contradiction = (flow: Flow, resolution: Resolution, named: Named | undefined, stages: Stages) =>
  flow.direction === 'inbound' || !named
    ? undefined
    : mismatch(resolution, named, (address) => stages.namesOf(flow.workload, address))

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
  where: Asker & { readonly early: Resolution; readonly resolution: Resolution },
  { http }: Stages,
  done: (outcome: Outcome) => void,
): void => {
  switch (decision.kind) {
    case 'mock':
      return http.mock(exchange, decision, where, done)
    case 'forward': {
      // Only a destination known before the client spoke is whom it meant to speak to; else it speaks to us, a proxy.
      const isVerbatim = decision.expectationId === undefined && where.early.destination !== undefined
      const mayLoop = isProxied(decision, where.flow) && where.resolution.resolvedBy === 'host'
      return http.forward(exchange, decision, where.flow, { isVerbatim, mayLoop, body: where.body }, done)
    }
    case 'refuse':
      return http.refuse(exchange, decision, done)
    case 'relay':
      throw new Error('an HTTP exchange is never relayed whole')
  }
}

/** A connection that speaks HTTP, and where its last request led that named a host in the plain way. */
interface HttpFlow {
  readonly flow: Flow
  readonly early: Resolution
  last?: { readonly host: string | undefined; readonly seen: Flow; readonly resolution: Resolution }
}

/** Where a request leads. On a connection to us, one that names the same host as the last leads to the same place. */
const follow = (head: RequestHead, http: HttpFlow, { chain }: Stages): NonNullable<HttpFlow['last']> => {
  const { flow, early, last } = http
  const isPlain = head.target.startsWith('/') && head.method !== 'CONNECT'
  if (last && isPlain && last.host === head.host && flow.direction === 'direct') return last
  const named = early.destination ? undefined : nameOf(head)
  const seen = named ? { ...flow, named } : flow
  const led = { host: head.host, seen, resolution: chain.late(seen, early) }
  if (isPlain) http.last = led
  return led
}

/** One HTTP exchange: resolve, decide (with the body only if an expectation asks for it), act, record. */
const runExchange = (exchange: HttpExchange, connection: HttpFlow, stages: Stages): void => {
  const { head } = exchange.request
  const { startedAtMs } = exchange
  const { flow, early } = connection
  const { seen, resolution } = follow(head, connection, stages)
  // Inside a tunnel a further CONNECT is for whoever is at its end.
  const isForUs = flow.direction === 'direct' && !early.destination
  if (isForUs && stages.control?.take(exchange)) return
  const isBack = flow.direction === 'direct' && hasPassed(head.headers, stages.selfId)
  if (head.method === 'CONNECT' && isForUs && resolution.destination && !isBack) {
    const { socket, rest } = stages.http.openTunnel(exchange)
    return runFlow(socket, seen, stages, rest, resolution)
  }
  const policy = policyFor(stages, flow, resolution)

  const finish = (decision: Decision, outcome: Outcome): void => {
    const protocol = head.httpVersion === '1.0' ? 'http/1.0' : 'http/1.1'
    const text = contradiction(flow, resolution, originNamed(head, resolution), stages)
    const kind = 'exchange'
    const record = { kind, startedAtMs, flow: seen, protocol, request: head, resolution, decision, outcome } as const
    stages.record(text === undefined ? record : { ...record, mismatch: text })
  }
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
    carryOut(taped ?? watched, decision, { flow, body, early, resolution }, stages, (outcome) =>
      finish(decision, outcome),
    )
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
  const done = (outcome: Outcome): void => {
    const text = contradiction(flow, resolution, opened.named(), stages)
    stages.record({
      kind: 'exchange',
      startedAtMs,
      flow: seen,
      protocol,
      ...(protocol === 'tls' && first ? { serverName: first.address } : {}),
      ...(text === undefined ? {} : { mismatch: text }),
      resolution,
      decision,
      outcome: { ...outcome, durationMs: stages.nowMs() - startedAtMs },
    })
  }
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
  const connection: HttpFlow = { flow, early }
  stages.intercept.open(socket, flow, early, first, {
    http: (bytes) =>
      stages.intercept.serveHttp(socket, bytes, {
        exchange: (exchange) => runExchange(exchange, connection, stages),
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
