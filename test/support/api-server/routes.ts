/** From the request line to what it asks for, as the API server's own paths have it. */
import type { ResourceName } from './resources.ts'

export type Verb = 'list' | 'watch' | 'get' | 'create' | 'update' | 'patch' | 'delete'

export interface Route {
  readonly verb: Verb
  readonly resource: ResourceName
  /** Empty for all namespaces. */
  readonly namespace: string
  readonly name: string
}

const VERBS: Readonly<Record<string, Verb>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

const verbOf = (method: string, name: string, query: URLSearchParams): Verb | undefined => {
  if (method !== 'GET') return VERBS[method]
  if (name) return 'get'
  return ['1', 'true'].includes(query.get('watch') ?? '') ? 'watch' : 'list'
}

const isResource = (text: string): text is ResourceName => ['pods', 'namespaces', 'events'].includes(text)

/** Undefined where the server knows no such path or method. */
export const routeOf = (method: string, path: string, query: URLSearchParams): Route | undefined => {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  if (parts[0] !== 'api' || parts[1] !== 'v1') return undefined
  const isInNamespace = parts[2] === 'namespaces' && parts.length > 4
  const [resource = '', name = '', ...more] = isInNamespace ? parts.slice(4) : parts.slice(2)
  const verb = verbOf(method, name, query)
  if (!isResource(resource) || more.length > 0 || !verb) return undefined
  return { verb, resource, namespace: isInNamespace ? (parts[3] ?? '') : '', name }
}
