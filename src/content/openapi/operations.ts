/** The operations of a document, each with all that it inherits: parameters, servers, security. */
import { type At, isJson, type Json, type Located, type Report, written } from './faults.ts'
import type { Spec } from './read-spec.ts'
import type { Follow } from './references.ts'

export interface Operation {
  /** Its `operationId`, or method and path: `GET /pets`. */
  readonly id: string
  readonly method: string
  /** As the document has it, with `{name}` for what varies. */
  readonly path: string
  /** Paths of the servers, each without a slash at its end; at least one, which may be empty. */
  readonly prefixes: readonly string[]
  readonly parameters: readonly Located[]
  readonly requestBody: Located | undefined
  /** Any one of these is enough; none are needed where it is empty. */
  readonly security: readonly unknown[]
  /** By status, as in the document. */
  readonly responses: Json
  readonly source: Json
  readonly at: At
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']
/** More would not be looked for one by one. */
const MAX_OPERATIONS = 10_000

/** In the order of the document, but paths with fewer `{…}` first: what is named outright goes before a template. */
export function listOperations({ root }: Spec, follow: Follow, report: Report): readonly Operation[] {
  const paths = root['paths']
  if (paths === undefined) return []
  if (!isJson(paths)) {
    report(['paths'], 'expected an object')
    return []
  }
  const entries = Object.entries(paths).filter(([path]) => !path.startsWith('x-'))
  const operations = entries
    .toSorted(([a], [b]) => templates(a) - templates(b))
    .flatMap(([path, item]) => ofPath(root, path, follow(item, ['paths', path]), follow, report))
  if (operations.length > MAX_OPERATIONS) report(['paths'], `more than ${MAX_OPERATIONS} operations`)
  const seen = new Set<string>()
  for (const { id, at } of operations) {
    if (seen.has(id)) report([...at, 'operationId'], `the operationId ${id} is given twice`)
    seen.add(id)
  }
  return operations.slice(0, MAX_OPERATIONS)
}

const templates = (path: string): number => path.split('{').length - 1

function ofPath(root: Json, path: string, item: Located, follow: Follow, report: Report): Operation[] {
  const { value, at } = item
  if (!path.startsWith('/')) report(['paths', path], 'a path begins with a slash')
  if (!isJson(value)) {
    if (value !== undefined) report(at, 'expected an object')
    return []
  }
  return METHODS.filter((method) => value[method] !== undefined).flatMap((method) => {
    const source = value[method]
    const place = [...at, method]
    if (!isJson(source)) {
      report(place, 'expected an object')
      return []
    }
    const id = source['operationId'] ?? `${method.toUpperCase()} ${path}`
    if (typeof id !== 'string') report([...place, 'operationId'], 'expected a string')
    const responses = source['responses'] ?? {}
    if (!isJson(responses)) report([...place, 'responses'], 'expected an object')
    return [
      {
        id: written(id),
        method: method.toUpperCase(),
        path,
        prefixes: prefixesOf(source['servers'] ?? value['servers'] ?? root['servers'], place, report),
        parameters: parametersOf(value, at, source, place, follow, report),
        requestBody: bodyOf(source, place, follow),
        security: listOf(source['security'] ?? root['security'], [...place, 'security'], report),
        responses: isJson(responses) ? responses : {},
        source,
        at: place,
      },
    ]
  })
}

function bodyOf(source: Json, place: At, follow: Follow): Located | undefined {
  return source['requestBody'] === undefined ? undefined : follow(source['requestBody'], [...place, 'requestBody'])
}

function listOf(given: unknown, at: At, report: Report): readonly unknown[] {
  if (given === undefined) return []
  if (Array.isArray(given)) return given as readonly unknown[]
  report(at, 'expected a list')
  return []
}

/** Those of the operation replace those of its path that have the same name and place. */
function parametersOf(item: Json, at: At, source: Json, place: At, follow: Follow, report: Report): Located[] {
  const byPlace = new Map<string, Located>()
  for (const [owner, from] of [
    [item, at],
    [source, place],
  ] as const) {
    for (const [index, given] of listOf(owner['parameters'], [...from, 'parameters'], report).entries()) {
      const found = follow(given, [...from, 'parameters', index])
      const { value } = found
      if (isJson(value)) byPlace.set(`${written(value['in'])} ${written(value['name'])}`, found)
      else if (value !== undefined) report(found.at, 'expected an object')
    }
  }
  return [...byPlace.values()]
}

/** The paths of the addresses, with variables at their defaults. */
function prefixesOf(servers: unknown, at: At, report: Report): readonly string[] {
  const prefixes = listOf(servers, [...at, 'servers'], report).map((server) => {
    if (!isJson(server)) return ''
    const variables = isJson(server['variables']) ? server['variables'] : {}
    const url = written(server['url']).replace(/\{([^{}]*)\}/g, (_, name: string) => {
      const variable = Object.hasOwn(variables, name) ? variables[name] : undefined
      return isJson(variable) ? written(variable['default']) : ''
    })
    return pathOf(url)
  })
  return prefixes.length === 0 ? [''] : [...new Set(prefixes)]
}

/** `/v1` of `https://shop.example/v1/`; empty where there is none. */
export function pathOf(url: string): string {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*|^\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
  const trimmed = path.replace(/\/+$/, '')
  return trimmed === '' || trimmed.startsWith('/') ? trimmed : `/${trimmed}`
}
