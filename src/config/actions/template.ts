/** `httpResponseTemplate` and `httpForwardTemplate`: what is sent is made of the request. */
import { z } from 'zod'
import type {
  Action,
  AskedRequest,
  Forward,
  ForwardPlan,
  ForwardTo,
  Made,
  Make,
  PairsChange,
  RespondByTemplate,
} from '../../action.ts'
import { compileTemplate, type Rendered } from '../../content/templates/template.ts'
import { type PathTemplate, pathEntries, pathTemplate } from '../../decide/matching/path-parameters.ts'
import { parseQuery } from '../../decide/matching/query.ts'
import { parseAuthority } from '../../resolve/authority.ts'
import { isRecord, notYetKeys } from '../chosen-schema.ts'
import { namedValues } from '../named-values-schema.ts'
import { checkValue, keyText } from '../problems.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { Delay } from './delay.ts'
import { Response } from './response.ts'

/** A template of which nothing but its own text is known yet. */
type Renders = (input: AskedRequest, pathParameters: readonly string[]) => Rendered | Promise<Rendered>

const Template = z
  .strictObject({
    templateType: z.enum(['VELOCITY', 'MUSTACHE', 'JAVASCRIPT']),
    template: z.string(),
    delay: Delay.default(0),
    ...notYetKeys(['templateFile']),
  })
  .transform(({ templateType, template, delay }, context) => {
    const compiled = compileTemplate(templateType, template)
    if ('problem' in compiled) {
      context.addIssue({ code: 'custom', message: compiled.problem, path: ['template'] })
      return z.NEVER
    }
    const render: Renders = (input, pathParameters) => {
      const { body: bytes, headers } = input
      const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type')
      const body = { bytes, sent: bytes, contentType: at === -1 ? undefined : headers[at + 1] }
      return compiled.render({ ...input, pathParameters, body }, input)
    }
    return { render, delayMs: delay }
  })

/** What a template renders, checked by the schema of what it must be. */
function making<T>(render: Renders, schema: z.ZodType<T>, path: PathTemplate | undefined): Make<T> {
  const checked = (rendered: Rendered): Made<T> => {
    if ('problem' in rendered) return rendered
    const result = checkValue(schema, rendered.document)
    if ('value' in result) return { made: result.value }
    const told = result.problems.slice(0, 10).map(({ path: at, message }) => `${keyText(at) || 'it'}: ${message}`)
    return { problem: `what the template renders is not what it must be: ${told.join('; ')}` }
  }
  return (input) => {
    const rendered = render(input, (path && pathEntries(path, input.path)) ?? [])
    return rendered instanceof Promise ? rendered.then(checked) : checked(rendered)
  }
}

/** How an action came to be, so that it can be made again for a path with names in it. */
const makers = new WeakMap<Action, (path: PathTemplate) => Action>()

function remembered<T extends Action>(build: (path: PathTemplate | undefined) => T): T {
  const action = build(undefined)
  makers.set(action, build)
  return action
}

export const ResponseTemplate = Template.transform(({ render, delayMs }): RespondByTemplate => {
  const schema = Response.transform(({ response }) => response)
  return remembered((path) => ({ kind: 'respond_by_template', make: making(render, schema, path), delayMs }))
})

