/** `understudy serve` with its control API on a free port, and plain requests to it. Everything ends with its test. */
import { once } from 'node:events'
import { Agent, createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { z } from 'zod'
import { Config } from '../../src/config/schema.ts'
import { type Serving, startServing } from '../../src/serve.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: unknown
}

export interface ControlLab {
  readonly serving: Serving
  readonly port: number
  /** One request; `path` may be a whole URL, as to a proxy. */
  ask(path: string, asked?: Asked): Promise<Answer>
  /** PUT under the prefix. */
  put(path: string, body?: unknown): Promise<Answer>
  /** PUT that gives back the JSON of the answer. */
  putJson(path: string, body?: unknown): Promise<unknown>
}

const bytesOf = (body: unknown): Buffer | undefined => {
  if (body === undefined) return undefined
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

export const startControl = async (context: TestContext, config: z.input<typeof Config> = {}): Promise<ControlLab> => {
  const serving = await startServing({
    config: Config.parse({ adminEnabled: false, logLevel: 'silent', ...config }),
    warnings: [],
    expectations: [],
    host: '127.0.0.1',
    port: 0,
  })
  const agent = new Agent({ keepAlive: true })
  context.after(async () => {
    agent.destroy()
    await serving.close()
  })
  const { port } = serving
  const ask: ControlLab['ask'] = async (path, { method = 'GET', headers = {}, body } = {}) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent })
    sent.end(bytesOf(body))
    const [response] = await once(sent, 'response')
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += chunk
    return { status: response.statusCode, headers: response.headers, body: text }
  }
  const put: ControlLab['put'] = (path, body) => ask(`/mockserver/${path}`, { method: 'PUT', body })
  return { serving, port, ask, put, putJson: async (path, body) => JSON.parse((await put(path, body)).body) }
}

/** A server that answers every request with `body`; its URL. */
export const startUpstream = async (context: TestContext, body: string | Buffer): Promise<string> => {
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.writeHead(200, { 'x-from': 'upstream' }).end(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
