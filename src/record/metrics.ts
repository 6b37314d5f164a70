/**
 * Every metric, declared in one place; docs/metrics.md explains them. Labels are closed enums, never names or paths, but
 * for the bounded families of a node's agent (metrics-node.ts).
 */
import { Gauge, Registry } from 'prom-client'
import type { ConnectionSummary, Decision, Exchange, Protocol } from '../flow.ts'
import { createDurations } from './durations.ts'
import { type Fault, faultOf } from './line.ts'
import { declareInbound } from './metrics-inbound.ts'
import { declareKernelMetrics, type ReadKernel } from './metrics-kernel.ts'
import { createNodeMetrics, type NodeMetrics, type NodePorts } from './metrics-node.ts'
import { declareProcessMetrics } from './metrics-process.ts'
import { createTally, type Tally } from './tally.ts'

/** Bounds that can be hit; every queue, map and size limit names itself here. */
export const LIMITS = [
  'body',
  'body_budget',
  'body_inflated',
  'callback_clients',
  'callback_waiting',
  'connections',
  'conntrack_bytes',
  'conntrack_lines',
  'conntrack_time',
  'control_waiting',
  'dns_connections',
  'dns_in_flight',
  'dns_intents',
  'dns_reserved',
  'event_log',
  'flow_subscribers',
  'head_bytes',
  'headers',
  'http_series',
  'peek_bytes',
  'recording',
  'tcp_series',
  'upstream_connections',
  'upstream_destinations',
  'websocket_message_bytes',
  'workload_connections',
] as const
export type Limit = (typeof LIMITS)[number]

/** Where records can be lost. */
export const SINKS = ['file', 'flows', 'log'] as const
export type Sink = (typeof SINKS)[number]

/** What comes of PROXY headers. */
export const PROXY_HEADERS = ['taken', 'empty', 'malformed_refused', 'malformed_passed', 'untrusted', 'loop'] as const
export type ProxyHeaderResult = (typeof PROXY_HEADERS)[number]

/** What became of a DNS query. */
export const DNS_ANSWERS = ['forwarded', 'cached', 'synthetic', 'failed', 'dropped'] as const
export type DnsAnswer = (typeof DNS_ANSWERS)[number]

/** An object, so that the compiler notices a missing one. */
const FAULTS: Readonly<Record<Fault, true>> = {
  upstream_refused: true,
  upstream_reset: true,
  upstream_timeout: true,
  upstream_unreachable: true,
  upstream_unresolved: true,
  upstream_tls: true,
  upstream_protocol_error: true,
  upstream_closed: true,
  client_reset: true,
  client_closed: true,
  client_timeout: true,
  no_expectation: true,
  no_destination: true,
  bad_request: true,
  expectation_failed: true,
  request_timeout: true,
  not_implemented: true,
  template_failed: true,
  loop: true,
  change_failed: true,
  proxy_header_refused: true,
}

const DECISIONS: readonly Decision['kind'][] = ['forward', 'mock', 'refuse', 'relay']
const CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** Where a name comes from that contradicts the destination. */
const EVIDENCE = ['host', 'sni', 'authority'] as const
const EVIDENCE_OF: Readonly<Record<Protocol, (typeof EVIDENCE)[number] | undefined>> = {
  'http/1.1': 'host',
  'http/1.0': 'host',
  'http/2': 'authority',
  tls: 'sni',
  opaque: undefined,
}

/** The OpenTelemetry buckets for HTTP durations, seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export interface Metrics {
  exchange(exchange: Exchange): void
  connection(connection: ConnectionSummary): void
  flowOpened(): void
  flowClosed(): void
  limitHit(limit: Limit): void
  proxyHeader(result: ProxyHeaderResult): void
  /** Records that a sink did not take. */
  dropped(sink: Sink, records: number): void
  /** How many read the live stream now. */
  subscribers(count: number): void
  /** How connections are captured. */
  captured(mode: string): void
  dnsQuery(answer: DnsAnswer): void
  readonly contentType: string
  /** What a node's agent counts; undefined elsewhere. */
  readonly agent?: NodeMetrics['agent']
  /** The series of a pod go with it. Where there are none, nothing happens. */
  forgetWorkload(uid: string): void
  /** The Prometheus text format. */
  text(): Promise<string>
}

