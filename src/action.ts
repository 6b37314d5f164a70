/**
 * What an expectation does with a request it matches. Types only: `config/actions/` reads them out of documents, `decide`
 * chooses one, `act/` carries it out, one file for each kind.
 */

/** What a delay is drawn from, anew each time. `sigma` is the deviation of the logarithm. */
export type Distribution =
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'gaussian'; readonly meanMs: number; readonly deviationMs: number }
  | { readonly kind: 'log_normal'; readonly medianMs: number; readonly sigma: number }

/** Milliseconds, at most 24 days (a timer holds no more), or what they are drawn from. */
export type Delay = number | Distribution

/** A response that an expectation describes, ready to be written. */
export interface MockResponse {
  readonly statusCode: number
  readonly reasonPhrase?: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly delayMs: Delay
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
  readonly delayMs: Delay
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
