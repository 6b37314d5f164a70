/** A pod of a mini-node: what a kubelet does for it, step by step, with the runtime and the cgroups. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstProcessIn, type Hierarchies, makeCgroup, podCgroup, removeCgroup } from './cgroup-trees.ts'
import type { ContainerConfig, Cri, NamespaceOptions, SandboxConfig, SandboxStatus } from './cri.ts'
import { imageMounts, imageReference } from './image.ts'
import type { ContainerOptions, Pod, PodOptions } from './interface.ts'
import { podObject, podStatus, type RunningContainer } from './pod-object.ts'
import type { Publishing } from './publishing.ts'
import { NODE_NET } from './runtime-config.ts'

const EXEC_TIMEOUT_MS = 20_000
/** The least that there is of best-effort pods, and a tenth of a processor. */
const CPU_SHARES = { guaranteed: 102, burstable: 102, besteffort: 2 } as const
const MAIN = 'main'
const UID = /^[0-9A-Za-z-]+$/

/** What a pod needs of its node. */
export interface NodeOfPods {
  readonly name: string
  readonly cri: Cri
  readonly where: Hierarchies
  /** From a hierarchy's root. */
  readonly kubepods: string
  /** Folder of the containers' logs. */
  readonly logs: string
  readonly addresses: readonly string[]
  readonly initPid: number
  readonly publishing: Publishing
  readonly removed: (pod: Pod) => void
}

interface Sandbox {
  readonly id: string
  readonly attempt: number
  readonly config: SandboxConfig
  readonly status: SandboxStatus
}

const namespacesOf = (options: PodOptions): NamespaceOptions => ({
  network: options.hostNetwork ? 'NODE' : 'POD',
  pid: 'CONTAINER',
  ipc: 'POD',
})

const kubeletLabels = (options: PodOptions, uid: string): Record<string, string> => ({
  'io.kubernetes.pod.name': options.name,
  'io.kubernetes.pod.namespace': options.namespace,
  'io.kubernetes.pod.uid': uid,
})

