/**
 * The nouns of Understudy, types only. Everything else in `src/` is a stage that turns one of these into the next:
 * kernel → intercept (Flow) → resolve (Resolution) → decide (Decision) → act (Outcome) → record (ExchangeRecord).
 */
import type { Forward, MockAction } from './action.ts'

/** A TCP endpoint. `address` is an IP literal (IPv4 dotted, never v4-mapped; IPv6 without brackets) or, only when it
 * came from a request or an expectation, a host name. `port` is in host order. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** What a client's own bytes name: a host name or an IP literal as in {@link Endpoint}, and a port if they say one. */
export interface Named {
  readonly address: string
  readonly port?: number
}

/** What is intercepted: a local run today, a pod on a node. */
export interface Workload {
  /** The number that ties policy, listener and kernel records together; unique within one agent, never 0. */
  readonly id: number
  readonly name: string
  /** Of Kubernetes, or as the settings say; what expectations with a scope go by. */
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Of a pod: its metadata.uid. */
  readonly uid?: string
  /** What becomes of its traffic; without it, what the settings say of all. */
  readonly mode?: WorkloadMode
}

/**
 * mock: what no expectation matches is refused; forward: it is sent where it was going; observe: everything is, and no
 * expectation is asked.
 */
export type WorkloadMode = 'mock' | 'forward' | 'observe'

/** The process that called connect(), as the kernel saw it. */
export interface Process {
  readonly pid: number
  /** The kernel's comm: at most 15 bytes. */
  readonly name: string
}

/** What the BPF programs saved about one intercepted connection (struct original_dst in bpf/include/contract.h). */
export interface SavedDestination {
  readonly destination: Endpoint
  readonly process: Process
  /** The cookie of the client's socket; the record itself is keyed by the accepted socket's cookie. */
  readonly clientCookie: bigint
  /** CLOCK_MONOTONIC at connect(), in nanoseconds. */
  readonly connectedAtNs: bigint
  /** The application chose its source address with bind(): the upstream leg must use the same one. */
  readonly sourceBound: boolean
  /** Which of the kernel's two stores answered: the pinned map by cookie, or the accepted socket's own storage. */
  readonly via: 'map' | 'storage'
}

/**
 * outbound: a workload's own connection, redirected by the kernel; inbound: somebody's connection to a workload, redirected
 * by the kernel; direct: the client chose to speak to us (explicit proxy or mock server).
 */
export type Direction = 'outbound' | 'inbound' | 'direct'

/** What a PROXY protocol header says of the connection it precedes. LOCAL, UNKNOWN and UNIX headers name nobody. */
export interface ProxiedEndpoints {
  readonly version: 1 | 2
  readonly source?: Endpoint
  readonly destination?: Endpoint
}

/** One accepted connection. */
export interface Flow {
  /** The accepted socket's cookie; 0n where there is no kernel side. */
  readonly cookie: bigint
  readonly workload: Workload
  readonly direction: Direction
  readonly client: Endpoint
  /** The address the client reached us at. */
  readonly local: Endpoint
  /** The accepted socket's descriptor, by which the kernel can be asked while it is open; -1 where there is none. */
  readonly fd: number
  /** Accepted by a transparent listener: `local` is where the client was going. */
  readonly isTransparent?: true
  /** Inbound: the application's port that the listener stands for. */
  readonly standsFor?: number
  readonly proxied?: ProxiedEndpoints
  readonly saved?: SavedDestination
  /** What the client's own bytes name: Host header, absolute-form target, CONNECT or HTTP/2 authority, SNI. Known late. */
  readonly named?: Endpoint
}

/**
 * One strategy's answer. `dialled` with a pass: the address is known but stands for something else, which a later strategy
 * may know.
 */
export type Answer =
  | { readonly kind: 'found'; readonly destination: Endpoint }
  | { readonly kind: 'pass'; readonly why: string; readonly dialled?: Endpoint }
  | { readonly kind: 'fault'; readonly error: Error }

export interface Attempt {
  readonly strategy: string
  readonly answer: Answer
}

/** The original destination, and every strategy asked, in order. */
export interface Resolution {
  readonly destination?: Endpoint
  readonly resolvedBy?: string
  readonly trail: readonly Attempt[]
}

/** The head of one HTTP request, as sent. */
export interface RequestHead {
  readonly method: string
  /** The request target exactly as sent: origin-form, absolute-form, authority-form or `*`. */
  readonly target: string
  /** Path without the query, not percent-decoded. `/` where the target has none. */
  readonly path: string
  /** The query without `?`, not decoded; empty where there is none. */
  readonly query: string
  readonly httpVersion: '1.0' | '1.1'
  /** It came over TLS that was ended here. */
  readonly isSecure?: true
  /** Name, value, name, value … in the order and spelling received. Values are latin1 strings, trimmed. */
  readonly headers: readonly string[]
  /** Host header (or the authority of an absolute-form target), as sent, with its port if it had one. */
  readonly host?: string
}

