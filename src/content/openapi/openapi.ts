/** OpenAPI documents as matchers of requests and as expectations: the way in to this folder. */
import { createHash } from 'node:crypto'
import type { OperationSpec } from '../../decide/matching/request-spec.ts'
import { createFaults, type Fault, isJson, type Json, written } from './faults.ts'
import { compileOperation } from './operation-matcher.ts'
import { listOperations, type Operation } from './operations.ts'
import type { Making } from './parameters.ts'
import { readSpec, type Spec } from './read-spec.ts'
import { reduceTo } from './reduced.ts'
import { createFollow } from './references.ts'
import { responseOf, type Wanted } from './responses.ts'
import { createSampler } from './sample.ts'
import { createSchemaSet } from './schema-set.ts'

export type Made<T> = { readonly value: T } | { readonly faults: readonly Fault[] }

/** An operation with what answers it. */
export interface Generated {
  /** The same for the same document, so that giving it again replaces. */
  readonly id: string
  readonly httpRequest: Json
  readonly httpResponse: Json
  readonly operation: OperationSpec
}

/** All that is generated from one document, in characters: it is given back in one answer. */
const MAX_GENERATED = 64 * 1024 * 1024

/** A matcher of one operation, or of any. */
export function openApiMatcher(
  specUrlOrPayload: unknown,
  operationId: string | undefined,
  contextPathPrefix = '',
): Made<readonly OperationSpec[]> {
  return withSpec(specUrlOrPayload, (operations, spec, making) => {
    const chosen = operationId === undefined ? operations : operations.filter(({ id }) => id === operationId)
    if (operationId !== undefined && chosen.length === 0) making.report([], noOperation(operationId, operations))
    return chosen.map((operation) => compileOperation(operation, spec.root, contextPathPrefix, making))
  })
}

/** An expectation for each operation, or for those that are named with the response they are to have. */
export function openApiExpectations(
  specUrlOrPayload: unknown,
  wanted: ReadonlyMap<string, Wanted> | undefined,
  contextPathPrefix = '',
): Made<readonly Generated[]> {
  return withSpec(specUrlOrPayload, (operations, spec, making) => {
    for (const id of wanted?.keys() ?? []) {
      if (!operations.some((operation) => operation.id === id)) making.report([], noOperation(id, operations))
    }
    const chosen = wanted ? operations.filter(({ id }) => wanted.has(id)) : operations
    const name = nameOf(spec, contextPathPrefix)
    const sampler = createSampler(making.follow, making.report)
    let left = MAX_GENERATED
    return chosen.map((operation): Generated => {
      const reduced = reduceTo(operation, spec, left)
      if (reduced) left -= reduced.size
      else if (left > 0) {
        making.report(
          operation.at,
          'the expectations would take more than 64 MiB together; name the operations that are needed in operationsAndResponses',
        )
        left = 0
      }
      const prefix = contextPathPrefix === '' ? {} : { contextPathPrefix }
      return {
        id: `openapi:${name}:${operation.id}`,
        httpRequest: { specUrlOrPayload: reduced?.document ?? {}, operationId: operation.id, ...prefix },
        httpResponse: responseOf(operation, wanted?.get(operation.id), { ...making, sampler }),
        operation: compileOperation(operation, spec.root, contextPathPrefix, making),
      }
    })
  })
}

function withSpec<T>(
  given: unknown,
  make: (operations: readonly Operation[], spec: Spec, making: Making) => T,
): Made<T> {
  const read = readSpec(given)
  if ('faults' in read) return read
  const { spec } = read
  const { list, report } = createFaults()
  const follow = createFollow(spec.root, report)
  const operations = listOperations(spec, follow, report)
  if (list.length > 0) return { faults: list }
  const value = make(operations, spec, { follow, report, schemas: createSchemaSet(spec.dialect, follow, report) })
  return list.length > 0 ? { faults: list } : { value }
}

function noOperation(id: string, operations: readonly Operation[]): string {
  const there = operations.slice(0, 20).map((operation) => operation.id)
  const more = operations.length > there.length ? ', …' : ''
  return `has no operation ${JSON.stringify(id)}; there are ${there.join(', ')}${more}`
}

/** `shop_460c3d06b49efe4f`: the title, and what tells documents of the same title apart. */
function nameOf({ root, text }: Spec, contextPathPrefix: string): string {
  const info = isJson(root['info']) ? root['info'] : {}
  const title = written(info['title'])
    .slice(0, 80)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '_')
  const hash = createHash('sha256').update(contextPathPrefix).update('\0').update(text).digest('hex')
  return `${title}_${hash.slice(0, 16)}`
}
