/**
 * The npm client of MockServer with callbacks, in a process of its own: it goes on connecting for seconds after its server, and
 * wants a file of certificates in its folder. Arguments: port, kind.
 */
import process from 'node:process'
import { mockServerClient } from 'mockserver-client'

const [port, kind, upstream] = process.argv.slice(2)
const client = mockServerClient('127.0.0.1', Number(port))

type Request = { readonly method?: string; readonly path?: string; readonly body?: unknown }
const respond = ({ method, path, body }: Request) => ({
  statusCode: 201,
  headers: [{ name: 'x-by', values: ['callback'] }],
  body: JSON.stringify({ method, path, body }),
})

const forward = (request: Request & { readonly headers?: object }) => ({
  ...request,
  path: '/changed',
  headers: { ...request.headers, host: [upstream] },
})
const rewrite = (_: Request, response: Request) => ({ ...response, body: `${response.body} and changed` })

const matcher = { path: '/callback.*' }
const KINDS: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  respond: () => client.mockWithCallback(matcher, respond as never, { unlimited: true } as never),
  fluent: () => client.when(matcher).callback(respond as never),
  forward: () => client.mockWithForwardCallback(matcher, forward as never),
  rewrite: () => client.mockWithForwardAndResponseCallback(matcher, forward as never, rewrite as never),
}
const made = KINDS[kind ?? '']?.() ?? Promise.reject(new Error(`no kind ${kind}`))
made.then(
  () => process.send?.('ready'),
  (reason: unknown) => process.send?.(`failed: ${String(reason)}`),
)
