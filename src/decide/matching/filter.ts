/** What somebody asks about the expectations or about the requests that came: which ones are meant, and how many. */
import type { RequestHead } from '../../flow.ts'
import type { RequestMatcher } from './request.ts'
import type { ResponseMatcher } from './response.ts'

/** A request matcher, with the document it was read from. */
export interface RequestFilter {
  readonly matcher: RequestMatcher
  readonly given: Readonly<Record<string, unknown>>
}

/** By what requests look like, or by the id of an expectation. */
export type Filter =
  | { readonly kind: 'request'; readonly request: RequestFilter }
  | { readonly kind: 'id'; readonly id: string }

/** A request that somebody asks about, as if it had been sent. */
export interface SentRequest {
  readonly head: RequestHead
  readonly body: Buffer
}

/** A response matcher, with the document it was read from. */
export interface ResponseFilter {
  readonly matcher: ResponseMatcher
  readonly given: Readonly<Record<string, unknown>>
}

/** What one exchange looks like: its request, its response, or both. */
export interface ExchangeFilter {
  /** Undefined: any. */
  readonly request: Filter | undefined
  readonly response: ResponseFilter | undefined
  /** Whether an expectation answered it, or it was forwarded; undefined: either, or neither. */
  readonly disposition: 'MOCKED' | 'FORWARDED' | undefined
}

interface HowToVerify {
  /** Most messages that a failure lists; undefined leaves it to whoever answers. */
  readonly maximumListed: number | undefined
  /** How long the claim may take to come true. */
  readonly timeoutMs: number
}

/** A claim about how many exchanges there were. */
export interface Verification extends HowToVerify {
  readonly what: ExchangeFilter
  readonly atLeast: number | undefined
  readonly atMost: number | undefined
}

/** A claim that exchanges came in this order. */
export interface SequenceVerification extends HowToVerify {
  /** As many requests as responses, or one kind only. */
  readonly requests: readonly Filter[]
  readonly responses: readonly ResponseFilter[]
}

/** A document, or each thing wrong with it: `$.a.b[0]: what`. */
export type Read<T> = { readonly value: T } | { readonly problems: readonly string[] }
