/** Carries out templates: gives them the request, waits for what they make of it, and says so when they fail. */
import { randomBytes } from 'node:crypto'
import type { Made, Make, TemplateInput } from '../action.ts'
import type { Endpoint, Flow } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { type Done, nowMs, outcomeOf } from './finish.ts'
import { refuseTemplate } from './refuse.ts'

/** Whose request it is, and its body, as far as it was kept. */
export interface TemplateAsker {
  readonly flow: Flow
  readonly body: Buffer | 'unavailable' | undefined
  /** Told when a template fails. */
  readonly onFailed: () => void
}

/** What a template failing is told to. */
interface Log {
  warn(facts: object, message: string): void
}

/** Whose request it is for a template; what fails is a line of the log, without the reason, which may quote the request. */
export const createTemplateAsking =
  (log: Log) =>
  (asker: Omit<TemplateAsker, 'onFailed'>, { expectationId }: { readonly expectationId?: string }): TemplateAsker => ({
    ...asker,
    onFailed: () => log.warn({ component: 'act', expectationId }, 'template failed'),
  })

const printed = ({ address, port }: Endpoint): string => `${address.includes(':') ? `[${address}]` : address}:${port}`

const inputOf = ({ request, keepAlive }: HttpExchange, flow: Flow, body: Buffer): TemplateInput => {
  const { method, path, query, headers, isSecure = false } = request.head
  const [localAddress, remoteAddress] = [printed(flow.local), printed(flow.client)]
  return {
    ...{ method, path, query, headers, body, isSecure, localAddress, remoteAddress, randomBytes },
    keepsAlive: keepAlive,
    nowMs: Math.floor(nowMs()),
  }
}

const NO_BODY = Buffer.alloc(0)
const TOO_LARGE = 'the body of the request is larger than what is kept of one (bodyMatchBytes)'

/**
 * Renders after `delayMs`, and calls `then` with what was made. What fails is answered here: 500. A client that goes
 * meanwhile ends the exchange, and what the template then makes is of no use to anybody.
 */
export const withTemplate = <T>(
  exchange: HttpExchange,
  { make, delayMs }: { readonly make: Make<T>; readonly delayMs: number },
  { flow, body = NO_BODY, onFailed }: TemplateAsker,
  done: Done,
  then: (made: T) => void,
): void =>
  after(exchange, delayMs, done, () => {
    const settle = (made: Made<T>): void => {
      if ('made' in made) return then(made.made)
      onFailed()
      refuseTemplate(exchange, made.problem, done)
    }
    if (body === 'unavailable') return settle({ problem: TOO_LARGE })
    const made = make(inputOf(exchange, flow, body))
    if (!(made instanceof Promise)) return settle(made)
    let isGone = false
    exchange.onGone = (fault, status) => {
      isGone = true
      done(outcomeOf(exchange, status, 0, fault))
    }
    void made.then((value) => {
      if (isGone) return
      exchange.onGone = undefined
      settle(value)
    })
  })
