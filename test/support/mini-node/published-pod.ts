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
  deleted(uid: string): void | Promise<void>
}
