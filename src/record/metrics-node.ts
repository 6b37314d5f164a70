/** The metrics that only a node's agent has: of pods, of the agent's work, of what its BPF programs cost. */
import { Counter, type Registry } from 'prom-client'
import type { ConnectionSummary, Exchange } from '../flow.ts'
import { type AgentMetrics, type AgentReadings, declareAgentMetrics } from './metrics-agent.ts'
import { createHttpDurations } from './metrics-http.ts'
import { tcpText } from './metrics-tcp.ts'
import { createTcpTable, type OpenConnection } from './tcp-series.ts'

/** What one BPF program has cost since it was loaded. */
export interface ProgramCost {
  readonly program: string
  readonly runs: number
  readonly seconds: number
}

/** What the agent tells of itself when a scrape asks; each is called at most a few times a scrape, and must not wait. */
export interface NodePorts extends AgentReadings {
  /** Undefined where the kernel does not measure it. */
  readonly readCosts?: () => Iterable<ProgramCost> | undefined
  /** Every connection that is open now. */
  readonly openConnections?: () => Iterable<OpenConnection>
}

export interface NodeMetricsOptions {
  readonly registry: Registry
  readonly ports: NodePorts
  /** Most pairs of workload and destination with series of their own. */
  readonly tcpSeries: number
  readonly limitHit: (limit: 'tcp_series' | 'http_series') => void
  readonly nowMs: () => number
}

export interface NodeMetrics {
  readonly agent: AgentMetrics
  exchange(exchange: Exchange): void
  connection(connection: ConnectionSummary): void
  /** The series of a workload go; call it once the workload is gone for good. */
  forgetWorkload(uid: string): void
  /** The families that are not in the registry. */
  text(): string
}

/** Each has 17 samples, where a pair of workload and destination has eight. */
export const HTTP_SERIES = 1000
const MAX_PROGRAMS = 64

export const createNodeMetrics = ({ registry, ports, tcpSeries, limitHit, nowMs }: NodeMetricsOptions): NodeMetrics => {
  const tcp = createTcpTable({ bound: tcpSeries, onLimit: () => limitHit('tcp_series'), nowMs })
  const http = createHttpDurations({ bound: HTTP_SERIES, onLimit: () => limitHit('http_series'), nowMs })
  declareCosts(registry, ports.readCosts ?? (() => undefined))
  return {
    agent: declareAgentMetrics(registry, ports),
    exchange: (exchange) => http.observe(exchange),
    connection: (connection) => tcp.ended(connection),
    forgetWorkload(uid) {
      tcp.forget(uid)
      http.forget(uid)
    },
    text: () => tcpText(tcp, ports.openConnections) + http.text(),
  }
}

const declareCosts = (registry: Registry, readCosts: () => Iterable<ProgramCost> | undefined): void => {
  const total = (name: string, help: string, of: (cost: ProgramCost) => number) =>
    new Counter({
      name,
      help,
      labelNames: ['program'],
      registers: [registry],
      collect() {
        this.reset()
        for (const cost of [...(readCosts() ?? [])].slice(0, MAX_PROGRAMS)) {
          if (of(cost) >= 0) this.inc({ program: cost.program }, of(cost))
        }
      },
    })
  total(
    'understudy_bpf_program_run_seconds_total',
    'Time that a BPF program ran while it was measured.',
    (cost) => cost.seconds,
  )
  total('understudy_bpf_program_runs_total', 'Times that a BPF program ran while it was measured.', (cost) => cost.runs)
}
