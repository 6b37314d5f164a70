/** What a mini-node offers to tests: a node's container runtime, its pods, and what happens to them. Types only. */
import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import type { Finished, Started } from '../lab.ts'
import type { PodPublisher } from './published-pod.ts'

export type QosClass = 'guaranteed' | 'burstable' | 'besteffort'

/** `busybox` holds a static busybox; `node` holds that and the Node.js that runs the tests. */
export type ImageName = 'busybox' | 'node'

export interface MiniNodeOptions {
  /** spec.nodeName of its pods; `mini-node` unless given. */
  readonly name?: string
  /**
   * Where the kubepods trees are made. `private` (the default) nests them in a cgroup of this node's own, as kind and
   * docker-in-docker do; `plain` makes them at /kubepods, where a machine's own kubelet would: throws if they exist.
   */
  readonly kubepods?: 'private' | 'plain'
  /** `hybrid` leaves the machine's layout as it is; `pure-v2` shows cgroup2 alone at the node's /sys/fs/cgroup. */
  readonly cgroupView?: 'machine' | 'pure-v2'
  /** Told of pods as an API server would be; more can be added later with publishTo(). */
  readonly publisher?: PodPublisher
}

/**
 * Where a program runs: only in the node's network, or with the node's mounts, too (/run/netns, /run/containerd). In both
 * it sees the machine's processes, by the numbers that the kernel's programs know.
 */
export type NodeView = 'node' | 'netns'

export interface RunOptions {
  /** `netns` unless given. */
  readonly view?: NodeView
  /** A folder of the unified hierarchy that it is born in; `outside`, beside kubepods, unless given. */
  readonly cgroup?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface PodOptions {
  readonly namespace: string
  readonly name: string
  /** A random one unless given; digits, letters and dashes, since folders are named after it. */
  readonly uid?: string
  /** The UID that publishers are told, where it is another: of a static pod, whose cgroup is named after a hash. */
  readonly publishedUid?: string
  readonly qos: QosClass
  readonly hostNetwork?: boolean
  readonly image: ImageName
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Other containers of the pod, beside the one of `image` and `command`, which is called `main`. */
  readonly sidecars?: readonly ContainerOptions[]
  /** Called when the pod has its sandbox and addresses and before any container of it is made. */
  readonly beforeContainers?: (pod: Pod) => Promise<void> | void
}

export interface ContainerOptions {
  readonly name: string
  readonly image: ImageName
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface ExecResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** A pod as the kubelet keeps it. What changes over its life is read anew at each access. */
export interface Pod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** The first address; '' before there is one. Of a hostNetwork pod the node's. */
  readonly ip: string
  /** One of each family. */
  readonly ips: readonly string[]
  readonly sandboxId: string
  /** The id of a container, `main` unless named. Throws for one that was never made. */
  containerId(name?: string): string
  /** The file of its network namespace as the runtime has it, within the node's mounts; '' for a hostNetwork pod. */
  readonly runtimeNetnsPath: string
  /** The same namespace as a path that works from the test's mounts, /proc/<pid>/ns/net. */
  readonly netnsPath: string
  /** Host pid of the pause process. */
  readonly pausePid: number
  /** Host pid of a container's first process, `main` unless named; undefined when it does not run. */
  containerPid(name?: string): number | undefined
  /** The pod's folder in the unified hierarchy. */
  readonly cgroupPath: string
  /** A container's folder in the unified hierarchy. */
  containerCgroupPath(name?: string): string
  /** Runs a program in a container to its end, `main` unless named; it is killed after `timeoutMs`, 20 s unless given. */
  exec(
    command: readonly string[],
    options?: { readonly container?: string; readonly timeoutMs?: number },
  ): Promise<ExecResult>
  /** What a container has printed so far. */
  log(container?: string): string
  /** Stops and removes a container and starts another in its place, as after a crash. */
  restartContainer(name?: string): Promise<void>
  /** A new sandbox and network namespace under the same UID and cgroup, as the kubelet does when the old one has died. */
  recreateSandbox(): Promise<void>
  /** Stops and removes it and its cgroups, as after a deletion. Again does nothing. */
  remove(): Promise<void>
}

export interface ListenAt {
  readonly host: string
  /** Any free one unless given. */
  readonly port?: number
  /** A network namespace other than the node's. */
  readonly netnsPath?: string
}

export interface MiniNode {
  readonly id: string
  readonly name: string
  readonly addresses: { readonly v4: string; readonly v6: string }
  /** Its files: the runtime's configuration and log, cni/net.d and cni/bin, the containers' logs. Gone with it. */
  readonly folder: string
  /** The runtime's socket, for an agent that asks it. */
  readonly criSocket: string
  /** In the unified hierarchy: the folder of this node; all that is made below it goes with the node. */
  readonly cgroupRoot: string
  /** In it unless asked for elsewhere: where pods are, and where nothing of a pod is. */
  readonly kubepods: string
  readonly outside: string
  /** The node's network namespace, as a path that works from the test's mounts. */
  readonly netnsPath: string
  /** Host pid of the node's first process. */
  readonly initPid: number
  createPod(options: PodOptions): Promise<Pod>
  readonly pods: readonly Pod[]
  /** Starts a program in the node's network; it is killed by close() at the latest. */
  start(argv: readonly string[], options?: RunOptions): Started
  /** Runs one to its end; throws after a hard timeout with what it had printed. */
  run(argv: readonly string[], options?: RunOptions): Promise<Finished>
  /** Makes a server of the test's own listen in the node's network, or another; its port. The socket is in `outside`. */
  listen(server: Server, at: ListenAt): Promise<number>
  /** The same for a UDP socket that is not bound yet. */
  bind(socket: Socket, at: ListenAt): Promise<number>
  /** Has a port of the machine's loopback answer at 127.0.0.1 of the node's network, too; its port there, until close(). */
  forward(port: number): Promise<number>
  /** Adds one who is told of pods, first of those there are. */
  publishTo(publisher: PodPublisher): Promise<void>
  /** The runtime's own log so far. */
  runtimeLog(): string
  /** Kills the runtime and every pod, telling no publisher, and leaves nothing. Again does nothing. */
  close(): Promise<void>
}
