/** Tells publishers of pods: all of them of everything, and one who comes later first of what there is. */
import type { PodPublisher, PodStatus, PublishedPod } from './published-pod.ts'

export interface Publishing {
  readonly add: (publisher: PodPublisher) => Promise<void>
  created(pod: PublishedPod): Promise<void>
  status(uid: string, status: PodStatus): Promise<void>
  deleting(uid: string): Promise<void>
  deleted(uid: string): Promise<void>
  /** Grows with every object, as an API server's does. */
  nextVersion(): string
}

export const createPublishing = (): Publishing => {
  const publishers: PodPublisher[] = []
  const pods = new Map<string, PublishedPod>()
  let version = 0
  return {
    add: async (publisher) => {
      publishers.push(publisher)
      for (const pod of pods.values()) {
        await publisher.created(pod)
        await publisher.status(pod.metadata.uid, pod.status)
      }
    },
    created: async (pod) => {
      pods.set(pod.metadata.uid, pod)
      for (const publisher of publishers) await publisher.created(pod)
    },
    status: async (uid, status) => {
      const pod = pods.get(uid)
      if (pod) pods.set(uid, { ...pod, status })
      for (const publisher of publishers) await publisher.status(uid, status)
    },
    deleting: async (uid) => {
      for (const publisher of publishers) await publisher.deleting?.(uid)
    },
    deleted: async (uid) => {
      pods.delete(uid)
      for (const publisher of publishers) await publisher.deleted(uid)
    },
    nextVersion: () => String(++version),
  }
}
