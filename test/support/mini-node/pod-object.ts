/** The object that an API server has of a pod, written from what the pod was made of and what runs of it. */
import { imageReference } from './image.ts'
import type { ContainerOptions, PodOptions } from './interface.ts'
import type { ContainerStatus, PodStatus, PublishedContainer, PublishedPod } from './published-pod.ts'

export interface RunningContainer {
  readonly id: string
  readonly restarts: number
  readonly startedAt: string
}

const QOS_CLASS = { guaranteed: 'Guaranteed', burstable: 'Burstable', besteffort: 'BestEffort' } as const
const QUANTITIES = { cpu: '100m', memory: '64Mi' }
/** What a container has to ask for so that its pod gets the class. */
const RESOURCES = {
  guaranteed: { limits: QUANTITIES, requests: QUANTITIES },
  burstable: { requests: QUANTITIES },
  besteffort: {},
} as const

/** Times of objects have no fractions. */
const time = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z')

interface StatusParts {
  readonly options: PodOptions
  readonly containers: readonly ContainerOptions[]
  readonly running: ReadonlyMap<string, RunningContainer>
  /** '' before the node has accepted it. */
  readonly startedAt: string
  readonly ips: readonly string[]
  readonly hostIps: readonly string[]
}

const containerStatus = (
  { name, image }: ContainerOptions,
  running: RunningContainer | undefined,
): ContainerStatus => ({
  name,
  image: imageReference(image),
  imageID: running ? imageReference(image) : '',
  ready: running !== undefined,
  started: running !== undefined,
  restartCount: running?.restarts ?? 0,
  ...(running ? { containerID: `containerd://${running.id}` } : {}),
  state: running ? { running: { startedAt: time(running.startedAt) } } : { waiting: { reason: 'ContainerCreating' } },
})

export const podStatus = ({ options, containers, running, startedAt, ips, hostIps }: StatusParts): PodStatus => {
  const [ip] = ips
  const [hostIP] = hostIps
  return {
    phase: containers.every(({ name }) => running.has(name)) ? 'Running' : 'Pending',
    qosClass: QOS_CLASS[options.qos],
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: hostIps.map((address) => ({ ip: address })) }),
    ...(ip === undefined ? {} : { podIP: ip, podIPs: ips.map((address) => ({ ip: address })) }),
    ...(startedAt === ''
      ? {}
      : {
          startTime: time(startedAt),
          containerStatuses: containers.map((container) => containerStatus(container, running.get(container.name))),
        }),
  }
}

interface ObjectParts {
  readonly node: string
  readonly options: PodOptions
  readonly containers: readonly ContainerOptions[]
  readonly uid: string
  readonly startedAt: string
  readonly version: string
  readonly status: PodStatus
}

export const podObject = ({
  node,
  options,
  containers,
  uid,
  startedAt,
  version,
  status,
}: ObjectParts): PublishedPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    uid,
    namespace: options.namespace,
    name: options.name,
    labels: { ...options.labels },
    annotations: { ...options.annotations },
    creationTimestamp: time(startedAt),
    resourceVersion: version,
  },
  spec: {
    nodeName: node,
    ...(options.hostNetwork ? { hostNetwork: true } : {}),
    restartPolicy: 'Always',
    containers: containers.map(
      ({ name, image, command, env = {} }): PublishedContainer => ({
        name,
        image: imageReference(image),
        command,
        env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
        resources: RESOURCES[options.qos],
      }),
    ),
  },
  status,
})