/** Why an exchange was refused; goes into the response header `x-understudy-reason`, the record and the metrics. */
export type RefuseReason =
  | 'no_expectation'
  | 'no_destination'
  | 'bad_request'
  | 'expectation_failed'
  | 'request_timeout'
  | 'not_implemented'
  | 'loop'
  /** What an expectation says of a request or its answer cannot be done. */
  | 'change_failed'
  | 'proxy_header_refused'
  | 'template_failed'

/** What kept an expectation from matching: a part of the request, or something else that it asks for. */
export type MissReason =
  | 'method'
  | 'path'
  | 'queryStringParameters'
  | 'headers'
  | 'cookies'
  | 'pathParameters'
  | 'keepAlive'
  | 'secure'
  | 'protocol'
  | 'body'
  /** All of it matches, and the matcher is turned round. */
  | 'not'
  | 'scope'
  | 'scenario'
  | 'percentage'

/** Of a request that nothing matched: the expectation that came closest, of those whose path was near enough to be asked. */
export interface Closest {
  readonly expectationId: string
  readonly reason: MissReason
}

export type Decision =
  /** `beforeBody`: the answer must not wait for the request's body. */
  | { readonly kind: 'mock'; readonly expectationId: string; readonly action: MockAction; readonly beforeBody?: true }
  | {
      readonly kind: 'forward'
      /** Undefined only where the action is still to say it. */
      readonly destination?: Endpoint
      readonly expectationId?: string
      /** Of the expectation: how it wants the request sent. */
      readonly action?: Forward
      readonly closest?: Closest
    }
  | { readonly kind: 'relay'; readonly destination: Endpoint }
  | { readonly kind: 'refuse'; readonly status: number; readonly reason: RefuseReason; readonly closest?: Closest }

/** Why an upstream leg failed, in words a user can act on; also the value of `x-understudy-reason`. */
export type UpstreamFault =
  | 'upstream_refused'
  | 'upstream_reset'
  | 'upstream_timeout'
  | 'upstream_unreachable'
  | 'upstream_unresolved'
  /** No TLS with it, or it did not prove who it is. */
  | 'upstream_tls'
  | 'upstream_protocol_error'
  | 'upstream_closed'
export type ClientFault = 'client_reset' | 'client_closed' | 'client_timeout'

/** What happened to one exchange. */
export interface Outcome {
  /** Absent for opaque bytes, and where nothing was answered. */
  readonly status?: number
  readonly fault?: UpstreamFault | ClientFault | RefuseReason
  /** The address dialled, where it is not the one that was decided on: an application's own. */
  readonly dialled?: Endpoint
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
}

/** What an exchange was spoken in. `opaque` and `tls` are relayed byte for byte. */
export type Protocol = 'http/1.1' | 'http/1.0' | 'tls' | 'http/2' | 'opaque'

/** The one wide record per exchange, written when it ends. */
export interface Exchange {
  readonly kind: 'exchange'
  /** Start, milliseconds since the epoch. */
  readonly startedAtMs: number
  readonly flow: Flow
  readonly protocol: Protocol
  readonly request?: RequestHead
  /** The SNI of a TLS connection. */
  readonly serverName?: string
  /** What the client's bytes named, where it contradicts the destination that better evidence led to. */
  readonly mismatch?: string
  readonly resolution: Resolution
  readonly decision: Decision
  readonly outcome: Outcome
}

/** Why the kernel left a connection alone, or that it did not (bpf/include/contract.h, enum verdict). */
export type Verdict =
  | 'redirected'
  | 'not_enrolled'
  | 'own_traffic'
  | 'loopback'
  | 'link_local'
  | 'bound_device'
  | 'excluded_port'
  | 'excluded_cidr'
  | 'agent_stale'
  | 'no_listener'
  | 'no_record'
  | 'failed_closed'
  | 'not_unicast'

/** How a connection ended. */
export type CloseReason = 'orderly' | 'reset' | 'refused' | 'timed_out' | 'unreachable' | 'aborted' | 'other'

/** One closed connection of a workload, as the kernel counted it, intercepted or not. */
export interface ConnectionSummary {
  readonly kind: 'connection'
  /** End, milliseconds since the epoch. */
  readonly endedAtMs: number
  readonly cookie: bigint
  readonly process: Process
  readonly destination: Endpoint
  readonly source: Endpoint
  readonly verdict: Verdict
  readonly closeReason: CloseReason
  readonly bytesSent: number
  readonly bytesReceived: number
  /** connect() to close, milliseconds. */
  readonly durationMs: number
  /** Whether the handshake ended in ESTABLISHED. */
  readonly established: boolean
  readonly srttUs: number
  readonly retransmits: number
  /** Where the socket really connected to; differs from `destination` where something translated the address. */
  readonly dialled?: Endpoint
  /** The cgroup2 id of the process that called connect(); 0n where nobody knows. */
  readonly cgroupId?: bigint
  readonly netnsCookie?: bigint
  /** Whose connection it was, where that is known. */
  readonly workload?: Pick<Workload, 'name' | 'namespace' | 'uid'>
  /** The names that the workload was given this destination for. */
  readonly names?: readonly string[]
}