const sandboxConfig = (node: NodeOfPods, options: PodOptions, uid: string, attempt: number): SandboxConfig => ({
  metadata: { name: options.name, namespace: options.namespace, uid, attempt },
  hostname: options.hostNetwork ? '' : options.name, // with the node's network goes the node's name
  log_directory: join(node.logs, uid),
  dns_config: {
    servers: [NODE_NET.dns4],
    searches: [`${options.namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'],
    options: ['ndots:5'],
  },
  labels: { ...options.labels, ...kubeletLabels(options, uid) },
  annotations: { ...options.annotations },
  linux: {
    cgroup_parent: podCgroup(node.kubepods, options.qos, uid),
    security_context: { namespace_options: namespacesOf(options) },
  },
})

const containerConfig = (
  container: ContainerOptions,
  options: PodOptions,
  uid: string,
  attempt: number,
): ContainerConfig => ({
  metadata: { name: container.name, attempt },
  image: { image: imageReference(container.image) },
  command: container.command,
  envs: Object.entries(container.env ?? {}).map(([key, value]) => ({ key, value })),
  mounts: imageMounts(container.image),
  labels: { ...kubeletLabels(options, uid), 'io.kubernetes.container.name': container.name },
  log_path: `${container.name}.log`,
  linux: {
    resources: { cpu_shares: CPU_SHARES[options.qos] },
    security_context: { namespace_options: namespacesOf(options) },
  },
})

/** The lines of a log of the interface, without time, stream and whether a line goes on. */
const logText = (path: string): string => {
  if (!existsSync(path)) return ''
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return lines
    .map((line) => {
      const [, , tag = '', ...text] = line.split(' ')
      return text.join(' ') + (tag === 'F' ? '\n' : '')
    })
    .join('')
}

/** Makes and starts a pod, as a kubelet does for one that it is given. */
export const createPod = async (node: NodeOfPods, options: PodOptions): Promise<Pod> => {
  const { cri, publishing } = node
  const uid = options.uid ?? randomUUID()
  if (!UID.test(uid)) throw new Error(`${uid} cannot be part of a path`)
  const publishedUid = options.publishedUid ?? uid
  const cgroup = podCgroup(node.kubepods, options.qos, uid)
  const cgroupPath = join(node.where.unified, cgroup)
  const main = { name: MAIN, image: options.image, command: options.command, env: options.env ?? {} }
  const containers: readonly ContainerOptions[] = [main, ...(options.sidecars ?? [])]
  const running = new Map<string, RunningContainer>()
  const startedAt = new Date().toISOString()
  let sandbox: Sandbox | undefined
  let isRemoved = false

  const current = (): Sandbox => {
    if (!sandbox) throw new Error(`pod ${options.namespace}/${options.name} has no sandbox`)
    return sandbox
  }
  const named = (name = MAIN): RunningContainer => {
    const container = running.get(name)
    if (!container) throw new Error(`pod ${options.namespace}/${options.name} has no container ${name}`)
    return container
  }
  const ips = (): readonly string[] => (options.hostNetwork ? node.addresses : (sandbox?.status.ips ?? []))
  const publish = (): Promise<void> =>
    publishing.status(
      publishedUid,
      podStatus({ options, containers, running, startedAt, ips: ips(), hostIps: node.addresses }),
    )

  const runSandbox = async (attempt: number): Promise<void> => {
    const config = sandboxConfig(node, options, uid, attempt)
    const id = await cri.runPodSandbox(config)
    sandbox = { id, attempt, config, status: await cri.podSandboxStatus(id) }
  }
  const startContainer = async (container: ContainerOptions): Promise<void> => {
    const previous = running.get(container.name)
    const attempt = previous ? previous.restarts + 1 : 0
    const config = containerConfig(container, options, uid, attempt)
    const id = await cri.createContainer(current().id, config, current().config)
    await cri.startContainer(id)
    running.set(container.name, { id, restarts: attempt, startedAt: new Date().toISOString() })
  }
  const stopContainer = async (name: string): Promise<void> => {
    const { id } = named(name)
    await cri.stopContainer(id, 0)
    await cri.removeContainer(id)
  }
  const dismantle = async (): Promise<void> => {
    if (sandbox) {
      await cri.stopPodSandbox(sandbox.id)
      await cri.removePodSandbox(sandbox.id) // and its containers
    }
    removeCgroup(node.where, cgroup)
  }

  const pod: Pod = {
    uid,
    namespace: options.namespace,
    name: options.name,
    get ip() {
      return ips()[0] ?? ''
    },
    get ips() {
      return ips()
    },
    get sandboxId() {
      return current().id
    },
    containerId: (name) => named(name).id,
    get runtimeNetnsPath() {
      return options.hostNetwork ? '' : current().status.netnsPath
    },
    get netnsPath() {
      return `/proc/${options.hostNetwork ? node.initPid : pod.pausePid}/ns/net`
    },
    get pausePid() {
      const pid = firstProcessIn(join(cgroupPath, current().id))
      if (pid === undefined) throw new Error(`the sandbox of ${options.namespace}/${options.name} does not run`)
      return pid
    },
    containerPid: (name) => firstProcessIn(pod.containerCgroupPath(name)),
    cgroupPath,
    containerCgroupPath: (name) => join(cgroupPath, named(name).id),
    exec: (command, { container, timeoutMs = EXEC_TIMEOUT_MS } = {}) =>
      cri.execSync(named(container).id, command, timeoutMs),
    log: (container = MAIN) => logText(join(node.logs, uid, `${container}.log`)),
    restartContainer: async (name = MAIN) => {
      const container = containers.find((one) => one.name === name)
      if (!container) throw new Error(`pod ${options.namespace}/${options.name} has no container ${name}`)
      await stopContainer(name)
      await startContainer(container)
      await publish()
    },
    recreateSandbox: async () => {
      const old = current()
      await cri.stopPodSandbox(old.id)
      await runSandbox(old.attempt + 1)
      for (const container of containers) await startContainer(container)
      await cri.removePodSandbox(old.id)
      await publish()
    },
    remove: async () => {
      if (isRemoved) return
      isRemoved = true
      await publishing.deleting(publishedUid)
      await dismantle()
      node.removed(pod)
      await publishing.deleted(publishedUid)
    },
  }

  try {
    const status = podStatus({ options, containers, running, startedAt: '', ips: [], hostIps: [] })
    const version = publishing.nextVersion()
    await publishing.created(
      podObject({ node: node.name, options, containers, uid: publishedUid, startedAt, version, status }),
    )
    makeCgroup(node.where, cgroup)
    mkdirSync(join(node.logs, uid))
    await runSandbox(0)
    await publish()
    await options.beforeContainers?.(pod)
    for (const container of containers) await startContainer(container)
    await publish()
  } catch (error) {
    await dismantle().catch(() => undefined) // the first failure is the one to tell
    await publishing.deleted(publishedUid)
    throw error
  }
  return pod
}
