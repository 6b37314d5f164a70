/** One request in the event log, whether or not anything matched it. */
import { randomUUID } from 'node:crypto'
import type { Closest, Endpoint, Flow, RequestHead } from '../flow.ts'
import { type HeadPacker, type PackedHead, unpackHead } from './head-packer.ts'
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

/** A class: there are many, and what is seldom asked for is only made then. */
export class LoggedExchange implements About {
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
  /** When it was answered completely; undefined before, and where that never happened. */
  answeredAtMs: number | undefined = undefined
  costBytes: number | undefined = undefined
  #head: PackedHead
  #id: string | undefined = undefined

  constructor(about: About, packer: HeadPacker) {
    this.body = about.body
    this.client = about.client
    this.local = about.local
    this.receivedAtMs = about.receivedAtMs
    this.decision = about.decision
    this.expectationId = about.expectationId
    this.flow = about.flow
    this.destination = about.destination
    this.closest = about.closest
    this.#head = packer.pack(about.head)
  }

  /** Made anew each time. */
  get head(): RequestHead {
    return unpackHead(this.#head)
  }
  get headBytes(): number {
    return this.#head.end - this.#head.at
  }
  get correlationId(): string {
    this.#id ??= randomUUID()
    return this.#id
  }

  /** Moves to another block, so that its old one can be freed. */
  move(packer: HeadPacker): void {
    this.#head = packer.pack(this.head)
  }
}
