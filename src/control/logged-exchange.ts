/** One request in the event log, whether or not anything matched it. */
import type { Closest, Endpoint, Flow, RequestHead } from '../flow.ts'
import { correlationIdOf } from './correlation-id.ts'
import type { KeptBytes } from './kept-bytes.ts'

/** How an exchange was answered. `whole`: the bytes of the response, head included; else as it was streamed. */
export type LoggedResponse =
  | { readonly kind: 'whole'; readonly bytes: Buffer; readonly isCut: boolean }
  | {
      readonly kind: 'streamed'
      readonly statusCode: number
      readonly reason: string | undefined
      readonly headers: readonly string[]
      readonly body: KeptBytes
    }

/** What is known when it is begun. */
export interface About {
  readonly head: RequestHead
  readonly body: KeptBytes
  readonly client: Endpoint
  readonly local: Endpoint
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number
  readonly decision: 'mock' | 'forward' | 'refuse' | 'relay'
  readonly expectationId: string | undefined
  /** Whose request it was, and where to: what scopes go by. Of a connection, so all its requests share one. */
  readonly flow?: Flow | undefined
  readonly destination?: Endpoint | undefined
  /** Where nothing matched: the expectation that came closest then. */
  readonly closest?: Closest | undefined
}

export interface LoggedExchange extends About {
  /** Its number among all there ever were: the same however often it is read. */
  readonly number: number
  readonly response: LoggedResponse | undefined
  /** When it was answered completely; undefined before, and where that never happened. */
  readonly answeredAtMs: number | undefined
  readonly correlationId: string
}

/** One that may still change. A class: there is one per request, and what is seldom asked for is only made then. */
export class OpenExchange implements LoggedExchange {
  readonly head: RequestHead
  readonly body: KeptBytes
  readonly client: Endpoint
  readonly local: Endpoint
  readonly receivedAtMs: number
  readonly decision: About['decision']
  readonly expectationId: string | undefined
  readonly flow: Flow | undefined
  readonly destination: Endpoint | undefined
  readonly closest: Closest | undefined
  response: LoggedResponse | undefined = undefined
  answeredAtMs: number | undefined = undefined
  readonly number: number
  /** Where the log has it; undefined where it has it no more. */
  slot: number | undefined
  costBytes: number
  /** What its answer is known by, where that is one of many requests. */
  answerHandle: number | undefined = undefined

  /** Without the rest it is one that no log has. */
  constructor(about: About, number = 0, slot: number | undefined = undefined, costBytes = 0) {
    this.head = about.head
    this.body = about.body
    this.client = about.client
    this.local = about.local
    this.receivedAtMs = about.receivedAtMs
    this.decision = about.decision
    this.expectationId = about.expectationId
    this.flow = about.flow
    this.destination = about.destination
    this.closest = about.closest
    this.number = number
    this.slot = slot
    this.costBytes = costBytes
  }

  get correlationId(): string {
    return correlationIdOf(this.number)
  }
}
