/** Sends on what a template made of the request. */
import type { Forward, MadeRequest } from '../action.ts'
import type { Endpoint } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { headerValue } from '../http1/response.ts'
import { parseAuthority } from '../resolve/authority.ts'
import type { Done } from './finish.ts'
import type { Forward as SendOn } from './forward.ts'
import { madeExchange } from './made-exchange.ts'
import { refuseTemplate } from './refuse.ts'
import type { FindRoute } from './route.ts'
import { createTemplateAsking, type TemplateAsker, withTemplate } from './template.ts'
import { hostHeader } from './upstream-request.ts'

/** Whom the template names: by `socketAddress`, by a Host header of its own, or nobody; then it goes where it was going. */
const named = ({ to, headers = [] }: MadeRequest): Endpoint | undefined => {
  if (to) return to
  const host = parseAuthority(headerValue(headers, 'host'))
  return host && { address: host.address, port: host.port ?? 80 }
}

export type ForwardByTemplate = (
  exchange: HttpExchange,
  decision: { readonly destination: Endpoint; readonly action?: Forward },
  asker: TemplateAsker,
  done: Done,
) => void

/** The destination of the decision is where the request was going; its port is 0 where nobody knows. */
const createForwardByTemplate =
  (forward: SendOn, route: FindRoute): ForwardByTemplate =>
  (exchange, { destination, action }, asker, done) => {
    if (!action?.template) throw new Error('only what has a template is made by one')
    withTemplate(exchange, action.template, asker, done, (made) => {
      const to = named(made) ?? (destination.port === 0 ? undefined : destination)
      if (!to) {
        const problem = 'it has to say where to: give socketAddress or a Host header'
        asker.onFailed()
        return refuseTemplate(exchange, problem, done)
      }
      const body = Buffer.isBuffer(asker.body) ? asker.body : Buffer.alloc(0)
      const host = headerValue(made.headers ?? [], 'host') ?? hostHeader(to)
      const way = route(asker.flow, to, true)
      const target = { ...way, verbatim: false, host }
      forward(madeExchange(exchange, made, body), target, (outcome) => done({ ...outcome, dialled: way.destination }))
    })
  }

/** What templates need of the data plane: how a made request is sent on, and whom a failure is told to. */
export const createTemplating = (
  forward: SendOn,
  route: FindRoute,
  log: Parameters<typeof createTemplateAsking>[0],
) => ({
  byTemplate: createForwardByTemplate(forward, route),
  asking: createTemplateAsking(log),
})
