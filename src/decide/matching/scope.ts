/** `scope`: whose flows an expectation is for, by what the kernel and Kubernetes say of them and never by a header. */
import type { Direction, Flow, Resolution, Workload } from '../../flow.ts'
import { matchesText, type TextMatcher } from './text.ts'

/** One demand on the labels of a pod (Kubernetes API, LabelSelectorRequirement). */
export interface LabelDemand {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  readonly values: readonly string[]
}

/** Where a flow was going: all that is given must hold. */
export interface DestinationScope {
  /** Whether an address is one of those meant. */
  readonly hasAddress: ((address: string) => boolean) | undefined
  readonly ports: readonly { readonly from: number; readonly to: number }[] | undefined
  /** Any name that DNS gave the address for. */
  readonly name: TextMatcher | undefined
}

/** An absent part asks for nothing. */
export interface Scope {
  /** Any of these. */
  readonly namespaces: readonly string[] | undefined
  readonly labels: readonly LabelDemand[] | undefined
  readonly direction: Direction | undefined
  readonly destination: DestinationScope | undefined
  /** The name of the process that connected. */
  readonly process: TextMatcher | undefined
}

/** The namespace that a scope is for, where it is for exactly one. */
export const namespaceOf = (scope: Scope | undefined): string | undefined =>
  scope?.namespaces?.length === 1 ? scope.namespaces[0] : undefined

/** Whose request it is. */
export interface Origin {
  readonly flow: Flow
  readonly resolution: Resolution
  /** The names that the workload asked DNS for and was given this address. */
  readonly namesOf: (workload: Workload, address: string) => readonly string[]
}

/** Whether flows of a workload can be in the scope at all; what tells one of its flows from another is not asked. */
export const concerns = (scope: Scope | undefined, { namespace, labels }: Workload): boolean =>
  (!scope?.namespaces || scope.namespaces.includes(namespace ?? '')) &&
  (!scope?.labels || scope.labels.every((demand) => meetsDemand(demand, labels ?? {})))

/** Whether a flow is in the scope; one of which nothing is known is in no scope. */
export function isInScope(scope: Scope, origin: Origin | undefined): boolean {
  if (!origin) return false
  const { workload, direction, saved } = origin.flow
  if (scope.direction !== undefined && scope.direction !== direction) return false
  if (!concerns(scope, workload)) return false
  if (scope.process && !(saved && matchesText(scope.process, saved.process.name))) return false
  return !scope.destination || isDestination(scope.destination, origin)
}

function meetsDemand({ key, operator, values }: LabelDemand, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
  }
}

function isDestination({ hasAddress, ports, name }: DestinationScope, origin: Origin): boolean {
  // The kernel's word is the address that was dialled; a name stands in its place where DNS intent resolved it.
  const dialled = origin.flow.saved?.destination
  const destination = dialled ?? origin.resolution.destination
  if (!destination) return false
  const { address, port } = destination
  if (ports && !ports.some(({ from, to }) => port >= from && port <= to)) return false
  if (hasAddress && !hasAddress(address)) return false
  if (!name) return true
  const resolved = origin.resolution.destination?.address
  const names = [...origin.namesOf(origin.flow.workload, address), ...(resolved === undefined ? [] : [resolved])]
  return names.some((one) => matchesText(name, one))
}
