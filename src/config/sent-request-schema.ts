/** A request as it would be sent: what somebody asks about, not what is matched. Written as retrieved requests are. */
import { z } from 'zod'
import type { SentRequest } from '../decide/matching/filter.ts'
import { CookieName, CookieValue, flat, singleValues } from './actions/changes.ts'
import { HeaderValue } from './header-schema.ts'
import { namedValues } from './named-values-schema.ts'
import { ResponseBody } from './response-body-schema.ts'

const Method = z.string().regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'a method is one word' })
const Path = z.string().regex(/^\/[\x21\x22\x24-\x7e]*$/, {
  error: 'a path begins with / and has neither spaces nor letters outside ASCII; encode them as %20 and so on',
})
/** Any: those of the transfer too, which retrieved requests have. */
const HeaderName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'a header name is letters, digits and hyphens' })
/** Half of a character cannot be encoded. */
const Text = z.string().refine((text) => text.isWellFormed(), { error: 'half of a surrogate pair' })

const shape = {
  method: Method.default('GET'),
  path: Path.default('/'),
  queryStringParameters: namedValues(Text, Text, 1).optional(),
  headers: namedValues(HeaderName, HeaderValue, 1).optional(),
  cookies: singleValues(CookieName, CookieValue).optional(),
  body: ResponseBody.optional(),
  keepAlive: z.boolean().optional(),
  secure: z.boolean().optional(),
  /** What retrieved requests have, too. */
  protocol: z.string().optional(),
  localAddress: z.string().optional(),
  remoteAddress: z.string().optional(),
}
type Read = z.output<z.ZodObject<typeof shape>>

const pairsOf = (list: readonly string[]): (readonly [string, string])[] =>
  Array.from({ length: list.length / 2 }, (_, at) => [list[at * 2] ?? '', list[at * 2 + 1] ?? ''])

const queryOf = ({ queryStringParameters }: Read): string =>
  pairsOf(flat(queryStringParameters ?? []))
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&')

const headersOf = ({ headers = [], cookies = [], body, keepAlive }: Read): string[] => {
  const has = (name: string): boolean => headers.some((one) => one.name.toLowerCase() === name)
  const cookie = pairsOf(cookies).map((pair) => pair.join('='))
  return [
    ...flat(headers),
    ...(body?.contentType === undefined || has('content-type') ? [] : ['content-type', body.contentType]),
    ...(cookie.length === 0 || has('cookie') ? [] : ['cookie', cookie.join('; ')]),
    ...(keepAlive === false && !has('connection') ? ['connection', 'close'] : []),
  ]
}

export const SentRequestDocument = z.strictObject(shape).transform((read): SentRequest => {
  const { method, secure, body } = read
  const [path = '/', ...behind] = read.path.split('?')
  const query = [behind.join('?'), queryOf(read)].filter((part) => part !== '').join('&')
  const headers = headersOf(read)
  const host = headers[headers.findIndex((text, at) => at % 2 === 0 && text.toLowerCase() === 'host') + 1]
  const hasHost = headers.some((text, at) => at % 2 === 0 && text.toLowerCase() === 'host')
  const target = query === '' ? path : `${path}?${query}`
  const head = { method, target, path, query, httpVersion: '1.1' as const, headers }
  return {
    head: {
      ...head,
      ...(secure ? { isSecure: true as const } : {}),
      ...(hasHost && host !== undefined ? { host } : {}),
    },
    body: body?.bytes ?? Buffer.alloc(0),
  }
})
