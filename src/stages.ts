/** What the pipeline asks of every stage: its ports, types only. */
import type { Socket } from 'node:net'
import type { Policy } from './decide/decide.ts'
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
  Resolution,
  Workload,
} from './flow.ts'
import type { HttpExchange } from './http1/exchange.ts'
import type { Chain } from './resolve/chain.ts'

/** What there is to know of a request that is forwarded, beside its destination. */
export interface ForwardHow {
  /** The client meant to speak to that destination itself. */
  readonly isVerbatim: boolean
  /** The client spoke to us, and only its own word says where it wants to go: that may be back to us. */
  readonly mayLoop: boolean
  /** As in {@link Asker}. */
  readonly body: Buffer | 'unavailable' | undefined
}

/** Who asks, and with what body: undefined where it was not waited for, 'unavailable' where it is too large. */
export interface Asker {
  readonly flow: Flow
  readonly body: Buffer | 'unavailable' | undefined
}

/** How a decision about an HTTP exchange is carried out. */
export interface HttpActs {
  mock(
    exchange: HttpExchange,
    decision: Decision & { kind: 'mock' },
    asker: Asker,
    done: (outcome: Outcome) => void,
  ): void
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
