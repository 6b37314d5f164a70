/**
 * Where workloads come from: the contract of every source. Three implement it: the pods of a node as the Kubernetes API
 * lists them, a static file, and the command of a local run. Types only.
 */

/** What a source says of one workload. Of a pod this is all that is kept; the rest of its object is dropped while it is read. */
export interface WorkloadFacts {
  /** Tells one life of a workload from the next; of a pod its metadata.uid. */
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Those under our prefix, without the prefix: `intercept`, not `understudy.dev/intercept`. Bounded in number and length. */
  readonly annotations: Readonly<Record<string, string>>
  /** Annotations under our prefix that were too many or too long to be kept, by key. */
  readonly refusedAnnotations: readonly string[]
  /** Its own IP addresses, as literals; empty until it has some. */
  readonly ips: readonly string[]
  /** It shares the network namespace of the node. */
  readonly isHostNetwork: boolean
  /** It has ended, or is being deleted and its containers have ended. */
  readonly hasEnded: boolean
  /** What its cgroup is named after: the UID, but of a static pod the hash of its file (kubernetes.io/config.mirror). */
  readonly cgroupUid: string
  /** Container ids as the runtime has them, without `containerd://`; what the cgroup is looked for by where it has no UID. */
  readonly containerIds: readonly string[]
  /** When it was made, milliseconds since the epoch; 0 where nobody knows. */
  readonly createdAtMs: number
  /** Where the source knows the network namespace itself, its file; else it is looked for. */
  readonly netnsPath?: string
  /** Where the source knows the cgroup2 folder itself. */
  readonly cgroupPath?: string
}

/** What keeps a source from knowing what there is; for readiness, logs and metrics. */
export interface SourceHealth {
  /** Everything there is has been seen at least once since the start. */
  readonly isSynced: boolean
  /** What is wrong at present, in words an operator can act on. */
  readonly trouble?: string
}

export interface WorkloadSource {
  readonly name: 'kubernetes' | 'file' | 'run'
  /** Begins; `changed` is called with the UID of each workload that came, changed or went, never before `start` returns. */
  start(changed: (uid: string) => void): void
  health(): SourceHealth
  get(uid: string): WorkloadFacts | undefined
  all(): Iterable<WorkloadFacts>
  /** The labels of a namespace; undefined where the source does not know them (yet). */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined
  close(): Promise<void>
}

/** Why an event is written; the `reason` of a Kubernetes Event. */
export type EventReason = 'Intercepted' | 'InterceptionSkipped' | 'InterceptionFailed' | 'InterceptionStopped'

/** Where what becomes of a workload is told: Events on the pod, or the log. */
export interface WorkloadEvents {
  /** Never waits and never throws; repeats are aggregated, and what cannot be delivered is counted. */
  report(
    about: Pick<WorkloadFacts, 'uid' | 'namespace' | 'name'>,
    type: 'Normal' | 'Warning',
    reason: EventReason,
    message: string,
  ): void
  /** Delivers what is waiting, at most for `graceMs`. */
  close(graceMs: number): Promise<void>
}
