/** What a node's agent counts of its own work. Declared here, fed by the agent and by ports that a scrape asks. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { createTally } from './tally.ts'

export const WORKLOAD_STATES = ['intercepted', 'skipped', 'failed', 'waiting', 'stopped'] as const
export type WorkloadState = (typeof WORKLOAD_STATES)[number]

/** What the reconcile loop found missing or wrong, and put right. */
export const REPAIRS = ['listener', 'policy', 'link', 'netns', 'annotation'] as const
export type Repair = (typeof REPAIRS)[number]

export const SELF_TEST_RESULTS = ['passed', 'failed', 'impossible'] as const
export type SelfTestResult = (typeof SELF_TEST_RESULTS)[number]

/** Events on pods: written, written once for several, writes that failed, given up. */
export const POD_EVENT_RESULTS = ['sent', 'aggregated', 'failed', 'dropped'] as const
export type PodEventResult = (typeof POD_EVENT_RESULTS)[number]

export const RELOAD_RESULTS = ['loaded', 'refused', 'unreadable'] as const
export type ReloadResult = (typeof RELOAD_RESULTS)[number]

export interface AgentMetrics {
  /** A workload is intercepted now: from when its network namespace was found to listener and policy in place. */
  enrolled(seconds: number): void
  repaired(what: Repair): void
  selfTest(result: SelfTestResult): void
  podEvents(result: PodEventResult, count?: number): void
  expectationReload(result: ReloadResult): void
}

/** Of the connection to the Kubernetes API; totals since the start. */
export interface KubeReading {
  readonly relists: number
  readonly reconnects: number
  /** By kind; a closed set. */
  readonly errors: Readonly<Record<string, number>>
  /** Undefined before the first one. */
  readonly lastEventAgeMs?: number
}

/** Asked once a scrape; what is absent has no samples. */
export interface AgentReadings {
  readonly workloads?: () => Partial<Readonly<Record<WorkloadState, number>>>
  /** Undefined where there is no Kubernetes API. */
  readonly kube?: () => KubeReading | undefined
  /** Expectations held, by where they came from; a closed set. */
  readonly expectations?: () => Readonly<Record<string, number>>
}

/** Listeners and a policy take milliseconds; a netns that is slow to appear, seconds. */
const ENROLMENT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** Sets that ports call closed stop here, should one not be. */
const MAX_VALUES = 32

export const declareAgentMetrics = (registry: Registry, readings: AgentReadings): AgentMetrics => {
  declareReadings(registry, readings)
  declareKube(registry, readings.kube ?? (() => undefined))
  const enrolments = new Histogram({
    name: 'understudy_enrolment_duration_seconds',
    help: 'From the network namespace of a workload being found to its listeners and policy being in place.',
    buckets: ENROLMENT_BUCKETS,
    registers: [registry],
  })
  const tallies = declareTallies(registry)
  return {
    enrolled: (seconds) => {
      if (seconds >= 0) enrolments.observe(seconds)
    },
    repaired: (what) => tallies.repairs.add(1, what),
    selfTest: (result) => tallies.selfTests.add(1, result),
    podEvents: (result, count = 1) => tallies.podEvents.add(count, result),
    expectationReload: (result) => tallies.reloads.add(1, result),
  }
}

const declareTallies = (registry: Registry) => ({
  repairs: createTally(registry, {
    name: 'understudy_reconcile_repairs_total',
    help: 'Things that were missing or wrong when what should be there was compared with what is, and were put right.',
    labels: ['what'],
    known: REPAIRS,
  }),
  selfTests: createTally(registry, {
    name: 'understudy_self_tests_total',
    help: 'Connections from inside of intercepted workloads that were to prove that interception works.',
    labels: ['result'],
    known: SELF_TEST_RESULTS,
  }),
  podEvents: createTally(registry, {
    name: 'understudy_pod_events_total',
    help: 'Events on pods, by what became of them.',
    labels: ['result'],
    known: POD_EVENT_RESULTS,
  }),
  reloads: createTally(registry, {
    name: 'understudy_expectation_reloads_total',
    help: 'Times the folder of expectations had changed, by what came of reading it.',
    labels: ['result'],
    known: RELOAD_RESULTS,
  }),
})

const declareReadings = (registry: Registry, { workloads, expectations }: AgentReadings): void => {
  const registers = [registry]
  new Gauge({
    name: 'understudy_workloads',
    help: 'Workloads of the node that asked to be intercepted, by what became of that.',
    labelNames: ['state'],
    registers,
    collect() {
      const counts = workloads?.()
      if (counts) for (const state of WORKLOAD_STATES) this.set({ state }, counts[state] ?? 0)
    },
  })
  new Gauge({
    name: 'understudy_expectations',
    help: 'Expectations that are held, by where they came from.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset()
      for (const [source, count] of closed(expectations?.() ?? {})) this.set({ source }, count)
    },
  })
}

const declareKube = (registry: Registry, read: () => KubeReading | undefined): void => {
  const registers = [registry]
  const total = (name: string, help: string, of: (reading: KubeReading) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        const reading = read()
        this.reset()
        if (reading) this.inc(atLeastZero(of(reading)))
      },
    })
  total('understudy_kube_relists_total', 'Times the pods of the node were listed anew.', (kube) => kube.relists)
  total('understudy_kube_reconnects_total', 'Times a watch was begun again.', (kube) => kube.reconnects)
  new Counter({
    name: 'understudy_kube_errors_total',
    help: 'Calls of the Kubernetes API that failed, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset()
      for (const [kind, count] of closed(read()?.errors ?? {})) this.inc({ kind }, atLeastZero(count))
    },
  })
  new Gauge({
    name: 'understudy_kube_last_event_age_seconds',
    help: 'Time since the Kubernetes API last said anything of the pods.',
    registers,
    collect() {
      const ageMs = read()?.lastEventAgeMs
      // No sample rather than an age of 0, which would read as healthy.
      if (ageMs === undefined) this.remove()
      else this.set(ageMs / 1000)
    },
  })
}

const closed = (counts: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(counts).slice(0, MAX_VALUES)

/** A counter of prom-client throws at a number that makes no sense, and with it the whole scrape fails. */
const atLeastZero = (count: number): number => (Number.isFinite(count) ? Math.max(0, count) : 0)
