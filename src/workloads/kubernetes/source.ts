/** The pods of one node, as the Kubernetes API lists them. */
import type { WorkloadFacts, WorkloadSource } from '../source.ts'
import { createApiClient } from './api-client.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { ConnectionOptions } from './connection.ts'
import { createListWatch, type ListWatchCounters } from './list-watch.ts'
import { type Labels, projectNamespace } from './project-namespace.ts'
import { projectPod } from './project-pod.ts'

export interface KubernetesSourceOptions extends ConnectionOptions {
  /** Only its pods are asked for. */
  readonly nodeName: string
  /** Also keep the labels of all namespaces; else `namespaceLabels` knows none. */
  readonly watchNamespaces: boolean
}

export interface KubernetesSource extends WorkloadSource {
  readonly name: 'kubernetes'
  counters(): { readonly pods: ListWatchCounters; readonly namespaces?: ListWatchCounters }
}

/** Far more than a node may have. */
const MOST_PODS = 10_000
const MOST_NAMESPACES = 20_000
/** Changes of one pod within this are told once. */
const COALESCE_MS = 20

/**
 * A mirror pod stands for the static pod whose hash it names. One that names the UID of another pod of the API would be
 * taken for that pod: it keeps its own.
 */
const ownCgroup = (facts: WorkloadFacts, all: ReadonlyMap<string, WorkloadFacts>): WorkloadFacts =>
  facts.cgroupUid !== facts.uid && all.has(facts.cgroupUid) ? { ...facts, cgroupUid: facts.uid } : facts

/** Throws BAD_CONFIG where the server's URL is none. */
export const createKubernetesSource = (options: KubernetesSourceOptions): KubernetesSource => {
  const { clock = SYSTEM_CLOCK, onFailure, nodeName, watchNamespaces } = options
  const client = createApiClient(options)
  const told = { client, clock, ...(onFailure && { onFailure }) }
  const waiting = new Set<string>()
  let listener: ((uid: string) => void) | undefined
  let cancel: (() => void) | undefined

  const tell = (): void => {
    cancel = undefined
    const uids = [...waiting]
    waiting.clear()
    for (const uid of uids) {
      try {
        listener?.(uid)
      } catch (error) {
        onFailure?.('handler', `news of pod ${uid} could not be taken: ${String(error)}`)
      }
    }
  }
  const changed = (uid: string): void => {
    waiting.add(uid)
    cancel ??= clock.setTimer(tell, COALESCE_MS)
  }
  const pods = createListWatch<WorkloadFacts>({
    ...told,
    listed: {
      resource: 'pods',
      kind: 'Pod',
      path: '/api/v1/pods',
      query: { fieldSelector: `spec.nodeName=${nodeName}` },
    },
    capacity: MOST_PODS,
    project: projectPod,
    isSame: (one, other) => one.name === other.name && one.namespace === other.namespace,
    changed,
  })
  const namespaces = watchNamespaces
    ? createListWatch<Labels>({
        ...told,
        listed: { resource: 'namespaces', kind: 'Namespace', path: '/api/v1/namespaces', query: {} },
        capacity: MOST_NAMESPACES,
        project: projectNamespace,
        changed: (name) => {
          for (const { uid, namespace } of pods.values.values()) if (namespace === name) changed(uid)
        },
      })
    : undefined

  return {
    name: 'kubernetes',
    start: (told) => {
      listener = told
      pods.start()
      namespaces?.start()
    },
    health: () => {
      const trouble = pods.trouble ?? namespaces?.trouble
      return {
        isSynced: pods.isSynced && (namespaces?.isSynced ?? true),
        ...(trouble !== undefined && { trouble }),
      }
    },
    get: (uid) => {
      const facts = pods.values.get(uid)
      return facts && ownCgroup(facts, pods.values)
    },
    all: function* () {
      for (const facts of pods.values.values()) yield ownCgroup(facts, pods.values)
    },
    namespaceLabels: (namespace) => namespaces?.values.get(namespace),
    counters: () => ({ pods: pods.counters(), ...(namespaces && { namespaces: namespaces.counters() }) }),
    close: async () => {
      listener = undefined
      cancel?.()
      await Promise.all([pods.close(), namespaces?.close()])
      await client.close()
    },
  }
}
