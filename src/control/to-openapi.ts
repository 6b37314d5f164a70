/** A small OpenAPI 3 document of what requests and expectations show: paths, parameters, examples. No schemas are guessed. */
import type { Json } from './message-json.ts'

/** One exchange, or an expectation. */
export interface Shown {
  readonly httpRequest: Json
  readonly httpResponse?: Json | undefined
}

/** The methods that a path of the document may have. */
const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

interface Operation {
  readonly query: Set<string>
  readonly path: readonly string[]
  /** By media type; the first example of each stays. */
  readonly bodies: Map<string, unknown>
  readonly responses: Map<string, { readonly description: string; readonly bodies: Map<string, unknown> }>
}

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)

/** A name without its prefixes; undefined for one that must be absent. */
const nameOf = (given: string): string | undefined => (given.startsWith('!') ? undefined : given.replace(/^\?/, ''))

const namesOf = (map: unknown): string[] =>
  isRecord(map)
    ? Object.keys(map)
        .map(nameOf)
        .filter((name) => name !== undefined && name !== 'keyMatchStyle')
        .map(String)
    : []

const mediaTypeOf = (headers: unknown, body: unknown): string => {
  const entry = isRecord(headers) && Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')
  const given = entry ? [entry[1]].flat()[0] : isRecord(body) ? body['contentType'] : undefined
  return textOf(given, typeof body === 'string' ? 'text/plain' : 'application/json').split(';', 1)[0] ?? ''
}

/** What a body of a message stands for. */
const exampleOf = (body: unknown): unknown =>
  isRecord(body) && typeof body['type'] === 'string' ? (body['json'] ?? body['string'] ?? body['xml'] ?? body) : body

const addBody = (bodies: Map<string, unknown>, { headers, body }: Json): void => {
  if (body === undefined) return
  const type = mediaTypeOf(headers, body)
  if (!bodies.has(type)) bodies.set(type, exampleOf(body))
}

const addResponse = ({ responses }: Operation, response: Json | undefined): void => {
  const status = String(response?.['statusCode'] ?? 200)
  const description = response ? textOf(response['reasonPhrase'], 'response') : 'not known, or made for each request'
  const known = responses.get(status) ?? { description, bodies: new Map<string, unknown>() }
  responses.set(status, known)
  if (response) addBody(known.bodies, response)
}

const contentOf = (bodies: ReadonlyMap<string, unknown>): Json =>
  bodies.size === 0 ? {} : { content: Object.fromEntries([...bodies].map(([type, example]) => [type, { example }])) }

const parameter = (name: string, where: 'query' | 'path'): Json => {
  return { in: where, name, required: where === 'path', schema: { type: 'string' } }
}

const operationJson = ({ query, path, bodies, responses }: Operation): Json => {
  const parameters = [
    ...path.map((name) => parameter(name, 'path')),
    ...[...query].map((name) => parameter(name, 'query')),
  ]
  return {
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(bodies.size > 0 ? { requestBody: contentOf(bodies) } : {}),
    responses: Object.fromEntries(
      [...responses].map(([status, { description, bodies: sent }]) => [status, { description, ...contentOf(sent) }]),
    ),
  }
}

/** Requests whose path is no path or whose method OpenAPI does not know are left out. */
export const openApiOf = (shown: readonly Shown[]): Json => {
  const paths = new Map<string, Map<string, Operation>>()
  for (const { httpRequest, httpResponse } of shown) {
    const path = textOf(httpRequest['path'], '')
    const method = textOf(httpRequest['method'], 'GET').toLowerCase()
    if (!path.startsWith('/') || !METHODS.has(method)) continue
    const methods = paths.get(path) ?? new Map<string, Operation>()
    paths.set(path, methods)
    const operation: Operation = methods.get(method) ?? {
      query: new Set(),
      path: [...path.matchAll(/\{([^{}/]+)\}/g)].map(([, name]) => name ?? ''),
      bodies: new Map(),
      responses: new Map(),
    }
    methods.set(method, operation)
    for (const name of namesOf(httpRequest['queryStringParameters'])) operation.query.add(name)
    addBody(operation.bodies, httpRequest)
    addResponse(operation, httpResponse)
  }
  return {
    openapi: '3.0.3',
    info: {
      title: 'What was seen',
      version: '1',
      description: 'Inferred from requests or expectations by understudy.',
    },
    paths: Object.fromEntries(
      [...paths].map(([path, methods]) => [
        path,
        Object.fromEntries([...methods].map(([method, operation]) => [method, operationJson(operation)])),
      ]),
    ),
  }
}
