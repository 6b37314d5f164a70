/** Sends a request on as an expectation says: to whom, when, with what changed on the way there and back. */
import { isIP } from 'node:net'
import type { AskForPlan, Fallback, Forward as ForwardAction, ForwardPlan, ForwardTo, Respond } from '../action.ts'
import type { Endpoint, Flow, Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { parseAuthority } from '../resolve/authority.ts'
import { namedEndpoint } from '../resolve/named-endpoint.ts'
import { ChangedExchange } from './changed-exchange.ts'
import { changedRequest, hostSetBy, needsWhole } from './changed-request.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'
import type { Forward } from './forward.ts'
import type { HoldingLimits } from './held-body.ts'
import { refuse } from './refuse.ts'
import { respond } from './respond.ts'
import { NO_CLIENTS } from './respond-by-callback.ts'
import type { FindRoute } from './route.ts'
import { type ForwardTarget, hostHeader } from './upstream-request.ts'

type Target = { -readonly [K in keyof ForwardTarget]: ForwardTarget[K] }

/** Whose request it is, and where it was going, if anybody knows. */
export interface Going {
  readonly flow: Flow
  readonly destination: Endpoint | undefined
}

/** A plan, or an answer in its place; now, or when it has been worked out. Must not reject. */
export type Planned = ForwardPlan | Respond | Promise<ForwardPlan | Respond>

/**
 * Carries out a plan. Where it names nobody to send to, that is whom its own Host header names, or else where the request was
 * going; with none of them it is refused with 502.
 */
export type ForwardChanged = (
  exchange: HttpExchange,
  plan: Planned,
  going: Going,
  done: Done,
  fallback?: Fallback,
) => void

/** Carries out an expectation's action: the same, after its delay. */
export type ForwardPlanned = (exchange: HttpExchange, action: ForwardAction, going: Going, done: Done) => void

/** The outcome with where it went, if that is not what was decided. */
export const dialledAt = (decided: Endpoint | undefined, dialled: Endpoint, done: (outcome: Outcome) => void): Done =>
  decided === dialled ? done : (outcome) => done({ ...outcome, dialled })

/** Waits for what is worked out elsewhere; a client that goes meanwhile is told of, and what comes then is dropped. */
const whenKnown = <T>(exchange: HttpExchange, known: Promise<T>, done: Done, then: (value: T) => void): void => {
  let isGone = false
  exchange.onGone = (fault, status) => {
    isGone = true
    done(outcomeOf(exchange, status, 0, fault))
  }
  const go = (value: T): void => {
    if (isGone) return
    exchange.onGone = undefined
    then(value)
  }
  known.then(go).catch((error: unknown) => {
    if (!isGone) refuse(exchange, 500, 'change_failed', done, [], String(error))
  })
}

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

export const createForwardChanged = (forward: Forward, route: FindRoute, limits: HoldingLimits): ForwardChanged => {
  const forwardChanged: ForwardChanged = (exchange, plan, going, done, fallback) => {
    if (plan instanceof Promise) {
      return whenKnown(exchange, plan, done, (known) => forwardChanged(exchange, known, going, done, fallback))
    }
    if (isAnswer(plan)) return respond(exchange, plan.response, done)
    const target = targetOf(plan, going, route)
    if (!target) return refuse(exchange, 502, 'no_destination', done)
    send(forward, limits, exchange, plan, target, dialledAt(going.destination, target.destination, done), fallback)
  }
  return forwardChanged
}

interface PlanPorts {
  readonly bodyBytes: number
  readonly askForPlan: AskForPlan | undefined
}

const planOf = (action: ForwardAction, exchange: HttpExchange, { flow }: Going, ports: PlanPorts): Planned => {
  const { make } = action
  if (!make) return action
  const { head } = exchange.request
  const body = exchange.takeBody(ports.bodyBytes) ?? 'unavailable'
  if (typeof make === 'function') return make({ head, body })
  const { client, local } = flow
  return ports.askForPlan?.(make, { head, body, client, local }) ?? NO_CLIENTS
}

/** `bodyBytes`: most bytes of a body that a plan is made of. `askForPlan` is not there where no client can connect. */
export const createForwardPlanned =
  (forwardChanged: ForwardChanged, bodyBytes: number, askForPlan?: AskForPlan): ForwardPlanned =>
  (exchange, action, going, done) =>
    after(exchange, action.delayMs, done, () =>
      forwardChanged(
        exchange,
        planOf(action, exchange, going, { bodyBytes, askForPlan }),
        going,
        done,
        action.fallback,
      ),
    )
