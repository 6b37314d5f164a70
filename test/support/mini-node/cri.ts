/** A client of the Container Runtime Interface (runtime.v1), as far as a kubelet's part in the tests needs it. */
import { fileURLToPath } from 'node:url'
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Mount } from './image.ts'

const PROTO = fileURLToPath(new URL('runtime-v1.proto', import.meta.url))
/** Nothing here waits for a network; a runtime that takes longer hangs. */
const TIMEOUT_MS = 30_000

export interface NamespaceOptions {
  readonly network: 'POD' | 'NODE'
  readonly pid: 'POD' | 'CONTAINER'
  readonly ipc: 'POD'
}

export interface SandboxConfig {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly namespace: string
    readonly attempt: number
  }
  readonly hostname: string
  readonly log_directory: string
  readonly dns_config: {
    readonly servers: readonly string[]
    readonly searches: readonly string[]
    readonly options: readonly string[]
  }
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly linux: {
    readonly cgroup_parent: string
    readonly security_context: { readonly namespace_options: NamespaceOptions }
  }
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number }
  readonly image: { readonly image: string }
  readonly command: readonly string[]
  readonly envs: readonly { readonly key: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  readonly labels: Readonly<Record<string, string>>
  readonly log_path: string
  readonly linux: {
    readonly resources: { readonly cpu_shares: number }
    readonly security_context: { readonly namespace_options: NamespaceOptions }
  }
}

export interface SandboxStatus {
  readonly state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY'
  readonly ips: readonly string[]
  /** The file of the network namespace; '' where the sandbox has the node's. */
  readonly netnsPath: string
  /** As the runtime sees it: in its own process namespace. */
  readonly pid: number
  /** The runtime's cgroupsPath of the pause container. */
  readonly cgroupsPath: string
}

export interface Cri {
  version(): Promise<{ readonly name: string; readonly version: string; readonly api: string }>
  runPodSandbox(config: SandboxConfig): Promise<string>
  stopPodSandbox(id: string): Promise<void>
  removePodSandbox(id: string): Promise<void>
  podSandboxStatus(id: string): Promise<SandboxStatus>
  listPodSandbox(): Promise<readonly { readonly id: string; readonly uid: string; readonly state: string }[]>
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>
  startContainer(id: string): Promise<void>
  stopContainer(id: string, graceSeconds: number): Promise<void>
  removeContainer(id: string): Promise<void>
  listContainers(): Promise<
    readonly { readonly id: string; readonly sandboxId: string; readonly name: string; readonly state: string }[]
  >
  execSync(
    id: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }>
  /** The runtime knows the image; it learns of imported ones a moment later. */
  hasImage(reference: string): Promise<boolean>
  close(): void
}

type Call = <Reply>(method: string, request: object, timeoutMs?: number) => Promise<Reply>

const isService = (value: unknown): value is ServiceDefinition =>
  typeof value === 'object' && value !== null && !('format' in value)

const methods = (): Map<string, ServiceDefinition[string]> => {
  const loaded = loadSync(PROTO, { keepCase: true, longs: Number, enums: String, defaults: true })
  return new Map(
    Object.values(loaded)
      .filter(isService)
      .flatMap((service) => Object.entries(service)),
  )
}

const caller = (client: Client): Call => {
  const known = methods()
  return <Reply>(method: string, request: object, timeoutMs = TIMEOUT_MS) =>
    new Promise<Reply>((resolve, reject) => {
      const found = known.get(method)
      if (!found) throw new Error(`the interface has no method ${method}`)
      const { path, requestSerialize, responseDeserialize } = found
      const deadline = Date.now() + timeoutMs
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, reply) => {
        if (error) reject(new Error(`${method}: ${error.details || error.message}`, { cause: error }))
        else resolve(reply as Reply)
      })
    })
}

interface VerboseInfo {
  readonly pid?: number
  readonly runtimeSpec?: {
    readonly linux?: {
      readonly cgroupsPath?: string
      readonly namespaces?: readonly { readonly type: string; readonly path?: string }[]
    }
  }
}

interface RawStatus {
  readonly status: {
    readonly state: SandboxStatus['state']
    readonly network: { readonly ip: string; readonly additional_ips: readonly { readonly ip: string }[] } | null
  }
  readonly info: Readonly<Record<string, string>>
}

const statusOf = ({ status, info }: RawStatus): SandboxStatus => {
  const verbose = JSON.parse(info['info'] ?? '{}') as VerboseInfo
  const linux = verbose.runtimeSpec?.linux
  const { ip = '', additional_ips: others = [] } = status.network ?? {}
  return {
    state: status.state,
    ips: [ip, ...others.map((other) => other.ip)].filter(Boolean),
    netnsPath: linux?.namespaces?.find(({ type }) => type === 'network')?.path ?? '',
    pid: verbose.pid ?? 0,
    cgroupsPath: linux?.cgroupsPath ?? '',
  }
}

/** Speaks to the runtime that listens on a unix socket; the first call connects. */
export const connectCri = (socketPath: string): Cri => {
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure())
  const call = caller(client)
  return {
    version: async () => {
      const reply = await call<Record<string, string>>('Version', {})
      return {
        name: reply['runtime_name'] ?? '',
        version: reply['runtime_version'] ?? '',
        api: reply['runtime_api_version'] ?? '',
      }
    },
    runPodSandbox: async (config) =>
      (await call<{ pod_sandbox_id: string }>('RunPodSandbox', { config })).pod_sandbox_id,
    stopPodSandbox: (id) => call('StopPodSandbox', { pod_sandbox_id: id }),
    removePodSandbox: (id) => call('RemovePodSandbox', { pod_sandbox_id: id }),
    podSandboxStatus: async (id) => statusOf(await call('PodSandboxStatus', { pod_sandbox_id: id, verbose: true })),
    listPodSandbox: async () => {
      const { items } = await call<{ items: { id: string; metadata: { uid: string }; state: string }[] }>(
        'ListPodSandbox',
        {},
      )
      return items.map(({ id, metadata, state }) => ({ id, uid: metadata.uid, state }))
    },
    createContainer: async (sandboxId, config, sandbox) => {
      const request = { pod_sandbox_id: sandboxId, config, sandbox_config: sandbox }
      return (await call<{ container_id: string }>('CreateContainer', request)).container_id
    },
    startContainer: (id) => call('StartContainer', { container_id: id }),
    stopContainer: (id, graceSeconds) => call('StopContainer', { container_id: id, timeout: graceSeconds }),
    removeContainer: (id) => call('RemoveContainer', { container_id: id }),
    listContainers: async () => {
      type Listed = { id: string; pod_sandbox_id: string; metadata: { name: string }; state: string }
      const { containers } = await call<{ containers: Listed[] }>('ListContainers', {})
      return containers.map(({ id, pod_sandbox_id, metadata, state }) => ({
        id,
        sandboxId: pod_sandbox_id,
        name: metadata.name,
        state,
      }))
    },
    execSync: async (id, cmd, timeoutMs) => {
      const request = { container_id: id, cmd, timeout: Math.ceil(timeoutMs / 1000) }
      const reply = await call<{ stdout: Buffer; stderr: Buffer; exit_code: number }>(
        'ExecSync',
        request,
        timeoutMs + TIMEOUT_MS,
      )
      return { stdout: reply.stdout.toString(), stderr: reply.stderr.toString(), exitCode: reply.exit_code }
    },
    hasImage: async (image) =>
      (await call<{ image: object | null }>('ImageStatus', { image: { image } })).image !== null,
    close: () => client.close(),
  }
}