const Token = z.string().regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'expected letters, digits and hyphens' })
const Line = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'expected one line of latin1 text' })
const Path = z.string().regex(/^\/[^\s?#]*$/, { error: 'expected a path that begins with "/", without a query' })
const Scheme = z.enum(['HTTP', 'HTTPS']).default('HTTP')
const PORTS = { HTTP: 80, HTTPS: 443 }

const Address = z
  .strictObject({ host: z.string().min(1).max(255), port: z.int().min(1).max(65535).optional(), scheme: Scheme })
  .transform(({ host, port, scheme }): ForwardTo => {
    const to = { address: host, port: port ?? PORTS[scheme] }
    return scheme === 'HTTPS' ? { ...to, isSecure: true } : to
  })

/** A request as a forward template renders it. */
const MadeRequestDocument = z.strictObject({
  method: Token.optional(),
  path: Path.optional(),
  queryStringParameters: namedValues(z.string(), z.string(), 0).optional(),
  headers: namedValues(Token, Line, 1).optional(),
  cookies: z.record(Token, Line).optional(),
  body: ResponseBody.optional(),
  socketAddress: Address.optional(),
  keepAlive: z.boolean().optional(),
  secure: z.boolean().optional(),
  protocol: z.literal('HTTP_1_1').optional(),
})
type MadeRequest = z.output<typeof MadeRequestDocument>

type Named = readonly { readonly name: string; readonly values: readonly string[] }[]
const flat = (named: Named): string[] => named.flatMap(({ name, values }) => values.flatMap((value) => [name, value]))

/** In place of all of the request's, where the template gives any. */
const headersOf = ({ headers, cookies, body }: MadeRequest): readonly string[] => {
  const lines = flat(headers ?? [])
  const pairs = Object.entries(cookies ?? {}).map(([name, value]) => `${name}=${value}`)
  if (pairs.length > 0) lines.push('cookie', pairs.join('; '))
  const isTyped = lines.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type')
  if (body?.contentType !== undefined && !isTyped) lines.push('content-type', body.contentType)
  return lines
}

/** Whom the template names: by `socketAddress`, or by a Host header of its own over TLS; undefined leaves it to the forwarder. */
const addressOf = ({ socketAddress, secure, headers }: MadeRequest): ForwardTo | undefined => {
  if (socketAddress || !secure) return socketAddress
  const host = parseAuthority(headers?.find(({ name }) => name.toLowerCase() === 'host')?.values[0])
  return host && { address: host.address, port: host.port ?? PORTS.HTTPS, isSecure: true }
}

/** What the template leaves out is the request's own; the client's Host stays where the template names none. */
const planOf = (made: MadeRequest, asked: AskedRequest): ForwardPlan => {
  const { queryStringParameters: query, headers, cookies, body } = made
  const lines = headersOf(made)
  const old = asked.headers.filter((name, at) => at % 2 === 0 && name.toLowerCase() !== 'host')
  const oldNames = parseQuery(asked.query).filter((_, at) => at % 2 === 0)
  return {
    to: addressOf(made),
    request: {
      ...(made.method === undefined ? {} : { method: made.method }),
      ...(made.path === undefined ? {} : { path: made.path }),
      ...(query ? { query: [{ remove: oldNames }, { add: flat(query) }] } : {}),
      ...(headers || cookies ? { headers: [{ remove: old }, hostOf(lines), { add: lines.filter(isNoHost) }] } : {}),
      ...(body ? { body: body.bytes } : {}),
    },
  }
}

const isNoHost = (_: string, at: number, lines: readonly string[]): boolean =>
  lines[at - (at % 2)]?.toLowerCase() !== 'host'

const hostOf = (lines: readonly string[]): PairsChange => ({ set: lines.filter((...line) => !isNoHost(...line)) })

export const ForwardTemplate = Template.transform(({ render, delayMs }): Forward => {
  return remembered((path) => {
    const make = making(render, MadeRequestDocument, path)
    const planned = (made: Made<MadeRequest>, asked: AskedRequest): Made<ForwardPlan> =>
      'made' in made ? { made: planOf(made.made, asked) } : made
    return {
      kind: 'forward',
      to: undefined,
      delayMs,
      make: (asked) => {
        const made = make(asked)
        return made instanceof Promise ? made.then((later) => planned(later, asked)) : planned(made, asked)
      },
    }
  })
})

/** The segments that the path of an expectation names, if it names any. */
export function pathNames(given: unknown): PathTemplate | undefined {
  const request = isRecord(given) ? given['httpRequest'] : undefined
  const path = isRecord(request) ? request['path'] : undefined
  return typeof path === 'string' ? pathTemplate(path) : undefined
}

/** The action with the values of those segments as `request.pathParameters`, if it is a template. */
export function withPathNames(action: Action, path: PathTemplate): Action {
  return makers.get(action)?.(path) ?? action
}
