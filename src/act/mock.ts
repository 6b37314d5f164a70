/** Carries out what an expectation answers with: one file for each kind of action. */
import type { AskClient, MockAction, SentRequest } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { fail } from './fail.ts'
import type { Done } from './finish.ts'
import { respond } from './respond.ts'
import { respondByCallback } from './respond-by-callback.ts'
import { speakWebSocket, type WebSocketPorts } from './speak-websocket.ts'
import { streamEvents } from './stream-events.ts'

export interface MockPorts extends WebSocketPorts {
  /** Not there where no client can connect. */
  readonly askForResponse: AskClient | undefined
}

/** `sent` is made for those who need all of the request. */
export type Mock = (exchange: HttpExchange, action: MockAction, sent: () => SentRequest, done: Done) => void

export const createMock =
  (ports: MockPorts): Mock =>
  (exchange, action, sent, done) => {
    switch (action.kind) {
      case 'respond':
        return respond(exchange, action.response, done)
      case 'fail':
        return fail(exchange, action, done)
      case 'respond_by_callback':
        return respondByCallback(exchange, action, sent(), ports.askForResponse, done)
      case 'stream_events':
        return streamEvents(exchange, action, done)
      case 'speak_websocket':
        return speakWebSocket(exchange, action, ports, done)
    }
  }
