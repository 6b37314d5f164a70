/**
 * The npm client of MockServer with callbacks, in a process of its own: it goes on connecting for seconds after its server, and
 * wants a file of certificates in its folder. Arguments: port, kind.
 */
import process from 'node:process'
import { mockServerClient } from 'mockserver-client'

const [port, kind] = process.argv.slice(2)
const client = mockServerClient('127.0.0.1', Number(port))

type Request = { readonly method?: string; readonly path?: string; readonly body?: unknown }
const respond = ({ method, path, body }: Request) => ({
  statusCode: 201,
  headers: [{ name: 'x-by', values: ['callback'] }],
  body: JSON.stringify({ method, path, body }),
})

const made =
  kind === 'respond'
    ? client.mockWithCallback({ path: '/callback.*' }, respond as never, { unlimited: true } as never)
    : client.when({ path: '/callback.*' }).callback(respond as never)
made.then(
  () => process.send?.('ready'),
  (reason: unknown) => process.send?.(`failed: ${String(reason)}`),
)
