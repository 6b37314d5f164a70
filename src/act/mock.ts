/** Carries out what an expectation answers with: one file for each kind of action. */
import type { AskClient, MockAction, SentRequest } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { fail } from './fail.ts'
import type { Done } from './finish.ts'
import { type Asker, type OnFailed, withMade } from './making.ts'
import { respond } from './respond.ts'
import { respondByCallback } from './respond-by-callback.ts'
import { speakWebSocket, type WebSocketPorts } from './speak-websocket.ts'
import { streamEvents } from './stream-events.ts'

/** Where failures of what expectations make are told. */
interface Log {
  warn(facts: object, message: string): void
}

export const createFailureLog =
  (log: Log): OnFailed =>
  (expectationId) =>
    log.warn({ component: 'act', expectationId }, 'template failed')

export interface MockPorts extends WebSocketPorts {
  /** Not there where no client can connect. */
  readonly askForResponse: AskClient | undefined
  /** Told when an answer cannot be made. */
  readonly onFailed: OnFailed
}

export type Mock = (exchange: HttpExchange, action: MockAction, asker: Asker, done: Done) => void

const sentBy = ({ request }: HttpExchange, { flow, body = 'unavailable' }: Asker): SentRequest => {
  return { head: request.head, body, client: flow.client, local: flow.local }
}

export const createMock =
  (ports: MockPorts): Mock =>
  (exchange, action, asker, done) => {
    switch (action.kind) {
      case 'respond':
        return respond(exchange, action.response, done)
      case 'respond_by_template':
        return after(exchange, action.delayMs, done, () =>
          withMade(exchange, action.make, asker, ports.onFailed, done, (made) => respond(exchange, made, done)),
        )
      case 'respond_by_callback':
        return respondByCallback(exchange, action, sentBy(exchange, asker), ports.askForResponse, done)
      case 'stream_events':
        return streamEvents(exchange, action, done)
      case 'speak_websocket':
        return speakWebSocket(exchange, action, ports, done)
      case 'fail':
        return fail(exchange, action, done)
    }
  }
