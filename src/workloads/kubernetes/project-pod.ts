/**
 * What is kept of a pod. The object may be anything at all: what a pod says of itself is written by whoever may make pods,
 * and what is said of it by a server that may be wrong. Never throws; what comes out is bounded.
 */
import { isIP } from 'node:net'
import type { WorkloadFacts } from '../source.ts'
import { elementsOf, field, fieldAt, textOf } from './fields.ts'
import { labelsOf } from './labels.ts'

export const OUR_PREFIX = 'understudy.dev/'

/** Why a pod cannot be worked with at all. */
export type PodRefusal = 'no_object' | 'bad_uid' | 'bad_name' | 'bad_namespace' | 'bad_mirror'

export type ProjectedPod =
  | { readonly kind: 'kept'; readonly key: string; readonly value: WorkloadFacts }
  | { readonly kind: 'refused'; readonly why: PodRefusal; readonly key?: string }

export const POD_LIMITS = {
  annotations: 64,
  annotationKeyCharacters: 63,
  annotationCharacters: 4096,
  refusedAnnotations: 64,
  ips: 16,
  containers: 64,
} as const

/** A UID becomes part of a path below the cgroups: hexadecimal digits and dashes, and no dash in front. */
const UID = /^[0-9a-f][0-9a-f-]{0,63}$/i
/** RFC 1123: a label, and labels joined by dots. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/
const ANNOTATION_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
const CONTAINER_ID = /^[0-9a-f]{12,128}$/i
/** What the kubelet sets on the API's copy of a static pod; cgroups know the pod by it. */
const MIRROR = 'kubernetes.io/config.mirror'
/** A key this much too long is told of by its beginning. */
const TOLD_KEY_CHARACTERS = 80

interface Annotations {
  readonly kept: Readonly<Record<string, string>>
  readonly refused: readonly string[]
}

const annotationsOf = (object: unknown): Annotations => {
  const all = typeof object === 'object' && object !== null ? object : {}
  const kept = new Map<string, string>()
  const refused: string[] = []
  for (const key in all) {
    if (!key.startsWith(OUR_PREFIX)) continue
    const name = key.slice(OUR_PREFIX.length)
    const value = field(all, key)
    const isFine =
      kept.size < POD_LIMITS.annotations &&
      ANNOTATION_NAME.test(name) &&
      typeof value === 'string' &&
      value.length <= POD_LIMITS.annotationCharacters
    if (isFine) kept.set(name, value)
    else if (refused.length < POD_LIMITS.refusedAnnotations) refused.push(name.slice(0, TOLD_KEY_CHARACTERS))
  }
  return { kept: Object.fromEntries(kept), refused }
}

/** An IP literal; a v4-mapped one would name another address than its bytes say, and a zone is nobody's business. */
const isAddress = (text: unknown): text is string =>
  typeof text === 'string' && isIP(text) !== 0 && !/%|^[0:]*:ffff:(?:\d+\.|[0-9a-f]{1,4}:[0-9a-f]{1,4}$)/i.test(text)

const ipsOf = (status: unknown): readonly string[] => {
  const listed = elementsOf(field(status, 'podIPs'), POD_LIMITS.ips).map((entry) => field(entry, 'ip'))
  return [...new Set([field(status, 'podIP'), ...listed].filter(isAddress))].slice(0, POD_LIMITS.ips)
}

const containersOf = (status: unknown): readonly unknown[] =>
  ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'].flatMap((key) =>
    elementsOf(field(status, key), POD_LIMITS.containers),
  )

/** `containerd://0123…` → `0123…`. */
const containerIdOf = (container: unknown): string | undefined => {
  const text = textOf(field(container, 'containerID'), 256)
  const id = text?.slice(text.indexOf('://') < 0 ? 0 : text.indexOf('://') + 3)
  return id !== undefined && CONTAINER_ID.test(id) ? id : undefined
}

const hasEnded = (pod: unknown, containers: readonly unknown[]): boolean => {
  const phase = fieldAt(pod, 'status', 'phase')
  if (phase === 'Succeeded' || phase === 'Failed') return true
  const isBeingDeleted = typeof fieldAt(pod, 'metadata', 'deletionTimestamp') === 'string'
  return isBeingDeleted && !containers.some((container) => fieldAt(container, 'state', 'running') !== undefined)
}

/** Milliseconds since the epoch; 0 where it says none. */
const createdAtOf = (metadata: unknown): number => {
  const at = Date.parse(textOf(field(metadata, 'creationTimestamp'), 64) ?? '')
  return Number.isFinite(at) && at > 0 ? at : 0
}

const refusal = (
  uid: string | undefined,
  name: unknown,
  namespace: unknown,
  mirror: unknown,
): PodRefusal | undefined => {
  if (uid === undefined) return 'bad_uid'
  if (typeof name !== 'string' || !NAME.test(name)) return 'bad_name'
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) return 'bad_namespace'
  if (mirror !== undefined && !(typeof mirror === 'string' && UID.test(mirror))) return 'bad_mirror'
  return undefined
}

/** The facts of one pod under its UID, or why it has none. */
export const projectPod = (pod: unknown): ProjectedPod => {
  const metadata = field(pod, 'metadata')
  if (typeof metadata !== 'object' || metadata === null) return { kind: 'refused', why: 'no_object' }
  const uid = textOf(field(metadata, 'uid'), 64)
  const known = uid !== undefined && UID.test(uid) ? uid : undefined
  const name = field(metadata, 'name')
  const namespace = field(metadata, 'namespace')
  const mirror = fieldAt(metadata, 'annotations', MIRROR)
  const why = refusal(known, name, namespace, mirror)
  if (why !== undefined || known === undefined)
    return { kind: 'refused', why: why ?? 'bad_uid', ...(known !== undefined && { key: known }) }
  const status = field(pod, 'status')
  const containers = containersOf(status)
  const annotations = annotationsOf(field(metadata, 'annotations'))
  const value: WorkloadFacts = {
    uid: known,
    namespace: String(namespace),
    name: String(name),
    labels: labelsOf(field(metadata, 'labels')),
    annotations: annotations.kept,
    refusedAnnotations: annotations.refused,
    ips: ipsOf(status),
    isHostNetwork: fieldAt(pod, 'spec', 'hostNetwork') === true,
    hasEnded: hasEnded(pod, containers),
    cgroupUid: typeof mirror === 'string' ? mirror : known,
    containerIds: containers
      .map(containerIdOf)
      .filter((id) => id !== undefined)
      .slice(0, POD_LIMITS.containers),
    createdAtMs: createdAtOf(metadata),
  }
  return { kind: 'kept', key: known, value }
}
