/** Where an agent's workloads come from, and where it tells what becomes of them. */
import type { Logger } from 'pino'
import { readDocument, readTextFile } from '../config/document.ts'
import type { Config } from '../config/schema.ts'
import { UnderstudyError } from '../errors.ts'
import type { AgentMetrics, KubeReading } from '../record/metrics-agent.ts'
import { createFileSource } from '../workloads/from-file.ts'
import { inClusterServer } from '../workloads/kubernetes/connection.ts'
import { createPodEvents } from '../workloads/kubernetes/pod-events.ts'
import { createKubernetesSource } from '../workloads/kubernetes/source.ts'
import { createLogEvents } from '../workloads/log-events.ts'
import type { WorkloadEvents, WorkloadSource } from '../workloads/source.ts'

export interface Sources {
  readonly source: WorkloadSource
  readonly events: WorkloadEvents
  /** Undefined where there is no Kubernetes API. */
  kube(): KubeReading | undefined
}

export interface SourceOptions {
  readonly config: Config
  readonly log: Logger
  readonly metrics: () => AgentMetrics | undefined
  /** A file that lists them; without it, the Kubernetes API does. */
  readonly workloadsFile: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

const fromFile = (path: string, log: Logger): Sources => ({
  source: createFileSource({
    path,
    read: (file, schema) => readDocument({ path: file, text: readTextFile(file), schema, code: 'BAD_WORKLOADS' }).value,
    onTrouble: (problems) => log.error({ path, problems }, 'the file of workloads is not taken over'),
  }),
  events: createLogEvents(log.child({ component: 'events' }), () => performance.now()),
  kube: () => undefined,
})

const serverOf = ({ kubeApiServer }: Config, env: SourceOptions['env']): string => {
  const server = kubeApiServer || inClusterServer(env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT'])
  if (server) return server
  throw new UnderstudyError('BAD_CONFIG', 'the agent is not told where the Kubernetes API is', {
    remedy: 'Run it in a pod, set kubeApiServer, or give the workloads in a file with --workloads FILE.',
  })
}

const nodeNameOf = ({ nodeName }: Config): string => {
  if (nodeName !== '') return nodeName
  throw new UnderstudyError('BAD_CONFIG', 'the agent is not told which node it is on', {
    remedy: 'Set nodeName (UNDERSTUDY_NODE_NAME) to the name that `kubectl get nodes` shows; the chart does.',
  })
}

const TELL_EVERY_MS = 10_000

/** An API server that fails does so often: of each kind one line in ten seconds, with how many were left out. */
const tellingSeldom = (log: Logger): ((kind: string, message: string) => void) => {
  const told = new Map<string, { atMs: number; leftOut: number }>()
  return (kind, message) => {
    const last = told.get(kind)
    const now = performance.now()
    if (last && now - last.atMs < TELL_EVERY_MS) {
      last.leftOut++
      return
    }
    told.set(kind, { atMs: now, leftOut: 0 })
    log.warn({ kind, message, leftOut: last?.leftOut ?? 0 }, 'a call of the Kubernetes API failed')
  }
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Throws BAD_CONFIG where the API server or the node is not known. */
export const openSources = ({ config, log, metrics, workloadsFile, env }: SourceOptions): Sources => {
  if (workloadsFile !== undefined) return fromFile(workloadsFile, log)
  const kubeLog = log.child({ component: 'kubernetes' })
  const connection = {
    server: serverOf(config, env),
    tokenFile: config.kubeTokenFile,
    caFile: config.kubeCaFile,
    nodeName: nodeNameOf(config),
    onFailure: tellingSeldom(kubeLog),
  }
  const watchNamespaces = Object.keys(config.enrolNamespaceLabels).length > 0
  const source = createKubernetesSource({ ...connection, watchNamespaces })
  const events = createPodEvents(connection)
  let told = events.counters()
  return {
    source,
    events,
    kube: () => {
      const now = events.counters()
      metrics()?.podEvents('sent', now.created - told.created)
      metrics()?.podEvents('aggregated', now.updated - told.updated)
      metrics()?.podEvents('failed', sumOf(now.failures) - sumOf(told.failures))
      metrics()?.podEvents('dropped', now.dropped - told.dropped)
      told = now
      const { pods, namespaces } = source.counters()
      const errors: Record<string, number> = { ...pods.failures }
      for (const [kind, count] of Object.entries(namespaces?.failures ?? {})) errors[kind] = (errors[kind] ?? 0) + count
      return {
        relists: pods.relists + (namespaces?.relists ?? 0),
        reconnects: pods.reconnects + (namespaces?.reconnects ?? 0),
        errors,
        ...(pods.lastEventAgeMs === undefined ? {} : { lastEventAgeMs: pods.lastEventAgeMs }),
      }
    },
  }
}
