/** The record stage of an agent: what its admin server shows of the node. */
import type { AgentMetrics } from '../record/metrics-agent.ts'
import type { OpenConnection } from '../record/tcp-series.ts'
import { createRecordStage, type RecordStage } from '../record-stage.ts'
import { readingOf } from '../run/interception.ts'
import type { AgentOptions } from './agent.ts'
import type { Known } from './known.ts'
import type { AgentState } from './state.ts'

/** What `/debug/workloads` shows of one. */
const shown = ({ uid, namespace, name, state, why, enrolment }: Known): object => ({
  ...{ uid, namespace, pod: name, state, why },
  ...(enrolment
    ? {
        mode: enrolment.workload.mode,
        netns: enrolment.place.path,
        netnsCookie: enrolment.netnsCookie.toString(),
        policy: enrolment.workload.id,
        isInForce: enrolment.isInForce(),
      }
    : {}),
})

const countStates = (known: Iterable<Known>): Partial<Record<Known['state'], number>> => {
  const counts: Partial<Record<Known['state'], number>> = {}
  for (const { state } of known) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const openConnections = ({ node, attribution }: AgentState): OpenConnection[] => {
  const open: OpenConnection[] = []
  node?.kernel.readOpenConnections((connection) => {
    const one = attribution?.open(connection)
    if (one) open.push(one)
  })
  return open
}

/** Once it was ready, trouble of the source changes nothing: what is intercepted stays so. */
const readiness = ({ notReady, sources }: AgentState): { ok: true } | { ok: false; why: string } => {
  if (notReady === undefined) return { ok: true }
  const trouble = sources?.source.health().trouble
  return { ok: false, why: trouble === undefined ? notReady : `${notReady}: ${trouble}` }
}

/** A record stage that has the metrics of an agent. */
export interface AgentRecord extends RecordStage {
  readonly agent: AgentMetrics
}

export const createAgentRecord = ({ config, recordPath }: AgentOptions, state: AgentState): AgentRecord => {
  const stage = createRecordStage({
    config,
    withSummary: false,
    adminMayMove: false,
    ready: () => readiness(state),
    readKernel: () => state.node && readingOf(state.node.kernel),
    readDnsIntents: () => state.dnsIntents?.() ?? 0,
    ...(recordPath === undefined ? {} : { recordPath }),
    debugWorkloads: () => [...(state.reconcile?.known() ?? [])].map(shown),
    node: {
      workloads: () => countStates(state.reconcile?.known() ?? []),
      kube: () => state.sources?.kube(),
      expectations: () => state.expectations?.() ?? {},
      readCosts: () =>
        state.node?.kernel.readCosts().map(({ program, runNs, runs }) => ({ program, runs, seconds: runNs / 1e9 })),
      openConnections: () => openConnections(state),
    },
  })
  const { agent } = stage
  if (!agent) throw new Error('the record stage of an agent has its metrics')
  return { ...stage, agent }
}
