/** What Kubernetes says its objects look like: the OpenAPI schemas of `kubernetes-models`, and a look for unknown fields. */
import type { KubeObject } from './chart.ts'

type Validate = ((data: unknown) => boolean) & { readonly errors?: unknown }

/** Kinds of the chart → their schema. What is missing here is no kind of Kubernetes itself. */
const SCHEMAS: Readonly<Record<string, string>> = {
  ClusterRole: 'IoK8sApiRbacV1ClusterRole',
  ClusterRoleBinding: 'IoK8sApiRbacV1ClusterRoleBinding',
  ConfigMap: 'IoK8sApiCoreV1ConfigMap',
  DaemonSet: 'IoK8sApiAppsV1DaemonSet',
  Namespace: 'IoK8sApiCoreV1Namespace',
  NetworkPolicy: 'IoK8sApiNetworkingV1NetworkPolicy',
  Pod: 'IoK8sApiCoreV1Pod',
  ResourceQuota: 'IoK8sApiCoreV1ResourceQuota',
  Service: 'IoK8sApiCoreV1Service',
  ServiceAccount: 'IoK8sApiCoreV1ServiceAccount',
}

/** Kinds that others define, by their group. */
export const FOREIGN: Readonly<Record<string, string>> = {
  PodMonitor: 'monitoring.coreos.com/v1',
  SecurityContextConstraints: 'security.openshift.io/v1',
}

/** What is wrong with an object by Kubernetes' own schema; empty where nothing is. */
export const problemsOf = async (object: KubeObject): Promise<string[]> => {
  if (FOREIGN[object.kind] === object.apiVersion) return []
  const schema = SCHEMAS[object.kind]
  if (!schema) return [`no schema for ${object.apiVersion} ${object.kind}`]
  const { validate } = (await import(`kubernetes-models/_schemas/${schema}`)) as { readonly validate: Validate }
  const { watched, unread } = watch(object)
  const errors = validate(watched) ? [] : [JSON.stringify(validate.errors)]
  // The schemas allow unknown fields, the API server drops them with a warning. A validator never looks at one.
  return [...errors, ...unread().map((path) => `unknown field ${path}`)]
}

/** The same value, which remembers what of it was looked at. */
const watch = (value: unknown): { readonly watched: unknown; unread(): string[] } => {
  const seen = new Set<string>()
  const all: string[] = []
  const wrap = (inner: unknown, path: string): unknown => {
    if (typeof inner !== 'object' || inner === null) return inner
    const entries = Object.entries(inner).map(([key, child]): [string, unknown] => {
      const at = `${path}.${key}`
      all.push(at)
      return [key, wrap(child, at)]
    })
    const copy: object = Array.isArray(inner) ? entries.map(([, child]) => child) : Object.fromEntries(entries)
    return new Proxy(copy, {
      get(target, key) {
        if (typeof key === 'string') seen.add(`${path}.${key}`)
        return Reflect.get(target, key)
      },
    })
  }
  const watched = wrap(value, '')
  const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('.'))
  // Below an unknown field all is unread; only the field itself is worth a word.
  return {
    watched,
    unread: () => all.filter((path) => !seen.has(path) && (parentOf(path) === '' || seen.has(parentOf(path)))),
  }
}
