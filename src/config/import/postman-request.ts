/** Requests of Postman collections as matchers. */
import { z } from 'zod'
import { isRecord } from '../chosen-schema.ts'
import {
  askedForm,
  askedHeaders,
  askedText,
  defined,
  type Json,
  literally,
  matchedPairs,
  multiMap,
  type Pair,
  pathAndQuery,
  queryPairs,
} from './messages.ts'
import { asPattern, isOpen, resolved, type Variables, withVariables } from './postman-variables.ts'

export const Variable = z.looseObject({ key: z.string().default(''), value: z.unknown().optional() })
const Field = z.looseObject({
  key: z.string().nullish(),
  value: z.union([z.string(), z.number(), z.boolean()]).nullish(),
  disabled: z.boolean().nullish(),
  type: z.string().nullish(),
})

const Url = z.union([
  z.string(),
  z.looseObject({
    raw: z.string().nullish(),
    path: z.union([z.string(), z.array(z.union([z.string(), z.looseObject({ value: z.string() })]))]).nullish(),
    query: z.array(Field).nullish(),
    variable: z.array(Variable).nullish(),
  }),
])

const Body = z.looseObject({
  mode: z.string().nullish(),
  raw: z.string().nullish(),
  urlencoded: z.union([z.array(Field), z.string()]).nullish(),
  formdata: z.array(Field).nullish(),
  graphql: z.looseObject({ query: z.string().nullish() }).nullish(),
  options: z.looseObject({ raw: z.looseObject({ language: z.string().nullish() }).nullish() }).nullish(),
})

/** A request alone is its URL, asked for with GET. */
export const Request = z.union([
  z.string(),
  z.looseObject({
    method: z.string().nullish(),
    url: Url.nullish(),
    header: z.union([z.array(Field), z.string(), z.null()]).optional(),
    body: Body.nullish(),
  }),
])
export type PostmanRequest = z.infer<typeof Request>

/** `httpRequest`: what is not known of it is not asked for. */
export function requestOf(given: PostmanRequest, around: Variables): Json {
  const { method, url, header, body } = typeof given === 'string' ? { url: given } : { ...given }
  const inUrl = isRecord(url) && Array.isArray(url['variable']) ? (url['variable'] as z.infer<typeof Variable>[]) : []
  const own = withVariables(new Map(), inUrl)
  const { path, query } = pathAndQuery(withoutBase(resolved(urlText(url), around)))
  const headers = fieldsOf(Array.isArray(header) ? header : [], around)
  return defined({
    method: method ? literally(method) : 'GET',
    path: pathPattern(path, own, around),
    queryStringParameters: queryAsked(query),
    headers: askedHeaders(headers.filter(({ value }) => !isOpen(value))),
    body: body ? bodyAsked(body, headers, around) : undefined,
  })
}

function urlText(url: unknown): string {
  if (typeof url === 'string') return url
  if (!isRecord(url)) return '/'
  if (typeof url['raw'] === 'string') return url['raw']
  const { path, query } = url
  const parts = Array.isArray(path) ? path.map((part) => (isRecord(part) ? String(part['value']) : String(part))) : []
  const pairs = fieldsOf(Array.isArray(query) ? (query as z.infer<typeof Field>[]) : [], new Map())
  const text = pairs.map(({ name, value }) => `${name}=${value}`).join('&')
  return `/${typeof path === 'string' ? path.replace(/^\//, '') : parts.join('/')}${text === '' ? '' : `?${text}`}`
}

/** Without a host: `{{base}}/a` of an unknown base, `shop.example/a` as Postman lets one write. */
function withoutBase(url: string): string {
  return /^(?:\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(url) ? url : url.replace(/^(?:\{\{[^{}]*\}\}|[^/?#{])+/, '')
}

/** `:id` is what the URL says of it, or any segment. */
function pathPattern(path: string, own: Variables, around: Variables): string {
  return path
    .split('/')
    .map((segment) => {
      const name = /^:(.+)$/.exec(segment)?.[1]
      const value = name === undefined ? segment : resolved(own.get(name) ?? '', around)
      return value === '' && name !== undefined ? '[^/]+' : asPattern(value, literally, '[^/]+')
    })
    .join('/')
}

/** A value that is not known may be any. */
function queryAsked(query: string): Json | undefined {
  const pairs = queryPairs(query).map(({ name, value }) => ({
    name: literally(name),
    value: isOpen(value) ? '' : literally(value),
  }))
  return multiMap(pairs.filter(({ name }) => !isOpen(name)))
}

function fieldsOf(fields: readonly z.infer<typeof Field>[], variables: Variables): Pair[] {
  return fields
    .filter(({ key, disabled, type }) => typeof key === 'string' && key !== '' && disabled !== true && type !== 'file')
    .map(({ key, value }) => ({ name: key ?? '', value: resolved(String(value ?? ''), variables) }))
}

function bodyAsked(body: z.infer<typeof Body>, headers: readonly Pair[], variables: Variables): unknown {
  const known = (pairs: readonly Pair[]): readonly Pair[] => pairs.filter(({ value }) => !isOpen(value))
  switch (body.mode) {
    case 'raw': {
      const raw = resolved(body.raw ?? '', variables)
      const said = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value
      const type = said ?? (body.options?.raw?.language === 'json' ? 'application/json' : '')
      return isOpen(raw) ? undefined : askedText(raw, type)
    }
    case 'urlencoded':
      return Array.isArray(body.urlencoded) ? askedForm(known(fieldsOf(body.urlencoded, variables))) : undefined
    case 'formdata': {
      const fields = matchedPairs(known(fieldsOf(body.formdata ?? [], variables)))
      return fields && { type: 'MULTIPART', fields }
    }
    case 'graphql': {
      const query = resolved(body.graphql?.query ?? '', variables)
      return query.trim() === '' || isOpen(query) ? undefined : { type: 'GRAPHQL', query }
    }
    default:
      return undefined
  }
}
