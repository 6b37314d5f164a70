/** Answers as a broken server would. */
import type { Fail } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'

/** Sends the bytes, if there are any, and ends the connection, if that is asked for. */
export const fail = (exchange: HttpExchange, { bytes, dropsConnection, delayMs }: Fail, done: Done): void =>
  after(exchange, delayMs, done, () => {
    const outcome = outcomeOf(exchange, undefined, bytes.length)
    if (!dropsConnection) exchange.sendWhole(bytes, bytes.length)
    else exchange.takeOver().socket.end(bytes)
    done(outcome)
  })
