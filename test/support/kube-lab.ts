/** A source of pods against the API server of the tests, over real HTTP. */
import type { TestContext } from 'node:test'
import type { FailureKind } from '../../src/workloads/kubernetes/failure.ts'
import {
  createKubernetesSource,
  type KubernetesSource,
  type KubernetesSourceOptions,
} from '../../src/workloads/kubernetes/source.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from './api-server.ts'
import { createQuickClock, type QuickClock, until } from './quick-clock.ts'

export interface KubeLab {
  readonly server: ApiServer
  readonly source: KubernetesSource
  readonly clock: QuickClock
  readonly failures: { readonly kind: FailureKind; readonly message: string }[]
  readonly changed: string[]
  start(): void
  synced(): Promise<void>
  /** Names of the pods that are known, sorted. */
  names(): string[]
  /** Until exactly these are known. */
  knows(...names: string[]): Promise<void>
  /** Until this has gone wrong so often. */
  failed(kind: FailureKind, times?: number): Promise<void>
}

export const openKubeLab = async (
  t: TestContext,
  options: Partial<KubernetesSourceOptions> = {},
  serverOptions: ApiServerOptions = {},
): Promise<KubeLab> => {
  const server = await createApiServer(serverOptions)
  const clock = createQuickClock()
  const failures: { kind: FailureKind; message: string }[] = []
  const changed: string[] = []
  const source = createKubernetesSource({
    server: server.url,
    tokenFile: '',
    caFile: '',
    nodeName: 'node-1',
    watchNamespaces: false,
    clock,
    onFailure: (kind, message) => void failures.push({ kind, message }),
    ...options,
  })
  t.after(async () => {
    await source.close()
    await server.close()
  })
  const names = (): string[] => [...source.all()].map(({ name }) => name).sort()
  return {
    server,
    source,
    clock,
    failures,
    changed,
    start: () => source.start((uid) => changed.push(uid)),
    synced: () => until(() => source.health().isSynced && server.openWatches > 0),
    names,
    knows: (...wanted) => until(() => JSON.stringify(names()) === JSON.stringify(wanted)),
    failed: (kind, times = 1) => until(() => failures.filter((failure) => failure.kind === kind).length >= times),
  }
}
