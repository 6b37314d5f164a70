/** Answers with what a callback client says. */
import type { AskClient, Respond, RespondByCallback, SentRequest } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { type Done, outcomeOf } from './finish.ts'
import { respond } from './respond.ts'

/** Where nobody can be asked. */
export const NO_CLIENTS: Respond = {
  kind: 'respond',
  response: {
    statusCode: 404,
    headers: ['content-type', 'text/plain; charset=utf-8', 'x-understudy-reason', 'callback_absent'],
    body: Buffer.from('understudy: there is no control API here that callback clients could connect to'),
    delayMs: 0,
  },
}

/** Asks, after the delay, and answers, after that of the response. Whoever asked and goes is waited for no longer. */
export const respondByCallback = (
  exchange: HttpExchange,
  { clientId, delayMs }: RespondByCallback,
  sent: SentRequest,
  ask: AskClient | undefined,
  done: Done,
): void =>
  after(exchange, delayMs, done, () => {
    if (!ask) return respond(exchange, NO_CLIENTS.response, done)
    let stop = (): void => undefined
    exchange.onGone = (fault, status) => {
      stop()
      done(outcomeOf(exchange, status, 0, fault))
    }
    stop = ask(clientId, sent, (response) => {
      exchange.onGone = undefined
      respond(exchange, response, done)
    })
  })
