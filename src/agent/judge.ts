/** Whether a workload is to be intercepted: what it asks for, measured by what the operator allows. Pure. */
import { type PodPolicy, readAnnotations } from '../config/annotations.ts'
import type { Config } from '../config/schema.ts'
import type { WorkloadFacts } from '../workloads/source.ts'

/** Never, whoever asks: what runs here keeps the node and us going. */
const PROTECTED = new Set(['kube-system', 'kube-node-lease', 'kube-public'])
/** A word of Kubernetes for the name of a namespace, as its own label. */
const NAME_LABEL = 'kubernetes.io/metadata.name'

export type Judgement = {
  /** Annotations that nobody knows; told, and no more. */
  readonly warnings: readonly string[]
} & (
  | { readonly kind: 'wanted'; readonly policy: PodPolicy }
  /** It does not ask to be intercepted, or has ended. */
  | { readonly kind: 'unasked' }
  /** It asks, and is not: why, in words for whoever asked. */
  | { readonly kind: 'skipped'; readonly why: string }
  /** Not known yet. */
  | { readonly kind: 'waiting'; readonly why: string }
)

export type Allowed = Pick<Config, 'enrolNamespaces' | 'enrolNamespaceLabels' | 'agentNamespace' | 'excludePorts'>

const isLabelled = (wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)

/** Undefined where pods of the namespace may opt in; else why not. */
const objection = (
  namespace: string,
  labels: Readonly<Record<string, string>> | undefined,
  allowed: Allowed,
): { readonly kind: 'skipped' | 'waiting'; readonly why: string } | undefined => {
  if (PROTECTED.has(namespace))
    return { kind: 'skipped', why: `pods of the namespace ${namespace} are never intercepted` }
  if (namespace === allowed.agentNamespace)
    return { kind: 'skipped', why: "the agent's own namespace is never intercepted" }
  const { enrolNamespaces, enrolNamespaceLabels: wanted } = allowed
  if (enrolNamespaces.includes(namespace) || enrolNamespaces.includes('*')) return undefined
  const pairs = Object.entries(wanted).map(([key, value]) => `${key}=${value}`)
  if (pairs.length > 0) {
    if (labels === undefined)
      return { kind: 'waiting', why: `the labels of the namespace ${namespace} are not known yet` }
    if (isLabelled(wanted, { [NAME_LABEL]: namespace, ...labels })) return undefined
  }
  const byLabel = pairs.length > 0 ? `\`kubectl label namespace ${namespace} ${pairs.join(' ')}\` allows it, or ` : ''
  const why = `the namespace ${namespace} does not allow it: ${byLabel}the setting enrolNamespaces of the agent`
  return { kind: 'skipped', why }
}

/**
 * The judgement of one workload.
 * @param namespaceLabels undefined where they are not known
 */
export const judge = (
  facts: WorkloadFacts,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
  allowed: Allowed,
): Judgement => {
  const {
    policy,
    problems,
    unknown: warnings,
  } = readAnnotations(facts.annotations, facts.refusedAnnotations, allowed.excludePorts)
  const isAsked = facts.annotations['intercept'] !== undefined || facts.refusedAnnotations.includes('intercept')
  if (facts.hasEnded || (!isAsked && problems.length === 0)) return { kind: 'unasked', warnings }
  if (policy && !policy.intercept) return { kind: 'unasked', warnings }
  const objected = objection(facts.namespace, namespaceLabels, allowed)
  if (objected) return { ...objected, warnings }
  if (!policy) return { kind: 'skipped', why: problems.join('; '), warnings }
  if (facts.isHostNetwork) {
    const why = "it has hostNetwork: true, and the node's own network is never intercepted"
    return { kind: 'skipped', why, warnings }
  }
  return { kind: 'wanted', policy, warnings }
}
