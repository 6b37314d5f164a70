/**
 * What an expectation does with a request it matches. Types only: `config/actions/` reads them out of documents, `decide`
 * chooses one, `act/` carries it out, one file for each kind.
 */
import type { RequestHead } from './flow.ts'

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

/** A whole request, for whoever makes an answer or another request of it, and what else they may know. */
export interface AskedRequest {
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

/** What was made, checked; or what is wrong with it, in one sentence. */
export type Made<T> = { readonly made: T } | { readonly problem: string }

/** Never throws and never rejects; a promise where somebody else does the work. */
export type Make<T> = (asked: AskedRequest) => Made<T> | Promise<Made<T>>

/** Answers with a response that a template makes of the request. */
export interface RespondByTemplate {
  readonly kind: 'respond_by_template'
  readonly make: Make<MockResponse>
  readonly delayMs: number
}

export interface ForwardTo {
  /** A host name or an IP address. */
  readonly address: string
  readonly port: number
  /** Over TLS. */
  readonly isSecure?: true
}

/**
 * How names with values are changed, each a flat list: name, value, name, value … One after the other in this order. Names are
 * compared without regard to case, but for those of cookies.
 */
export interface PairsChange {
  /** In place of all entries of the same name; added where there is none. */
  readonly set?: readonly string[]
  /** In place of all entries of the same name; nothing where there is none. */
  readonly replace?: readonly string[]
  readonly add?: readonly string[]
  /** Only where there is no entry of the same name. */
  readonly fill?: readonly string[]
  /** Names. */
  readonly remove?: readonly string[]
}

/** How a request is changed before it is sent on; what is left out stays as the client sent it. */
export interface RequestChange {
  /** Nothing of the client's request stays: what is left out is GET, `/`, no headers and no body. */
  readonly isWhole?: true
  readonly method?: string
  /** As it is to be sent, without the query. */
  readonly path?: string
  /** Applied to the path, the client's or the one above; undefined where that cannot be done within bounds. */
  readonly rewritePath?: (path: string) => string | undefined
  /** Not encoded. One after the other. */
  readonly query?: readonly PairsChange[]
  readonly headers?: readonly PairsChange[]
  readonly cookies?: readonly PairsChange[]
  /** In place of the client's, which is then not waited for; its length is worked out. */
  readonly body?: Buffer
}

/** The head of an answer. */
export interface AnswerHead {
  readonly statusCode: number
  readonly reasonPhrase?: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
}

export interface WholeAnswer extends AnswerHead {
  readonly body: Buffer
}

/** One change of an answer; what is left out stays as it was. */
export interface ResponseStep {
  /** Only then; asked of the answer as the steps before have left it. */
  readonly when?: (answer: AnswerHead, asked: RequestHead) => boolean
  readonly statusCode?: number
  readonly reasonPhrase?: string
  readonly headers?: PairsChange
  /** Of Set-Cookie; values may have attributes. One after the other. */
  readonly cookies?: readonly PairsChange[]
  /** In place of all of the above: one after the other, if `when` was so before the first. */
  readonly steps?: readonly ResponseStep[]
  /** Makes another body of the whole one, or undefined to leave it; not asked where the body is too large to be held. */
  readonly patch?: (body: Buffer) => Buffer | undefined
}

/**
 * How the answer of an upstream is changed. It streams through unless `rewrite` or the `patch` of a step needs all of it; a
 * `body` takes its place and does not wait for it.
 */
export interface ResponseChange {
  /** One after the other. */
  readonly steps?: readonly ResponseStep[]
  readonly body?: Buffer
  /** Answers with something else, made of the whole answer as it is after the steps. Must not reject. */
  readonly rewrite?: (answer: WholeAnswer) => MockResponse | Promise<MockResponse>
}

/** Where a request goes, and what is changed on the way there and back. */
export interface ForwardPlan {
  /** Undefined: to where it was going. */
  readonly to: ForwardTo | undefined
  readonly request?: RequestChange
  readonly response?: ResponseChange
}

/** Answers in place of the upstream. */
export interface Fallback {
  readonly response: MockResponse
  /** For answers with these statuses. */
  readonly onStatus: (statusCode: number) => boolean
  /** For upstreams that cannot be reached or do not answer. */
  readonly onFault: boolean
}

/** Works out what to do with one request: a plan, or an answer in its place. */
export type MakePlan = Make<ForwardPlan | Respond>

/** Sends the request on. */
export interface Forward extends ForwardPlan {
  readonly kind: 'forward'
  readonly delayMs: number
  readonly fallback?: Fallback
  /** Asked for each request; what it says goes before the plan that is given here. */
  readonly make?: MakePlan
}

/** Answered here; the rest is sent on. */
export type MockAction = Respond | RespondByTemplate | Fail
export type Action = MockAction | Forward
