/** Sends a request on as an expectation says: to whom, how, and when. */
import type { Forward as ForwardAction, ForwardPlan } from '../action.ts'
import type { Endpoint, Flow, Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import type { Done } from './finish.ts'
import type { Forward } from './forward.ts'
import type { FindRoute } from './route.ts'
import { type ForwardTarget, hostHeader } from './upstream-request.ts'

type Target = { -readonly [K in keyof ForwardTarget]: ForwardTarget[K] }

/** Where the request was going, and whose it is. */
export interface Going {
  readonly flow: Flow
  readonly destination: Endpoint
}

export type ForwardPlanned = (exchange: HttpExchange, action: ForwardAction, going: Going, done: Done) => void

/** The outcome with where it went, if that is not what was decided. */
export const dialledAt = (decided: Endpoint, dialled: Endpoint, done: (outcome: Outcome) => void): Done =>
  decided === dialled ? done : (outcome) => done({ ...outcome, dialled })

/** Who is dialled, as whom, and what the request says of them. */
const targetOf = ({ to }: ForwardPlan, { flow, destination }: Going, route: FindRoute): Target => {
  const target: Target = { ...route(flow, destination, to !== undefined), verbatim: false }
  if (!to) return target
  target.host = hostHeader(to, to.isSecure)
  if (to.isSecure) target.secureName = to.address
  return target
}

export const createForwardPlanned =
  (forward: Forward, route: FindRoute): ForwardPlanned =>
  (exchange, action, going, done) =>
    after(exchange, action.delayMs, done, () => {
      const target = targetOf(action, going, route)
      forward(exchange, target, dialledAt(going.destination, target.destination, done))
    })
