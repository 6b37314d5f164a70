/** Sends a request on as an expectation says: to whom, when, with what changed on the way there and back. */
import { isIP } from 'node:net'
import type {
  AskForPlan,
  Fallback,
  Forward as ForwardAction,
  ForwardPlan,
  ForwardTo,
  MakePlan,
  Respond,
} from '../action.ts'
import type { Endpoint, Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { parseAuthority } from '../resolve/authority.ts'
import { namedEndpoint } from '../resolve/named-endpoint.ts'
import { ChangedExchange } from './changed-exchange.ts'
import { changedRequest, hostSetBy, needsWhole } from './changed-request.ts'
import { after } from './delay.ts'
import type { Done } from './finish.ts'
import type { Forward } from './forward.ts'
import type { HoldingLimits } from './held-body.ts'
import { type Asker, type OnFailed, withMade } from './making.ts'
import { refuse } from './refuse.ts'
import { respond } from './respond.ts'
import { NO_CLIENTS } from './respond-by-callback.ts'
import type { FindRoute } from './route.ts'
import { type ForwardTarget, hostHeader } from './upstream-request.ts'

type Target = { -readonly [K in keyof ForwardTarget]: ForwardTarget[K] }

/** Whose request it is, and where it was going, if anybody knows. */
export interface Going extends Asker {
  readonly destination: Endpoint | undefined
}

/**
 * Carries out a plan, or answers in its place. Where the plan names nobody to send to, that is whom its own Host header names,
 * or else where the request was going; with none of them it is refused with 502.
 */
export type ForwardChanged = (
  exchange: HttpExchange,
  plan: ForwardPlan | Respond,
  going: Going,
  done: Done,
  fallback?: Fallback,
) => void

/** Carries out an expectation's action: the same, after its delay, with a plan that may have to be made. */
export type ForwardPlanned = (exchange: HttpExchange, action: ForwardAction, going: Going, done: Done) => void

/** The outcome with where it went, if that is not what was decided. */
export const dialledAt = (decided: Endpoint | undefined, dialled: Endpoint, done: (outcome: Outcome) => void): Done =>
  decided === dialled ? done : (outcome) => done({ ...outcome, dialled })

/** The name that a certificate must have: an address may stand for any of the names that are served there. */
const provedName = (address: string, host: string | undefined): string => {
  const named = isIP(address) === 0 ? undefined : parseAuthority(host)
  return named?.address ?? address
}

/** Who is dialled, as whom, and what the request says of them; undefined where nobody is known. */
const targetOf = (plan: ForwardPlan, { flow, destination }: Going, route: FindRoute): Target | undefined => {
  const host = plan.request && hostSetBy(plan.request)
  const to: ForwardTo | undefined = plan.to ?? namedEndpoint(host, 80)
  const dialled = to ?? destination
  if (!dialled) return undefined
  const target: Target = { ...route(flow, dialled, to !== undefined), verbatim: false }
  if (to && host === undefined) target.host = hostHeader(to, to.isSecure)
  if (to?.isSecure) target.secureName = provedName(to.address, host)
  return target
}

/** Forwards with what of it is changed. */
const send = (
  forward: Forward,
  limits: HoldingLimits,
  exchange: HttpExchange,
  plan: ForwardPlan,
  target: ForwardTarget,
  done: Done,
  fallback: Fallback | undefined,
): void => {
  const { request: change = {}, response } = plan
  if (!plan.request && !response && !fallback) return forward(exchange, target, done)
  const request = changedRequest(exchange.request, change, needsWhole(plan))
  if (typeof request === 'string') return refuse(exchange, 500, 'change_failed', done, [], request)
  const body = change.body ?? (change.isWhole ? Buffer.alloc(0) : undefined)
  const changed = new ChangedExchange(exchange, { request, body, response, fallback }, limits, done)
  forward(changed, target, changed.finished)
}

const isAnswer = (plan: ForwardPlan | Respond): plan is Respond => 'kind' in plan && plan.kind === 'respond'

export const createForwardChanged =
  (forward: Forward, route: FindRoute, limits: HoldingLimits): ForwardChanged =>
  (exchange, plan, going, done, fallback) => {
    if (isAnswer(plan)) return respond(exchange, plan.response, done)
    const target = targetOf(plan, going, route)
    if (!target) return refuse(exchange, 502, 'no_destination', done)
    send(forward, limits, exchange, plan, target, dialledAt(going.destination, target.destination, done), fallback)
  }

/** Where the plan that a client of the control API makes comes from. */
export interface PlanPorts {
  /** Not there where no client can connect. */
  readonly askForPlan: AskForPlan | undefined
  readonly onFailed: OnFailed
}

export const createForwardPlanned =
  (forwardChanged: ForwardChanged, { askForPlan, onFailed }: PlanPorts): ForwardPlanned =>
  (exchange, action, going, done) =>
    after(exchange, action.delayMs, done, () => {
      const { make, fallback } = action
      const carryOut = (plan: ForwardPlan | Respond): void => forwardChanged(exchange, plan, going, done, fallback)
      if (!make) return carryOut(action)
      if (typeof make === 'function') return withMade(exchange, make, going, onFailed, done, carryOut)
      if (!askForPlan) return carryOut(NO_CLIENTS)
      const { body = 'unavailable', flow } = going
      const sent = { head: exchange.request.head, body, client: flow.client, local: flow.local }
      let stop = (): void => undefined
      const waits = (how: () => void): void => {
        stop = how
      }
      const ask: MakePlan = async () => ({ made: await askForPlan(make, sent, waits) })
      const ended: Done = (outcome) => {
        stop()
        done(outcome)
      }
      // Whoever is asked is shown the body, or told that it is too large.
      withMade(exchange, ask, { ...going, body: undefined }, onFailed, ended, carryOut)
    })
