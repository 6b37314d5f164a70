/**
 * One flow through the stages: intercept → resolve → decide → act → record. Read this file first.
 *
 *   accepted socket ─ early resolution (what the kernel says) ─ first bytes ─┬─ HTTP/1.x: each request is one exchange
 *                                                                            └─ anything else: the whole flow is one
 */
import type { Socket } from 'node:net'
import { decide, type Policy } from './decide/decide.ts'
import { decideBytes } from './decide/decide-bytes.ts'
import type { ExpectationStore } from './decide/matching/store.ts'
import type {
  Decision,
  Endpoint,
  Exchange,
  Flow,
  Outcome,
  Protocol,
  RefuseReason,
  RequestHead,
  Resolution,
} from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import type { Chain } from './resolve/chain.ts'
import { plainAddress } from './resolve/plain-address.ts'

/** How a decision about an HTTP exchange is carried out. `isVerbatim`: the client meant to speak to that destination. */
export interface HttpActs {
  mock(exchange: HttpExchange, decision: Decision & { kind: 'mock' }, done: (outcome: Outcome) => void): void
  forward(
    exchange: HttpExchange,
    decision: Decision & { kind: 'forward' },
    flow: Flow,
    isVerbatim: boolean,
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
  readonly upstream?: Socket
  readonly fromUpstream?: Buffer
  /** Why there is no upstream, though one was dialled. */
  readonly upstreamError?: Error
}

export interface Intercept {
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

export interface Stages {
  readonly intercept: Intercept
  readonly chain: Chain
  readonly store: ExpectationStore
  readonly policy: Policy
  readonly bodyLimit: number
  readonly http: HttpActs
  readonly bytes: ByteActs
  readonly record: (exchange: Exchange) => void
  readonly nowMs: () => number
}

const NO_BYTES = Buffer.alloc(0)
const STRICT: Policy = { onUnmatched: 'refuse' }
const DEFAULT_PORTS = { http: 80, connect: 443 }

/** The endpoint that a Host header or authority names (RFC 3986 3.2); undefined when it names none. */
export const namedEndpoint = (authority: string | undefined, defaultPort: number): Endpoint | undefined => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/?#[\]\s]+))(?::(\d{0,5}))?$/.exec(authority ?? '')
  const address = parts?.[1] ?? parts?.[2]
  const port = parts?.[3] ? Number(parts[3]) : defaultPort
  return address === undefined || port < 1 || port > 65535 ? undefined : { address: plainAddress(address), port }
}

/** A client that spoke to us on purpose is not to be sent anywhere just because nothing matched. */
const policyFor = (stages: Stages, flow: Flow, resolution: Resolution): Policy =>
  flow.direction === 'direct' && !resolution.destination ? STRICT : stages.policy

const nameOf = ({ method, target, host }: RequestHead): Endpoint | undefined => {
  if (method === 'CONNECT') return namedEndpoint(host, DEFAULT_PORTS.connect)
  // What was to be encrypted is not sent in the clear to where it was going.
  const isPlain = target.startsWith('/') || target === '*' || /^http:/i.test(target)
  return isPlain ? namedEndpoint(host, DEFAULT_PORTS.http) : undefined
}

/** What is recorded where the client goes while its body is awaited, so that nothing was decided yet. */
const UNDECIDED: Decision = { kind: 'refuse', status: 400, reason: 'bad_request' }

const carryOut = (
  exchange: HttpExchange,
  decision: Decision,
  where: { readonly flow: Flow; readonly early: Resolution },
  { http }: Stages,
  done: (outcome: Outcome) => void,
): void => {
  switch (decision.kind) {
    case 'mock':
      return http.mock(exchange, decision, done)
    case 'forward': {
      // Only a destination known before the client spoke is whom it meant to speak to; else it speaks to us, a proxy.
      const isVerbatim = decision.expectationId === undefined && where.early.destination !== undefined
      return http.forward(exchange, decision, where.flow, isVerbatim, done)
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
  if (head.method === 'CONNECT' && isForUs && resolution.destination) {
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
      resolution,
      decision,
      outcome,
    })
  const ask = (body: Buffer | 'unavailable' | undefined): void => {
    const decision = decide({ head, resolution, body, policy, nowMs: startedAtMs }, stages.store)
    if (decision.kind !== 'needs_body') {
      return carryOut(exchange, decision, { flow, early }, stages, (outcome) => finish(decision, outcome))
    }
    exchange.onGone = (fault, status) =>
      finish(UNDECIDED, {
        ...(status === undefined ? {} : { status }),
        fault,
        requestBytes: exchange.requestBytes,
        responseBytes: 0,
        durationMs: stages.nowMs() - startedAtMs,
      })
    exchange.collectBody(stages.bodyLimit, ask)
  }
  ask(exchange.request.framing.kind === 'none' ? NO_BYTES : undefined)
}

/** A flow that is not HTTP: one decision and one record for all its bytes. */
const runBytes = (
  opened: OpenedFlow,
  flow: Flow,
  resolution: Resolution,
  stages: Stages,
  startedAtMs: number,
): void => {
  const decision = decideBytes(resolution, stages.policy)
  const done = (outcome: Outcome): void =>
    stages.record({
      kind: 'exchange',
      startedAtMs,
      flow,
      protocol: opened.protocol,
      resolution,
      decision,
      outcome: { ...outcome, durationMs: stages.nowMs() - startedAtMs },
    })
  if (decision.kind === 'relay') stages.bytes.relay(opened, decision.destination, flow, done)
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
