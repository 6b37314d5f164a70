/** What no variant of the chart may do, whatever its values. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CHART, type KubeObject, objectsOf, RENDERS, render, variants } from '../support/chart.ts'

const CAPABILITIES = ['BPF', 'NET_ADMIN', 'SYS_ADMIN', 'SYS_PTRACE']
const HOST_PATHS = ['/sys/fs/bpf', '/sys/fs/cgroup', '/run/understudy']
/** Every right that any variant may ask for. */
const RIGHTS = ['pods: get,list,watch', 'namespaces: get,list,watch', 'events: create,patch']

interface Container {
  readonly securityContext: {
    readonly privileged: boolean
    readonly readOnlyRootFilesystem: boolean
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] }
    readonly seccompProfile: { readonly type: string }
  }
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } }
}

interface PodSpec {
  readonly containers: readonly Container[]
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[]
  readonly hostPID?: boolean
  readonly hostNetwork?: boolean
  readonly hostIPC?: boolean
}

const podOf = (object: KubeObject): PodSpec | undefined => {
  const spec = object['spec'] as { template?: { spec: PodSpec } } | undefined
  if (object.kind === 'Pod') return spec as unknown as PodSpec
  return object.kind === 'DaemonSet' ? spec?.template?.spec : undefined
}

/** The lines of a text, each with the comment that explains it: on the line itself or right above. */
const isExplained = (lines: readonly string[], at: number): boolean =>
  / # \S/.test(lines[at] ?? '') || /^\s*# \S/.test(lines[at - 1] ?? '')

for (const [variant, path] of variants()) {
  test(`${variant}: nothing is privileged, roots are read-only, all rights are dropped first`, RENDERS, () => {
    const pods = objectsOf(render([path])).flatMap((object) => podOf(object) ?? [])
    assert.equal(pods.length, 2, 'the agent and the test')
    for (const { containers, hostNetwork = false, hostIPC = false } of pods) {
      assert.deepEqual({ hostNetwork, hostIPC }, { hostNetwork: false, hostIPC: false })
      for (const { securityContext } of containers) {
        assert.equal(securityContext.privileged, false)
        assert.equal(securityContext.readOnlyRootFilesystem, true)
        assert.deepEqual(securityContext.capabilities.drop, ['ALL'])
        assert.equal(securityContext.seccompProfile.type, 'RuntimeDefault')
      }
    }
  })

  test(`${variant}: only the agent has rights and folders of the node, and these`, RENDERS, () => {
    for (const object of objectsOf(render([path]))) {
      const pod = podOf(object)
      if (!pod) continue
      const isAgent = object.kind === 'DaemonSet'
      const added = pod.containers.flatMap(({ securityContext }) => securityContext.capabilities.add ?? [])
      const paths = (pod.volumes ?? []).flatMap(({ hostPath }) => hostPath?.path ?? [])
      assert.equal(pod.hostPID ?? false, isAgent)
      assert.deepEqual(added, isAgent ? CAPABILITIES : [])
      assert.deepEqual(paths, isAgent ? HOST_PATHS : [])
    }
  })

  test(`${variant}: the account of the agent may do no more than look at pods and report on them`, RENDERS, () => {
    const objects = objectsOf(render([path]))
    const rules = objects
      .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
      .flatMap((role) => role['rules'] as { apiGroups: string[]; resources: string[]; verbs: string[] }[])
    for (const { apiGroups, resources, verbs, ...more } of rules) {
      assert.deepEqual({ apiGroups, more }, { apiGroups: [''], more: {} })
      assert.ok(RIGHTS.includes(`${resources}: ${verbs}`), `${resources}: ${verbs}`)
    }
  })
}

test('namespaces are read only where they are enrolled by label', RENDERS, () => {
  const reads = (variant: string) => / resources: \[namespaces\]/.test(render([`${CHART}/ci/${variant}-values.yaml`]))
  assert.deepEqual([reads('default'), reads('by-namespace-list')], [true, false])
})

test('each capability, each folder of the node and each right has a comment that says why', () => {
  const daemonSet = readFileSync(`${CHART}/templates/daemonset.yaml`, 'utf8').split('\n')
  const rbac = readFileSync(`${CHART}/templates/rbac.yaml`, 'utf8').split('\n')
  const start = daemonSet.findIndex((line) => /^\s+add:$/.test(line))
  const end = daemonSet.findIndex((line) => /seccompProfile/.test(line))
  const capabilities = daemonSet.flatMap((line, i) => (i > start && i < end && /^\s+- [A-Z_]+/.test(line) ? i : []))
  assert.equal(capabilities.length, CAPABILITIES.length)
  // A hostPath is under its volume's name, and the comment above that.
  const folders = daemonSet.flatMap((line, i) => (/hostPath:/.test(line) ? i - 1 : []))
  assert.equal(folders.length, HOST_PATHS.length)
  const unexplained = [...capabilities, ...folders].filter((at) => !isExplained(daemonSet, at))
  const rights = rbac.flatMap((line, i) => (/- apiGroups:/.test(line) ? i : []))
  assert.equal(rights.length, RIGHTS.length)
  assert.deepEqual([...unexplained, ...rights.filter((at) => !isExplained(rbac, at))], [])
})

test('the agent is ready by its programs, and lives without the API server', RENDERS, () => {
  const [agent] = objectsOf(render([])).flatMap((object) => (object.kind === 'DaemonSet' ? (podOf(object) ?? []) : []))
  const asked = (name: `${string}Probe`) => agent?.containers[0]?.[name]?.httpGet
  assert.deepEqual(asked('startupProbe'), { path: '/readyz', port: 'admin' })
  assert.deepEqual(asked('readinessProbe'), { path: '/readyz', port: 'admin' })
  assert.deepEqual(asked('livenessProbe'), { path: '/healthz', port: 'admin' })
})

test('docs/kubernetes.md explains each of them too', () => {
  const rows = [
    ...readFileSync(`${CHART}/../../docs/kubernetes.md`, 'utf8').matchAll(/^\| (?:`([^`]+)`[^|]*)\| .+\|$/gm),
  ]
  const explained = rows.map(([, name]) => name)
  const wanted = [...CAPABILITIES, ...HOST_PATHS]
  assert.deepEqual(
    wanted.filter((name) => !explained.includes(name)),
    [],
  )
})
