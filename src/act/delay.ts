/** Waits that end when the client goes. */
import type { HttpExchange } from '../http1/exchange.ts'
import { type Done, outcomeOf } from './finish.ts'

/** Calls `then` after `delayMs`; a client that goes meanwhile ends the wait and the exchange. */
export const after = (exchange: HttpExchange, delayMs: number, done: Done, then: () => void): void => {
  if (delayMs === 0) return then()
  const timer = setTimeout(() => {
    exchange.onGone = undefined
    then()
  }, delayMs)
  exchange.onGone = (fault, status) => {
    clearTimeout(timer)
    done(outcomeOf(exchange, status, 0, fault))
  }
}
