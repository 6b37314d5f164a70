/** `scope`: whose flows an expectation is for (docs/scopes.md). */
import { z } from 'zod'
import type { DestinationScope, LabelDemand, Scope } from '../decide/matching/scope.ts'
import { compileText } from '../decide/matching/text.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { Matched } from './matched-schema.ts'
import { Cidr, inNetworks, PortRange } from './networks.ts'

/** One of something or a list of it. */
const oneOrMore = <T>(one: z.ZodType<T>): z.ZodType<readonly T[]> =>
  chosen<readonly T[]>((given) => (Array.isArray(given) ? z.array(one).min(1).max(64) : one.transform((it) => [it])))

/** RFC 1123 label, as Kubernetes wants namespaces. */
const Namespace = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error: 'expected the name of a namespace, such as "payments"' })

const Labels = z.record(z.string().min(1), z.string())
const demandsOf = (labels: Readonly<Record<string, string>>): LabelDemand[] =>
  Object.entries(labels).map(([key, value]) => ({ key, operator: 'In', values: [value] }))

const Demand = chosen<LabelDemand>((given) => {
  const operator: unknown = isRecord(given) ? given['operator'] : undefined
  const takesValues = operator !== 'Exists' && operator !== 'DoesNotExist'
  return z.strictObject({
    key: z.string().min(1),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: takesValues ? z.array(z.string()).min(1).max(64) : z.array(z.string()).max(0).default([]),
  })
})

const Selector = z
  .strictObject({ matchLabels: Labels.optional(), matchExpressions: z.array(Demand).max(64).optional() })
  .transform(({ matchLabels = {}, matchExpressions = [] }) => [...demandsOf(matchLabels), ...matchExpressions])

/** Labels alone, or a selector as the Kubernetes API has it. */
const PodSelector = chosen<readonly LabelDemand[]>((given) =>
  isRecord(given) && (given['matchLabels'] !== undefined || given['matchExpressions'] !== undefined)
    ? Selector
    : Labels.transform(demandsOf),
)

const Text = Matched.transform(compileText)

const DestinationDocument = z
  .strictObject({
    address: oneOrMore(Cidr).optional(),
    port: oneOrMore(PortRange).optional(),
    name: Text.optional(),
  })
  .transform(
    ({ address, port, name }): DestinationScope => ({ hasAddress: address && inNetworks(address), ports: port, name }),
  )

export const ScopeDocument = z
  .strictObject({
    namespace: oneOrMore(Namespace).optional(),
    podSelector: PodSelector.optional(),
    direction: z.enum(['outbound', 'inbound', 'direct']).optional(),
    destination: DestinationDocument.optional(),
    process: Text.optional(),
  })
  .transform(
    ({ namespace, podSelector, direction, destination, process }): Scope => ({
      namespaces: namespace,
      labels: podSelector,
      direction,
      destination,
      process,
    }),
  )
