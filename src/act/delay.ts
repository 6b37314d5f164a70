/** Waits that end when the client goes. */
import type { Delay } from '../action.ts'
import { drawDelayMs } from '../decide/draw-delay.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { type Done, outcomeOf } from './finish.ts'

/**
 * Calls `then` after the delay; a client that goes meanwhile ends the wait and the exchange, of which `status` had been sent
 * by then.
 */
export const after = (
  exchange: HttpExchange,
  delay: Delay,
  done: Done,
  then: () => void,
  status?: number,
  random: () => number = Math.random,
): void => {
  const delayMs = drawDelayMs(delay, random)
  if (delayMs === 0) return then()
  const timer = setTimeout(() => {
    exchange.onGone = undefined
    then()
  }, delayMs)
  exchange.onGone = (fault, told) => {
    clearTimeout(timer)
    done(outcomeOf(exchange, told ?? status, exchange.responseBytes, fault))
  }
}
