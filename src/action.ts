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

/** The request that a template is about, and what else it may know. */
export interface TemplateInput {
  readonly method: string
  /** Without the query, as sent. */
  readonly path: string
  /** Not decoded, without `?`. */
  readonly query: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly isSecure: boolean
  readonly keepsAlive: boolean
  /** Address and port. */
  readonly localAddress: string
  readonly remoteAddress: string
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  readonly randomBytes: (count: number) => Buffer
}

/** What a template made, checked; or what is wrong with it, in one sentence. */
export type Made<T> = { readonly made: T } | { readonly problem: string }

/** Never throws and never rejects; a promise where another thread does the work. */
export type Make<T> = (input: TemplateInput) => Made<T> | Promise<Made<T>>

/** Answers with a response that a template makes of the request. */
export interface RespondByTemplate {
  readonly kind: 'respond_by_template'
  readonly make: Make<MockResponse>
  readonly delayMs: number
}

/** What is to be sent in place of the request; what is missing is the request's own. */
export interface MadeRequest {
  readonly method?: string
  readonly path?: string
  /** Encoded, without `?`. */
  readonly query?: string
  /** In place of all of the request's. */
  readonly headers?: readonly string[]
  readonly body?: Buffer
  readonly to?: ForwardTo
}

/** Sends the request on. */
export interface Forward {
  readonly kind: 'forward'
  /** Undefined: to where it was going. */
  readonly to: ForwardTo | undefined
  /** Makes what is sent, and may name whom to. */
  readonly template?: { readonly make: Make<MadeRequest>; readonly delayMs: number }
}

export interface ForwardTo {
  /** A host name or an IP address. */
  readonly address: string
  readonly port: number
}

/** Answered here; the rest is sent on. */
export type MockAction = Respond | RespondByTemplate | Fail
export type Action = MockAction | Forward
