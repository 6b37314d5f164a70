/** An exchange whose request is another one than the client's: what a template made of it. */
import type { MadeRequest } from '../action.ts'
import type { RequestHead } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'

const headOf = (head: RequestHead, { method, path, query, headers }: MadeRequest): RequestHead => {
  const to = { path: path ?? head.path, query: query ?? head.query }
  return {
    ...head,
    ...to,
    method: method ?? head.method,
    target: to.query === '' ? to.path : `${to.path}?${to.query}`,
    headers: headers ?? head.headers,
  }
}

type Replaced = Pick<HttpExchange, 'request' | 'takeBody' | 'collectBody' | 'peekBody' | 'readBody' | 'resumeBody'>

/** All of the request, and ways to its body, which is there at once. */
const requestOf = ({ request }: HttpExchange, made: MadeRequest, body: Buffer): Replaced => ({
  // What was asked for beside the request itself, an upgrade above all, was asked of another request.
  request: {
    head: headOf(request.head, made),
    framing: body.length === 0 ? { kind: 'none' } : { kind: 'length', bytes: body.length },
    keepAlive: request.keepAlive,
    expectContinue: false,
    length: request.length,
  },
  takeBody: () => body,
  collectBody: (_limit, done) => done(body),
  peekBody: (limit) => body.subarray(0, limit),
  readBody: (sink) => {
    if (body.length > 0) sink.data(body)
    sink.end([])
  },
  resumeBody: () => undefined,
})

/** `body` is the client's; everything but the request is the client's exchange. */
export const madeExchange = (inner: HttpExchange, made: MadeRequest, body: Buffer): HttpExchange => {
  const replaced: Readonly<Record<PropertyKey, unknown>> = { ...requestOf(inner, made, made.body ?? body) }
  return new Proxy(inner, {
    get: (exchange, name) => {
      if (Object.hasOwn(replaced, name)) return replaced[name]
      const value: unknown = Reflect.get(exchange, name, exchange)
      return typeof value === 'function' ? value.bind(exchange) : value
    },
    set: (exchange, name, value) => Reflect.set(exchange, name, value, exchange),
  })
}
