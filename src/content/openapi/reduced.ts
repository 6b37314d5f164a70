/**
 * The part of a document that one operation needs to be matched. An expectation keeps that instead of the whole, or a
 * hundred operations would be given back as a hundred copies of the document.
 */
import { defined, isJson, type Json } from './faults.ts'
import type { Operation } from './operations.ts'
import type { Spec } from './read-spec.ts'
import { pointerKeys } from './references.ts'

export interface Reduced {
  readonly document: Json
  /** Characters of its JSON, about. */
  readonly size: number
}

/** Undefined where it has more than `limit` characters. */
export function reduceTo(operation: Operation, { root }: Spec, limit: number): Reduced | undefined {
  const { parameters, requestBody, security, responses, source, path, method } = operation
  const one: Json = {
    ...(typeof source['operationId'] === 'string' ? { operationId: source['operationId'] } : {}),
    ...(parameters.length > 0 ? { parameters: parameters.map(({ value }) => value) } : {}),
    ...(requestBody ? { requestBody: requestBody.value } : {}),
    ...(security.length > 0 ? { security } : {}),
    responses: Object.fromEntries(Object.keys(responses).map((status) => [status, { description: '' }])),
  }
  const info = isJson(root['info']) ? root['info'] : {}
  const servers = operation.prefixes.filter((prefix) => prefix !== '').map((url) => ({ url }))
  const document: Record<string, unknown> = {
    openapi: root['openapi'],
    info: defined({ title: info['title'], version: info['version'] }),
    ...(servers.length > 0 ? { servers } : {}),
    paths: { [path]: { [method.toLowerCase()]: one } },
  }
  const schemes = schemesOf(root, security)
  if (schemes) put(document, ['components', 'securitySchemes'], schemes)
  const size = gather(document, root, limit)
  return size === undefined ? undefined : { document, size }
}

/** The schemes that are named; a reference in their place is followed by `gather`. */
function schemesOf(root: Json, security: readonly unknown[]): Json | undefined {
  const components = isJson(root['components']) ? root['components'] : {}
  const all = isJson(components['securitySchemes']) ? components['securitySchemes'] : {}
  const names = security.flatMap((one) => (isJson(one) ? Object.keys(one) : []))
  const found = names.filter((name) => Object.hasOwn(all, name)).map((name) => [name, all[name]] as const)
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

/** Puts in everything that is referred to, and counts. */
function gather(document: Record<string, unknown>, root: Json, limit: number): number | undefined {
  const copied = new Set<string>()
  const waiting: unknown[] = [document]
  let size = 0
  while (waiting.length > 0) {
    const value = waiting.pop()
    size += typeof value === 'string' ? value.length + 4 : 8
    if (size > limit) return undefined
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      size += key.length
      waiting.push(inner)
      const keys = key === '$ref' ? pointerKeys(inner) : undefined
      if (!keys) continue
      // The whole entry of its map: what is referred to may lie deeper in it.
      const place = keys.slice(0, keys[0] === 'components' ? 3 : 2)
      const name = JSON.stringify(place)
      if (copied.has(name)) continue
      copied.add(name)
      const target = at(root, place)
      if (target === undefined) continue
      put(document, place, target)
      waiting.push(target)
    }
  }
  return size
}

function at(root: unknown, keys: readonly string[]): unknown {
  let value: unknown = root
  for (const key of keys) value = isJson(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return value
}

/** The objects on the way are ours: only what is put at their ends belongs to the document. */
function put(document: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  let into = document
  for (const key of keys.slice(0, -1)) {
    const inner = into[key]
    if (isJson(inner)) into = inner as Record<string, unknown>
    else {
      const made = {}
      into[key] = made
      into = made
    }
  }
  const last = keys.at(-1)
  if (last !== undefined) into[last] = value
}
