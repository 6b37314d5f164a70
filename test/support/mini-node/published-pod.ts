/** Pods as a Kubernetes API server has them, for tests that join a mini-node with such a server. */

/** metadata of a pod, as far as anything of ours reads it. */
export interface PodMetadata {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly creationTimestamp: string
  readonly resourceVersion: string
}

export interface PublishedContainer {
  readonly name: string
  readonly image: string
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly resources: {
    readonly limits?: Readonly<Record<string, string>>
    readonly requests?: Readonly<Record<string, string>>
  }
}

export interface ContainerStatus {
  readonly name: string
  readonly image: string
  readonly imageID: string
  readonly ready: boolean
  readonly started: boolean
  readonly restartCount: number
  /** `containerd://<id>`; absent before there is a container. */
  readonly containerID?: string
  readonly state: Readonly<Record<string, unknown>>
}

export interface PodStatus {
  readonly phase: 'Pending' | 'Running'
  readonly qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort'
  readonly hostIP?: string
  readonly hostIPs?: readonly { readonly ip: string }[]
  readonly podIP?: string
  readonly podIPs?: readonly { readonly ip: string }[]
  readonly startTime?: string
  readonly containerStatuses?: readonly ContainerStatus[]
}

export interface PublishedPod {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: PodMetadata
  readonly spec: {
    readonly nodeName: string
    readonly hostNetwork?: boolean
    readonly restartPolicy: 'Always'
    readonly containers: readonly PublishedContainer[]
  }
  readonly status: PodStatus
}

/** Who is told of a mini-node's pods: an API server of the tests. Called in the order in which things happen. */
export interface PodPublisher {
  /** Bound to this node; no container runs yet. */
  created(pod: PublishedPod): void | Promise<void>
  status(uid: string, status: PodStatus): void | Promise<void>
  /** It is to go, and its containers still run. */
  deleting?(uid: string): void | Promise<void>
  deleted(uid: string): void | Promise<void>
}

/** What is used of an API server of the tests. */
export interface PodStore {
  createPod(pod: { readonly metadata?: Readonly<Record<string, unknown>>; readonly [more: string]: unknown }): unknown
  setPodStatus(namespace: string, name: string, status: Readonly<Record<string, unknown>>): unknown
  beginDeletion(namespace: string, name: string): unknown
  deletePod(namespace: string, name: string): unknown
}

/** Keeps an API server's pods as a mini-node's are. */
export const publishInto = (store: PodStore): PodPublisher => {
  const names = new Map<string, readonly [namespace: string, name: string]>()
  const named = (uid: string): readonly [namespace: string, name: string] => {
    const name = names.get(uid)
    if (!name) throw new Error(`no pod ${uid} was published`)
    return name
  }
  return {
    created: (pod) => {
      names.set(pod.metadata.uid, [pod.metadata.namespace, pod.metadata.name])
      store.createPod({ ...pod, metadata: { ...pod.metadata } })
    },
    status: (uid, status) => void store.setPodStatus(...named(uid), { ...status }),
    deleting: (uid) => void store.beginDeletion(...named(uid)),
    deleted: (uid) => {
      store.deletePod(...named(uid))
      names.delete(uid)
    },
  }
}