export interface MetricsOptions {
  readonly version: string
  /** Called once a scrape; without it, no kernel metric is declared. */
  readonly readKernel?: ReadKernel
  /** How many addresses the DNS server remembers now; called once a scrape. */
  readonly readDnsIntents?: () => number
  /** Of a node's agent; without it, no metric of pods is declared. */
  readonly node?: { readonly ports: NodePorts; readonly tcpSeries: number; readonly nowMs?: () => number }
}

/** A registry of its own: nothing global, no timers. */
export const createMetrics = ({ version, readKernel, readDnsIntents = () => 0, node }: MetricsOptions): Metrics => {
  const registry = new Registry()
  const traffic = declareTraffic(registry)
  const { flowsOpen, subscribers, capture } = declareGauges(registry)
  const dropped = createTally(registry, {
    name: 'understudy_records_dropped_total',
    help: 'Records that a sink lost because it was too slow or failing.',
    labels: ['sink'],
    known: SINKS,
  })
  const limits = createTally(registry, {
    name: 'understudy_limit_hits_total',
    help: 'Times a bound of the proxy was hit.',
    labels: ['limit'],
    known: LIMITS,
  })
  const proxyHeaders = createTally(registry, {
    name: 'understudy_proxy_headers_total',
    help: 'PROXY headers that connections began with, by what came of them.',
    labels: ['result'],
    known: PROXY_HEADERS,
  })
  const dnsQueries = declareDns(registry, readDnsIntents)
  const refreshKernel = readKernel ? declareKernelMetrics(registry, readKernel) : () => {}
  declareProcessMetrics(registry, version)
  const ofNode = node
    ? createNodeMetrics({
        registry,
        ...node,
        limitHit: (limit) => limits.add(1, limit),
        nowMs: node.nowMs ?? (() => performance.now()),
      })
    : undefined
  let open = 0
  return {
    exchange(exchange) {
      traffic.exchange(exchange)
      ofNode?.exchange(exchange)
    },
    connection(connection) {
      traffic.connection(connection)
      ofNode?.connection(connection)
    },
    ...(ofNode ? { agent: ofNode.agent } : {}),
    forgetWorkload: (uid) => ofNode?.forgetWorkload(uid),
    flowOpened: () => flowsOpen.set(++open),
    flowClosed: () => flowsOpen.set(--open),
    limitHit: (limit) => limits.add(1, limit),
    proxyHeader: (result) => proxyHeaders.add(1, result),
    dropped: (sink, records) => dropped.add(records, sink),
    subscribers: (count) => subscribers.set(count),
    captured: (mode) => capture.set({ mode }, 1),
    dnsQuery: (answer) => dnsQueries.add(1, answer),
    contentType: registry.contentType,
    async text() {
      refreshKernel()
      const declared = await registry.metrics()
      return ofNode ? `${declared}${ofNode.text()}` : declared
    },
  }
}

type Traffic = Pick<Metrics, 'exchange' | 'connection'>

