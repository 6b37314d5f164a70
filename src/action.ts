/**
 * What an expectation does with a request it matches. Types only: `config/actions/` reads them out of documents, `decide`
 * chooses one, `act/` carries it out, one file for each kind.
 */
import type { Endpoint, RequestHead } from './flow.ts'

/** What a delay is drawn from, anew each time. `sigma` is the deviation of the logarithm. */
export type Distribution =
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'gaussian'; readonly meanMs: number; readonly deviationMs: number }
  | { readonly kind: 'log_normal'; readonly medianMs: number; readonly sigma: number }

/** Milliseconds, at most 24 days (a timer holds no more), or what they are drawn from. */
export type Delay = number | Distribution

/** How a response is sent, where that is not as usual, even if its framing is then wrong. */
export interface Transfer {
  /** Name, value, name, value … after the body, which is then sent in chunks. */
  readonly trailers: readonly string[]
  /** What Content-Length says, true or not; without it, the length of the body. Of no meaning where it is sent in chunks. */
  readonly contentLength?: number | 'none'
  /** What Connection says, true or not; without it, what becomes of the connection. */
  readonly connection?: 'keep-alive' | 'close' | 'none'
  /** The body is sent in chunks of that size, Infinity for one of them. */
  readonly chunkBytes?: number
  /** From one chunk to the next. */
  readonly chunkDelayMs: Delay
  /** Whether the connection stays open; without it, as the client asked. */
  readonly stays?: boolean
  /** From the last byte to the end of a connection that does not stay. */
  readonly closeDelayMs: Delay
}

/** A response that an expectation describes, ready to be written. */
export interface MockResponse {
  readonly statusCode: number
  readonly reasonPhrase?: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly delayMs: Delay
  readonly transfer?: Transfer
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
  readonly delayMs: Delay
}

/** Asks a client that is connected to the control API for the response. */
export interface RespondByCallback {
  readonly kind: 'respond_by_callback'
  readonly clientId: string
  readonly delayMs: Delay
}

/** Answers with server-sent events. */
export interface StreamEvents {
  readonly kind: 'stream_events'
  readonly statusCode: number
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly events: readonly StreamedEvent[]
  /** Whether the connection ends after the last event, whatever the client asked for. */
  readonly closes: boolean
  readonly delayMs: Delay
}

/** An event as it is sent, and the wait before it. */
export interface StreamedEvent {
  readonly bytes: Buffer
  readonly delayMs: Delay
}

/** Answers a handshake, and speaks WebSocket from then on. */
export interface SpeakWebSocket {
  readonly kind: 'speak_websocket'
  /** Chosen if the client offers it. */
  readonly subprotocol: string | undefined
  /** Sent first. */
  readonly messages: readonly WebSocketMessage[]
  /** The first that fits a frame answers it; with none of them, the connection ends after the messages unless it `stays`. */
  readonly rules: readonly WebSocketRule[]
  readonly stays: boolean
  readonly delayMs: Delay
}

/** Text, or bytes for a binary frame, and the wait before it. */
export interface WebSocketMessage {
  readonly data: string | Buffer
  readonly delayMs: Delay
}

export interface WebSocketRule {
  readonly frames: 'text' | 'binary' | 'ping' | 'pong' | 'any'
  /** Asked of text frames; others then do not fit. */
  readonly matches?: (text: string) => boolean
  readonly responses: readonly WebSocketMessage[]
}

/** A whole request, and who sent it where. */
export interface SentRequest {
  readonly head: RequestHead
  /** 'unavailable' where it is larger than the byte budget. */
  readonly body: Buffer | 'unavailable'
  readonly client: Endpoint
  readonly local: Endpoint
}

/** Asks the client of that id; calls back once, maybe at once. Returns how to wait no longer. */
export type AskClient = (clientId: string, sent: SentRequest, then: (response: MockResponse) => void) => () => void

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

/** A client that is connected to the control API works it out. */
export interface CallbackPlan {
  readonly clientId: string
  /** Whether it is shown the answer too, and answers in its place. */
  readonly seesAnswer: boolean
}

/** Asks a callback client for a plan; `waits` is given the way to wait no longer. Must not reject. */
export type AskForPlan = (
  callback: CallbackPlan,
  sent: SentRequest,
  waits: (stop: () => void) => void,
) => Promise<ForwardPlan | Respond>

/** Sends the request on. */
export interface Forward extends ForwardPlan {
  readonly kind: 'forward'
  readonly delayMs: Delay
  readonly fallback?: Fallback
  /** Asked for each request; what it says goes before the plan that is given here. */
  readonly make?: MakePlan | CallbackPlan
}

/** Answered here; the rest is sent on. */
export type MockAction = Respond | RespondByTemplate | RespondByCallback | StreamEvents | SpeakWebSocket | Fail
export type Action = MockAction | Forward
