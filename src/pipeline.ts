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
import type { Decision, Endpoint, Exchange, Flow, Outcome, Protocol, RequestHead, Resolution } from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import type { Chain } from './resolve/chain.ts'

/** How a decision about an HTTP exchange is carried out. */
export interface HttpActs {
  mock(exchange: HttpExchange, decision: Decision & { kind: 'mock' }, done: (outcome: Outcome) => void): void
  forward(
    exchange: HttpExchange,
    decision: Decision & { kind: 'forward' },
    flow: Flow,
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
      malformed(status: number, why: string, startedAtMs: number): void
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
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/?#[\]\s]+))(?::(\d{1,5}))?$/.exec(authority ?? '')
  const address = parts?.[1] ?? parts?.[2]
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3])
  return address === undefined || port < 1 || port > 65535 ? undefined : { address, port }
}

/** A client that spoke to us on purpose is not to be sent anywhere just because nothing matched. */
const policyFor = (stages: Stages, flow: Flow, resolution: Resolution): Policy =>
  flow.direction === 'direct' && !resolution.destination ? STRICT : stages.policy

const nameOf = (head: RequestHead): Endpoint | undefined =>
  namedEndpoint(head.host, head.method === 'CONNECT' ? DEFAULT_PORTS.connect : DEFAULT_PORTS.http)

/** One HTTP exchange: resolve, decide (with the body only if an expectation asks for it), act, record. */
const runExchange = (exchange: HttpExchange, flow: Flow, early: Resolution, stages: Stages): void => {
  const { head } = exchange.request
  const { startedAtMs } = exchange
  const named = early.destination ? undefined : nameOf(head)
  const seen = named ? { ...flow, named } : flow
  const resolution = stages.chain.late(seen, early)
  if (head.method === 'CONNECT' && flow.direction === 'direct' && resolution.destination) {
    const { socket, rest } = stages.http.openTunnel(exchange)
    return runFlow(socket, seen, stages, rest, resolution)
  }
  const policy = policyFor(stages, flow, resolution)

  const act = (decision: Decision): void => {
    const done = (outcome: Outcome): void =>
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
    switch (decision.kind) {
      case 'mock':
        return stages.http.mock(exchange, decision, done)
      case 'forward':
        return stages.http.forward(exchange, decision, flow, done)
      case 'refuse':
        return stages.http.refuse(exchange, decision, done)
      case 'relay':
        throw new Error('an HTTP exchange is never relayed whole')
    }
  }

  const ask = (body: Buffer | 'unavailable' | undefined): void => {
    const decision = decide({ head, resolution, body, policy, nowMs: startedAtMs }, stages.store)
    if (decision.kind !== 'needs_body') act(decision)
    else exchange.collectBody(stages.bodyLimit, ask)
  }
  ask(exchange.request.framing.kind === 'none' ? NO_BYTES : undefined)
}

/** A flow that is not HTTP: one decision and one record for all its bytes. */
const runBytes = (opened: OpenedFlow, flow: Flow, resolution: Resolution, stages: Stages): void => {
  const startedAtMs = stages.nowMs()
  const decision = decideBytes(resolution, stages.policy)
  const done = (outcome: Outcome): void =>
    stages.record({ kind: 'exchange', startedAtMs, flow, protocol: opened.protocol, resolution, decision, outcome })
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
  stages.intercept.open(socket, flow, early, first, {
    http: (bytes) =>
      stages.intercept.serveHttp(socket, bytes, {
        exchange: (exchange) => runExchange(exchange, flow, early, stages),
        malformed: (status, why, startedAtMs) =>
          stages.record({
            kind: 'exchange',
            startedAtMs,
            flow,
            protocol: 'http/1.1',
            resolution: early,
            decision: { kind: 'refuse', status, reason: 'bad_request' },
            outcome: {
              status,
              fault: status === 408 ? 'request_timeout' : 'bad_request',
              requestBytes: 0,
              responseBytes: Buffer.byteLength(why) + 1,
              durationMs: stages.nowMs() - startedAtMs,
            },
          }),
      }),
    bytes: (opened) => runBytes(opened, flow, early, stages),
  })
}