const declareTraffic = (registry: Registry): Traffic => {
  const tallies = declareExchanges(registry)
  const durations = createDurations(registry, {
    name: 'understudy_exchange_duration_seconds',
    help: 'From the first byte of a request to the last of its response; for a relayed connection, its whole life.',
    label: 'decision',
    kinds: DECISIONS,
    buckets: BUCKETS,
  })
  const inbound = declareInbound(registry, BUCKETS, classOf)
  const closed = createTally(registry, {
    name: 'understudy_connections_closed_total',
    help: 'Connections of the workloads that ended, intercepted or not, as the kernel saw them.',
    labels: ['verdict', 'reason'],
  })
  const retransmits = createTally(registry, {
    name: 'understudy_connection_retransmits_total',
    help: 'TCP segments sent again on connections that ended.',
  })
  return {
    exchange(exchange) {
      const { decision, outcome, protocol, resolution } = exchange
      const fault = faultOf(exchange)
      tallies.exchanges.add(1, decision.kind, protocol)
      if (fault !== undefined) tallies.faults.add(1, fault)
      if (outcome.status !== undefined) tallies.responses.add(1, decision.kind, classOf(outcome.status))
      tallies.requestBytes.add(outcome.requestBytes, decision.kind)
      tallies.responseBytes.add(outcome.responseBytes, decision.kind)
      for (const { strategy, answer } of resolution.trail) tallies.answers.add(1, strategy, answer.kind)
      const evidence = exchange.mismatch === undefined ? undefined : EVIDENCE_OF[protocol]
      if (evidence !== undefined) tallies.mismatches.add(1, evidence)
      durations.observe(outcome.durationMs / 1000, decision.kind)
      inbound(exchange)
    },
    connection(connection) {
      closed.add(1, connection.verdict, connection.closeReason)
      retransmits.add(connection.retransmits)
    },
  }
}

const declareExchanges = (registry: Registry) => ({
  exchanges: createTally(registry, {
    name: 'understudy_exchanges_total',
    help: 'Finished exchanges: a request with its response, or a relayed connection.',
    labels: ['decision', 'protocol'],
  }),
  faults: createTally(registry, {
    name: 'understudy_exchange_faults_total',
    help: 'Exchanges that went wrong or were refused, by reason.',
    labels: ['fault'],
    known: Object.keys(FAULTS),
  }),
  responses: createTally(registry, {
    name: 'understudy_responses_total',
    help: 'Responses by class of their status.',
    labels: ['decision', 'class'],
  }),
  requestBytes: createTally(registry, {
    name: 'understudy_request_bytes_total',
    help: 'Bytes that clients sent.',
    labels: ['decision'],
    known: DECISIONS,
  }),
  responseBytes: createTally(registry, {
    name: 'understudy_response_bytes_total',
    help: 'Bytes that clients were sent.',
    labels: ['decision'],
    known: DECISIONS,
  }),
  answers: createTally(registry, {
    name: 'understudy_resolve_answers_total',
    help: 'Answers of the strategies that look for the original destination.',
    labels: ['strategy', 'kind'],
  }),
  mismatches: createTally(registry, {
    name: 'understudy_resolve_mismatches_total',
    help: 'Exchanges whose client named somebody else than the original destination.',
    labels: ['evidence'],
    known: EVIDENCE,
  }),
})

const declareDns = (registry: Registry, readIntents: () => number): Tally => {
  new Gauge({
    name: 'understudy_dns_intents',
    help: 'Addresses for which a name is remembered that a workload was told.',
    registers: [registry],
    collect() {
      this.set(readIntents())
    },
  })
  return createTally(registry, {
    name: 'understudy_dns_queries_total',
    help: 'DNS queries of the workloads, by what became of them.',
    labels: ['answer'],
    known: DNS_ANSWERS,
  })
}

const declareGauges = (registry: Registry) => ({
  flowsOpen: new Gauge({
    name: 'understudy_flows_open',
    help: 'Accepted connections that are open now.',
    registers: [registry],
  }),
  subscribers: new Gauge({
    name: 'understudy_flow_subscribers',
    help: 'Readers of the live stream of records.',
    registers: [registry],
  }),
  capture: new Gauge({
    name: 'understudy_capture_info',
    help: 'Always 1; the label says how connections are captured.',
    labelNames: ['mode'],
    registers: [registry],
  }),
})

const classOf = (status: number): string => CLASSES[Math.floor(status / 100)] ?? 'other'
