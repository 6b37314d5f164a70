/** The annotations of a pod as a policy. Strict: what is not understood is told and never guessed at. */
import type { WorkloadMode } from '../flow.ts'
import { problemWithPorts } from './excluded-ranges.ts'
import type { Cidr, PortRange } from './networks.ts'
import { ANNOTATION_PREFIX, PodAnnotations } from './pod-policy-schema.ts'
import { checkValue, closest, quoted } from './problems.ts'
import type { Until } from './until-schema.ts'

/** What a pod asks for; what it leaves open is for the settings to say. */
export interface PodPolicy {
  readonly intercept: boolean
  readonly mode?: WorkloadMode
  readonly fail?: 'open' | 'closed'
  /** Only these destination ports; undefined = all. */
  readonly ports?: readonly PortRange[]
  /** The pod's own, ascending. */
  readonly inboundPorts: readonly number[]
  readonly excludePorts: readonly PortRange[]
  readonly excludeCidrs: readonly Cidr[]
  readonly dns: boolean
  readonly until?: Until
}

export interface ReadAnnotations {
  /** Only where there are no problems. */
  readonly policy?: PodPolicy
  /** A sentence for each value that cannot be understood: a pod that has one is not intercepted. */
  readonly problems: readonly string[]
  /** A sentence for each key that nobody knows: a warning, and no more. */
  readonly unknown: readonly string[]
}

/** So many unknown keys are told, the others are counted; as many of the refused ones. */
const MAX_TOLD = 16
const KEYS = Object.keys(PodAnnotations.shape)
const PLAIN_KEY = /^[\w.-]{1,63}$/

/**
 * Reads annotations whose keys come without our prefix; `refused` are keys whose values were too long or too many to be
 * kept. `excludePorts` are those that the settings leave alone for every pod: they take room in the same table. Never throws.
 */
export function readAnnotations(
  annotations: Readonly<Record<string, string>>,
  refused: readonly string[] = [],
  excludePorts: readonly PortRange[] = [],
): ReadAnnotations {
  const given = new Map<string, unknown>(Object.entries(annotations))
  const known = KEYS.filter((key) => given.has(key)).map((key) => [key, trimmed(given.get(key))])
  const strangers = [...given.keys(), ...refused].filter((key) => !KEYS.includes(key))
  const unknown = bounded(strangers, unknownKey)
  const checked = checkValue(PodAnnotations, Object.fromEntries(known))
  const problems = bounded(
    KEYS.filter((key) => refused.includes(key)),
    (key) => `${named(key)}: its value is too long, or the pod has too many annotations with this prefix`,
  )
  if (!('value' in checked)) {
    for (const { path, message } of checked.problems) problems.push(`${named(String(path[0]))}: ${message}`)
    return { problems, unknown }
  }
  const policy = policyOf(checked.value)
  const together = problemWithPorts({ ...policy, excludePorts: [...excludePorts, ...policy.excludePorts] })
  if (together) problems.push(`${named(policy.ports ? 'ports' : 'exclude-outbound-ports')}: ${together}`)
  return problems.length > 0 ? { problems, unknown } : { policy, problems, unknown }
}

function policyOf(read: ReturnType<typeof PodAnnotations.parse>): PodPolicy {
  const { mode, fail, ports, until } = read
  return {
    intercept: read.intercept,
    ...(mode ? { mode } : {}),
    ...(fail ? { fail } : {}),
    ...(ports ? { ports } : {}),
    inboundPorts: read['inbound-ports'],
    excludePorts: read['exclude-outbound-ports'],
    excludeCidrs: read['exclude-outbound-cidrs'],
    dns: read.dns,
    ...(until ? { until } : {}),
  }
}

function trimmed(value: unknown): unknown {
  return typeof value === 'string' ? value.trim() : value
}

/** A key as it stands in the pod. */
function named(key: string): string {
  return PLAIN_KEY.test(key) ? `${ANNOTATION_PREFIX}${key}` : quoted(`${ANNOTATION_PREFIX}${key}`)
}

function unknownKey(key: string): string {
  const meant = closest(key, KEYS)
  return `${named(key)}: unknown key${meant ? `; did you mean ${ANNOTATION_PREFIX}${meant}?` : ''}`
}

function bounded(keys: readonly string[], told: (key: string) => string): string[] {
  const lines = keys.slice(0, MAX_TOLD).map(told)
  if (keys.length > MAX_TOLD) lines.push(`… and ${keys.length - MAX_TOLD} more`)
  return lines
}
