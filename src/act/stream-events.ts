/** Answers with server-sent events, one chunk each. */
import type { StreamEvents } from '../action.ts'
import { drawDelayMs } from '../decide/draw-delay.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'

/** Waits until the client has taken what was sent; one that goes meanwhile ends the exchange. */
const whenTaken = (exchange: HttpExchange, status: number, done: Done, then: () => void): void => {
  exchange.onGone = (fault, told) => done(outcomeOf(exchange, told ?? status, exchange.responseBytes, fault))
  exchange.onDrain = () => {
    exchange.onGone = undefined
    exchange.onDrain = undefined
    then()
  }
}

const send = (exchange: HttpExchange, { events, statusCode }: StreamEvents, from: number, done: Done): void => {
  const rest = (at: number): void => {
    // A loop: thousands of events may follow one another without any wait.
    for (let next = at; next < events.length; next++) {
      const event = events[next]
      if (!event) break
      const delayMs = drawDelayMs(event.delayMs, Math.random)
      if (delayMs > 0)
        return after(exchange, delayMs, done, () => put(event.bytes, next + 1) && rest(next + 1), statusCode)
      if (!put(event.bytes, next + 1)) return
    }
    const outcome = outcomeOf(exchange, statusCode, exchange.responseBytes)
    exchange.end([])
    done(outcome)
  }
  /** Whether the next may follow at once. */
  const put = (bytes: Buffer, next: number): boolean => {
    if (exchange.write(bytes)) return true
    whenTaken(exchange, statusCode, done, () => rest(next))
    return false
  }
  rest(from)
}

/** Sends the events, each after its delay, and ends the answer after the last. */
export const streamEvents = (exchange: HttpExchange, action: StreamEvents, done: Done): void =>
  after(exchange, action.delayMs, done, () => {
    exchange.start(action.statusCode, undefined, action.headers, action.closes)
    send(exchange, action, exchange.request.head.method === 'HEAD' ? action.events.length : 0, done)
  })
