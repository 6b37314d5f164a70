/** A plane that changes what it forwards, and the upstream that sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { httpUpstream, type PlaneLab, rawClient, startPlane } from './plane-lab.ts'

/** A request as the upstream has got it. */
export interface Seen {
  readonly line: string
  readonly headers: Record<string, unknown>
  readonly raw: readonly string[]
  readonly body: string
}

/** A small JSON answer with headers and cookies that come twice. */
export const plainAnswer = (_: IncomingMessage, answer: ServerResponse): void => {
  answer.writeHead(200, [
    ...['content-type', 'application/json', 'x-up', '1', 'x-up', '2'],
    ...['set-cookie', 'a=1; Path=/; HttpOnly', 'set-cookie', 'b=2', 'content-length', '7'],
  ])
  answer.end('{"a":1}')
}

/** Where a connection was going that must not get there. */
export const NOWHERE = { address: '127.0.0.1', port: 1 }

export interface Overriding {
  readonly lab: PlaneLab
  readonly port: number
  readonly seen: Seen[]
  /** The whole text of the answer to one request. */
  ask(text: string, end?: RegExp): Promise<string>
}

/** A plane whose only expectation overrides; its upstream is given as `socketAddress`, unless `override` has its own. */
export const overriding = async (
  t: TestContext,
  override: (port: number) => object,
  respond = plainAnswer,
  setup: object = { saved: NOWHERE },
): Promise<Overriding> => {
  const seen: Seen[] = []
  const upstream = await httpUpstream(t, (incoming, answer) => {
    let body = ''
    incoming.on('data', (chunk: Buffer) => {
      body += chunk
    })
    incoming.on('end', () => {
      const { method, url, headers, rawHeaders: raw } = incoming
      seen.push({ line: `${method} ${url}`, headers, raw, body })
      respond(incoming, answer)
    })
  })
  const { port } = upstream.endpoint
  const action = { httpOverrideForwardedRequest: override(port) }
  const lab = await startPlane(t, { ...setup, expectations: [{ httpRequest: {}, ...action }] })
  const client = await rawClient(t, lab.port)
  const ask = async (text: string, end = /^HTTP[\s\S]*\r\n\r\n[\s\S]*[}>]$/): Promise<string> => {
    client.send(text)
    return client.got(end)
  }
  return { lab, port, seen, ask }
}

/** A `socketAddress`. */
export const to = (port: number, scheme = 'HTTP') => ({ host: '127.0.0.1', port, scheme })
