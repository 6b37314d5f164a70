/**
 * What an expectation does with a request it matches. Types only: `config/actions/` reads them out of documents, `decide`
 * chooses one, `act/` carries it out, one file for each kind.
 */

/** A response that an expectation describes, ready to be written. */
export interface MockResponse {
  readonly statusCode: number
  readonly reasonPhrase?: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly delayMs: number
}

/** Answers with a response that is known beforehand. */
export interface Respond {
  readonly kind: 'respond'
  readonly response: MockResponse
}

/** Answers with something that is no response: bytes as they are, the end of the connection, or both in turn. */
export interface Fail {
  readonly kind: 'fail'
  readonly bytes: Buffer
  readonly dropsConnection: boolean
  readonly delayMs: number
}

/** Sends the request on. */
export interface Forward {
  readonly kind: 'forward'
  /** Undefined: to where it was going. */
  readonly to: ForwardTo | undefined
}

export interface ForwardTo {
  /** A host name or an IP address. */
  readonly address: string
  readonly port: number
}

/** Answered here; the rest is sent on. */
export type MockAction = Respond | Fail
export type Action = MockAction | Forward
