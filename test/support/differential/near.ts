/** Requests out of a small world of words, so that expectations about it are often met and often just missed. */
import type { Draw } from './draw.ts'
import { call, type Step } from './exchange.ts'

type Pair = readonly [name: string, value: string]

export interface Sent {
  readonly method: string
  readonly path: string
  readonly query: readonly Pair[]
  readonly headers: readonly Pair[]
  readonly cookies: readonly Pair[]
  readonly body?: Step['body']
  readonly contentType?: string
}

export const plainRequest: Sent = { method: 'GET', path: '/a', query: [], headers: [], cookies: [] }

const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+')

export const stepOf = ({ method, path, query, headers, cookies, body, contentType }: Sent): Step => ({
  method,
  target:
    query.length === 0
      ? path
      : `${path}?${query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&')}`,
  headers: [
    ...headers,
    ...(cookies.length === 0
      ? []
      : [['cookie', cookies.map(([name, value]) => `${name}=${value}`).join('; ')] as const]),
    ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
  ],
  ...(body === undefined ? {} : { body }),
})

/** An expectation for requests, answered by something that tells it from others. */
export const expectation = (
  httpRequest: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  id: 'e0',
  httpRequest,
  httpResponse: { body: 'matched' },
  ...more,
})

/** One expectation and the requests to try it with. */
export const tried = (httpRequest: unknown, requests: readonly Sent[], id = 'e0'): Step[] => [
  call('expectation', expectation(httpRequest, { id })),
  ...requests.map(stepOf),
]

/** Each part is drawn anew, one at a time, and so what was sent differs in one part at most. */
export const variations = (from: Draw, base: Sent, parts: readonly ((from: Draw) => Partial<Sent>)[]): Sent[] => [
  base,
  ...parts.map((part) => ({ ...base, ...part(from) })),
]
