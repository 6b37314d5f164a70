/** Has something made of a whole request, waits for it, and says so when it fails. */
import { randomBytes } from 'node:crypto'
import type { AskedRequest, Made, Make } from '../action.ts'
import type { Endpoint, Flow } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { type Done, nowMs, outcomeOf } from './finish.ts'
import { refuseTemplate } from './refuse.ts'

/** Whose request it is, and its body, as far as it was kept. */
export interface Asker {
  readonly flow: Flow
  readonly body: Buffer | 'unavailable' | undefined
  readonly expectationId?: string | undefined
}

/** Told when what an expectation makes fails; the reason, which may quote the request, is for the client only. */
export type OnFailed = (expectationId: string | undefined) => void

const printed = ({ address, port }: Endpoint): string => `${address.includes(':') ? `[${address}]` : address}:${port}`

const askedOf = ({ request, keepAlive }: HttpExchange, flow: Flow, body: Buffer): AskedRequest => {
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
 * Calls `then` with what was made. What fails is answered here: 500. A client that goes meanwhile ends the exchange, and
 * what is then made is of no use to anybody.
 */
export const withMade = <T>(
  exchange: HttpExchange,
  make: Make<T>,
  { flow, body = NO_BODY, expectationId }: Asker,
  onFailed: OnFailed,
  done: Done,
  then: (made: T) => void,
): void => {
  const settle = (made: Made<T>): void => {
    if ('made' in made) return then(made.made)
    onFailed(expectationId)
    refuseTemplate(exchange, made.problem, done)
  }
  if (body === 'unavailable') return settle({ problem: TOO_LARGE })
  const made = make(askedOf(exchange, flow, body))
  if (!(made instanceof Promise)) return settle(made)
  let isGone = false
  exchange.onGone = (fault, status) => {
    isGone = true
    done(outcomeOf(exchange, status, 0, fault))
  }
  const settleLater = (value: Made<T>): void => {
    if (isGone) return
    exchange.onGone = undefined
    settle(value)
  }
  made.then(settleLater, (error: unknown) => settleLater({ problem: String(error) }))
}
