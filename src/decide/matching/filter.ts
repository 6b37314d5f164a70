/** What somebody asks about the expectations or about the requests that came: which ones are meant, and how many. */
import type { RequestMatcher } from './request.ts'

/** A request matcher, with the document it was read from. */
export interface RequestFilter {
  readonly matcher: RequestMatcher
  readonly given: Readonly<Record<string, unknown>>
}

/** By what requests look like, or by the id of an expectation. */
export type Filter =
  | { readonly kind: 'request'; readonly request: RequestFilter }
  | { readonly kind: 'id'; readonly id: string }

/** A claim about how many requests came. */
export interface Verification {
  readonly what: Filter
  readonly atLeast: number | undefined
  readonly atMost: number | undefined
  /** Most requests that a failure lists; undefined leaves it to whoever answers. */
  readonly maximumListed: number | undefined
}

/** A document, or each thing wrong with it: `$.a.b[0]: what`. */
export type Read<T> = { readonly value: T } | { readonly problems: readonly string[] }
