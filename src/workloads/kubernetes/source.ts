/** The pods of one node, as the Kubernetes API lists them. */
import type { WorkloadSource } from '../source.ts'
import type { ConnectionOptions } from './connection.ts'
import type { FailureCounts } from './failure.ts'

export interface KubernetesSourceOptions extends ConnectionOptions {
  /** Only its pods are asked for. */
  readonly nodeName: string
  /** Also keep the labels of all namespaces; else `namespaceLabels` knows none. */
  readonly watchNamespaces: boolean
}

/** What one list-watch has done so far. */
export interface ListWatchCounters {
  /** Objects that are known now. */
  readonly objects: number
  /** Whole lists that were read to their end. */
  readonly lists: number
  /** Of those, the ones after the first. */
  readonly relists: number
  /** Watches opened after the first. */
  readonly reconnects: number
  /** Events of watches that were taken, bookmarks among them. */
  readonly events: number
  readonly failures: FailureCounts
  /** Milliseconds since the server last said anything; undefined before it has. */
  readonly lastEventAgeMs?: number
}

export interface KubernetesSource extends WorkloadSource {
  readonly name: 'kubernetes'
  counters(): { readonly pods: ListWatchCounters; readonly namespaces?: ListWatchCounters }
}

export declare const createKubernetesSource: (options: KubernetesSourceOptions) => KubernetesSource
