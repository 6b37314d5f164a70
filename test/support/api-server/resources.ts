/** What the server keeps: pods, namespaces and events, and the writes to them that a client can make. */
import { createObjects, type KubeObject, keyOf, type Objects, type PartialObject, type Versions } from './objects.ts'
import { alreadyExists, failure, namespaceTerminating, notFound, type Status } from './status.ts'

export type ResourceName = 'pods' | 'namespaces' | 'events'

export interface Resources {
  readonly pods: Objects
  readonly namespaces: Objects
  readonly events: Objects
}

export const createResources = (versions: Versions, historySize: number): Resources => ({
  pods: createObjects('Pod', versions, historySize),
  namespaces: createObjects('Namespace', versions, historySize),
  events: createObjects('Event', versions, historySize),
})

export interface Written {
  readonly code: number
  readonly body: Status | KubeObject
}

const refused = (body: Status): Written => ({ code: body.code, body })

const isTerminating = (namespace: KubeObject | undefined): boolean =>
  Reflect.get((namespace?.['status'] as object | undefined) ?? {}, 'phase') === 'Terminating'

/** POST. The namespace has to exist, except `default`, which always does. */
export const create = (
  resources: Resources,
  resource: ResourceName,
  namespace: string,
  given: PartialObject,
): Written => {
  const metadata: Readonly<Record<string, unknown>> = given.metadata ?? {}
  const name = metadata['name']
  if (typeof name !== 'string' || name === '')
    return refused(failure(422, `${resource} "" is invalid: metadata.name: Required value`))
  if (resource !== 'namespaces') {
    const home = resources.namespaces.get(keyOf('', namespace))
    if (!home && namespace !== 'default') return refused(notFound('namespaces', namespace))
    if (isTerminating(home)) return refused(namespaceTerminating(resource, name, namespace))
    if (metadata['namespace'] !== undefined && metadata['namespace'] !== namespace)
      return refused(
        failure(400, 'the namespace of the provided object does not match the namespace sent on the request'),
      )
  }
  if (resource === 'events') {
    const involved = (given['involvedObject'] ?? {}) as Readonly<Record<string, unknown>>
    if (involved['namespace'] !== namespace)
      return refused(
        failure(
          422,
          `Event "${name}" is invalid: involvedObject.namespace: Invalid value: does not match event.namespace`,
        ),
      )
  }
  if (resources[resource].get(keyOf(resource === 'namespaces' ? '' : namespace, name)))
    return refused(alreadyExists(resource, name))
  const placed = resource === 'namespaces' ? metadata : { ...metadata, namespace }
  return { code: 201, body: resources[resource].put({ ...given, metadata: placed }) }
}

/** RFC 7386. */
const merge = (target: unknown, patch: unknown): unknown => {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}
  const merged = new Map<string, unknown>(Object.entries(base))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, merge(merged.get(key), value))
  }
  return Object.fromEntries(merged)
}

/** PATCH of type merge; the strategic one is the same for what is patched here. */
export const patch = (resources: Resources, resource: ResourceName, key: string, change: unknown): Written => {
  const before = resources[resource].get(key)
  if (!before) return refused(notFound(resource, key.split('/')[1] ?? ''))
  const merged = merge(before, change) as PartialObject
  const { name, namespace, uid } = before.metadata
  const metadata = { ...merged.metadata, name, ...(namespace && { namespace }), uid }
  return { code: 200, body: resources[resource].put({ ...merged, metadata }) }
}
