import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { openSources, type SourceOptions } from '../../../src/agent/sources.ts'
import type { Config } from '../../../src/config/schema.ts'
import type { AgentMetrics } from '../../../src/record/metrics-agent.ts'
import { createApiServer } from '../../support/api-server.ts'
import { makeTree } from '../../support/cgroup-tree.ts'
import { failure } from '../../support/failure.ts'
import { until } from '../../support/quick-clock.ts'

const LOG = pino({ enabled: false })
const CONFIG = {
  ...{ kubeApiServer: '', kubeTokenFile: '', kubeCaFile: '', nodeName: 'node-1' },
  enrolNamespaceLabels: {},
} as Partial<Config> as Config

const open = (t: TestContext, config: Partial<Config>, options: Partial<SourceOptions> = {}) => {
  const counted: Record<string, number> = {}
  const metrics = {
    podEvents: (result: string, count = 1) => {
      counted[result] = (counted[result] ?? 0) + count
    },
  } as Partial<AgentMetrics> as AgentMetrics
  const sources = openSources({
    ...{ config: { ...CONFIG, ...config }, log: LOG, metrics: () => metrics, workloadsFile: undefined, env: {} },
    ...options,
  })
  t.after(async () => {
    await sources.source.close()
    await sources.events.close(0)
  })
  return { sources, counted }
}

test('an agent that is not told where the API is, or which node it is on, says what to set', (t) => {
  const noServer = failure(() => open(t, {}))
  assert.equal(noServer.code, 'BAD_CONFIG')
  assert.match(noServer.remedy ?? '', /--workloads FILE/)
  const noNode = failure(() => open(t, { kubeApiServer: 'http://127.0.0.1:1', nodeName: '' }))
  assert.match(noNode.remedy ?? '', /UNDERSTUDY_NODE_NAME/)
  const inCluster = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' }
  assert.equal(open(t, {}, { env: inCluster }).sources.source.name, 'kubernetes')
})

test('a file of workloads is taken in place of the API, of which nothing is then reported', (t) => {
  const path = join(makeTree(t, []), 'workloads.yaml')
  writeFileSync(path, 'workloads: []\n')
  const { sources } = open(t, { nodeName: '' }, { workloadsFile: path })
  assert.equal(sources.source.name, 'file')
  assert.equal(sources.kube(), undefined)
})

test('what becomes of events is counted once: sent, failed and given up', { timeout: 20_000 }, async (t) => {
  const server = await createApiServer()
  t.after(server.close)
  server.createNamespace('shop')
  const { sources, counted } = open(t, { kubeApiServer: server.url })
  const about = { uid: 'u-1', namespace: 'shop', name: 'web' }
  sources.events.report(about, 'Normal', 'Intercepted', 'x')
  await until(() => server.events().length === 1)
  sources.events.report({ ...about, namespace: 'none' }, 'Warning', 'InterceptionFailed', 'x')
  await until(() => {
    sources.kube()
    return (counted['dropped'] ?? 0) > 0
  })
  sources.kube()
  assert.deepEqual(counted, { sent: 1, aggregated: 0, failed: 1, dropped: 1 })
})

test('what the API fails at is reported by kind', { timeout: 20_000 }, async (t) => {
  const server = await createApiServer()
  t.after(server.close)
  server.misbehave({ times: 1, fault: { kind: 'status', code: 500 } })
  const { sources } = open(t, { kubeApiServer: server.url, enrolNamespaceLabels: { team: 'web' } })
  sources.source.start(() => {})
  await until(() => sources.source.health().isSynced)
  assert.equal(sources.kube()?.errors['server'], 1)
})
