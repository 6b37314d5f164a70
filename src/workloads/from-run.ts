/** The command of a local run as the only workload that there is, so that whoever serves workloads serves it like any other. */
import type { WorkloadFacts, WorkloadSource } from './source.ts'

/** What a run knows of its command. */
export interface RunFacts {
  /** The id of the run. */
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Where it is born. */
  readonly cgroupPath: string
  /** Undefined where it is in ours. */
  readonly netnsPath?: string | undefined
}

export interface RunSource extends WorkloadSource {
  /** The command; known before the start, and until it is closed. */
  readonly facts: WorkloadFacts
}

/** A command that is run is opted in by that: `intercept` is true. */
export const createRunSource = ({ netnsPath, ...run }: RunFacts): RunSource => {
  const facts: WorkloadFacts = {
    ...run,
    annotations: { intercept: 'true' },
    refusedAnnotations: [],
    ips: [],
    isHostNetwork: false,
    hasEnded: false,
    cgroupUid: run.uid,
    containerIds: [],
    createdAtMs: 0,
    ...(netnsPath === undefined ? {} : { netnsPath }),
  }
  let isStarted = false
  let first: NodeJS.Immediate | undefined
  return {
    name: 'run',
    facts,
    start: (changed) => {
      isStarted = true
      first = setImmediate(() => changed(facts.uid))
    },
    health: () => ({ isSynced: isStarted }),
    get: (uid) => (uid === facts.uid ? facts : undefined),
    all: () => [facts],
    namespaceLabels: (namespace) => (namespace === facts.namespace ? {} : undefined),
    close: async () => clearImmediate(first),
  }
}
