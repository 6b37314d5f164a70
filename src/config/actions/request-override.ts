/** What a forwarded request has in place of what the client sent: `requestOverride` and `requestModifier`. */
import { z } from 'zod'
import type { ForwardPlan, ForwardTo, PairsChange, RequestChange } from '../../action.ts'
import { compilePathRewriting } from '../../content/path-rewriting.ts'
import { namedEndpoint } from '../../resolve/named-endpoint.ts'
import { refused } from '../chosen-schema.ts'
import { HeaderName, HeaderValue } from '../header-schema.ts'
import { namedValues } from '../named-values-schema.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { CookieName, CookieValue, cookiesModifier, flat, pairsModifier, singleValues } from './changes.ts'
import { DEFAULT_PORTS, Host, Port, Scheme } from './forward.ts'

const Method = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~\w]*$/, { error: 'a method is one word' })
  .refine((method) => method.toUpperCase() !== 'CONNECT', { error: 'no other request becomes CONNECT' })
const Path = z.string().superRefine((path, context) => {
  const message = path.includes('?')
    ? 'the query goes into queryStringParameters'
    : 'a path begins with / and has neither spaces nor letters outside ASCII; encode them as %20 and so on'
  if (!/^(?:\/[\x21\x22\x24-\x3e\x40-\x7e]*)?$/.test(path)) context.addIssue({ code: 'custom', message })
})
const RequestHeaderName = HeaderName.refine((name) => !/^(?:expect|te|upgrade|trailer)$/i.test(name), {
  error: 'is between two neighbours; remove it',
})
const Text = z.string()

const SocketAddress = z
  .strictObject({ host: Host, port: Port.optional(), scheme: Scheme.default('HTTP') })
  .transform(({ host, port, scheme }): ForwardTo => {
    const to = { address: host, port: port ?? DEFAULT_PORTS[scheme] }
    return scheme === 'HTTPS' ? { ...to, isSecure: true } : to
  })

/** A request in place of parts of the client's, and to whom it goes. */
export interface RequestOverride {
  readonly to: ForwardTo | undefined
  readonly change: RequestChange
}

const shape = {
  method: Method.optional(),
  path: Path.optional(),
  queryStringParameters: namedValues(Text, Text, 1).optional(),
  headers: namedValues(RequestHeaderName, HeaderValue, 1).optional(),
  cookies: singleValues(CookieName, CookieValue).optional(),
  body: ResponseBody.optional(),
  socketAddress: SocketAddress.optional(),
  secure: z.boolean().optional(),
  protocol: z.literal('HTTP_1_1', { error: 'only HTTP_1_1 is spoken to upstreams' }).optional(),
  pathParameters: refused('is not looked at here; write them into the path').optional(),
  keepAlive: refused('is decided for each connection; remove it').optional(),
}

type Read = z.output<z.ZodObject<typeof shape>>

const toOf = ({ socketAddress, secure, headers }: Read): ForwardTo | undefined => {
  const host = headers?.find(({ name }) => name.toLowerCase() === 'host')?.values[0]
  const to = socketAddress ?? namedEndpoint(host, secure ? DEFAULT_PORTS.HTTPS : DEFAULT_PORTS.HTTP)
  if (!to || secure === undefined) return to
  return { address: to.address, port: to.port, ...(secure ? { isSecure: true } : {}) }
}

const changeOf = ({ method, path, queryStringParameters, headers, cookies, body }: Read): RequestChange => {
  const lines: PairsChange[] = headers ? [{ set: flat(headers) }] : []
  if (body?.contentType !== undefined) lines.push({ fill: ['content-type', body.contentType] })
  return {
    ...(method ? { method } : {}),
    ...(path ? { path } : {}),
    ...(queryStringParameters ? { query: [{ set: flat(queryStringParameters) }] } : {}),
    ...(lines.length > 0 ? { headers: lines } : {}),
    ...(cookies ? { cookies: [{ set: cookies }] } : {}),
    ...(body ? { body: body.bytes } : {}),
  }
}

export const RequestOverride = z.strictObject(shape).transform((read, context): RequestOverride => {
  const host = read.headers?.find(({ name }) => name.toLowerCase() === 'host')
  if (host && (host.values.length > 1 || !namedEndpoint(host.values[0], DEFAULT_PORTS.HTTP))) {
    context.addIssue({
      code: 'custom',
      message: 'a request has one Host: a name or an address, and a port',
      path: ['headers'],
    })
  }
  return { to: toOf(read), change: changeOf(read) }
})

/** A request in place of all of the client's. */
export const RequestInPlace = RequestOverride.transform(
  ({ to, change }): ForwardPlan => ({ to, request: { ...change, isWhole: true } }),
)

const PathModifier = z
  .strictObject({ regex: z.string(), substitution: z.string().default('') })
  .transform(({ regex, substitution }, context) => {
    const compiled = compilePathRewriting(regex, substitution)
    if ('rewrite' in compiled) return compiled.rewrite
    context.addIssue({ code: 'custom', message: compiled.problem, path: [compiled.at] })
    return z.NEVER
  })

/** Applied to the request as the override has left it. */
export const RequestModifier = z
  .strictObject({
    path: PathModifier.optional(),
    queryStringParameters: pairsModifier(Text, Text).optional(),
    headers: pairsModifier(RequestHeaderName, HeaderValue).optional(),
    cookies: cookiesModifier(CookieName, CookieValue).optional(),
  })
  .transform(
    ({ path, queryStringParameters, headers, cookies }): RequestChange => ({
      ...(path ? { rewritePath: path } : {}),
      ...(queryStringParameters ? { query: [queryStringParameters] } : {}),
      ...(headers ? { headers: [headers] } : {}),
      ...(cookies ? { cookies } : {}),
    }),
  )

/** One change after the other. */
export const joined = (first: RequestChange, second: RequestChange): RequestChange => {
  const both = <K extends 'query' | 'headers' | 'cookies'>(key: K) => {
    const all = [...(first[key] ?? []), ...(second[key] ?? [])]
    return all.length > 0 ? { [key]: all } : {}
  }
  return { ...first, ...second, ...both('query'), ...both('headers'), ...both('cookies') }
}
