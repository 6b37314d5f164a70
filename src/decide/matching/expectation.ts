/** An expectation ready to be matched: everything that can be worked out once has been. */
import type { Endpoint, MockResponse } from '../../flow.ts'
import type { BodyMatcher } from './body.ts'
import { compilePairs, type NamedValues } from './pairs.ts'
import type { RequestMatcher } from './request.ts'
import { compileText, type TextMatcher } from './text.ts'

export type Action =
  | { readonly kind: 'respond'; readonly response: MockResponse }
  | { readonly kind: 'forward'; readonly destination: Endpoint }

export interface Expectation {
  readonly id: string
  /** Higher is asked first; among equals the one given first is. */
  readonly priority: number
  /** Undefined matches every request. */
  readonly request: RequestMatcher | undefined
  readonly action: Action
  /** How many requests it may still match; Infinity when unlimited. */
  readonly remainingTimes: number
  /** How long it lives from the start of its store; Infinity when unlimited. */
  readonly timeToLiveMs: number
  /** The document it was read from, as it was given. */
  readonly source?: unknown
}

/** A request matcher as a file gives it, with its shorthands spelt out and its values checked. */
export interface RequestSpec {
  readonly method?: string | undefined
  readonly path?: string | undefined
  readonly queryStringParameters?: readonly NamedValues[] | undefined
  readonly headers?: readonly NamedValues[] | undefined
  readonly body?: BodyMatcher | undefined
}

/** An expectation as a file gives it, checked. */
export interface ExpectationSpec {
  readonly id?: string | undefined
  readonly priority: number
  readonly httpRequest?: RequestSpec | undefined
  readonly action: Action
  readonly remainingTimes: number
  readonly timeToLiveMs: number
  /** The document it was read from, as it was given. */
  readonly source?: unknown
}

/** Compiles one checked expectation; `defaultId` names it where the file does not. */
export function compileExpectation(spec: ExpectationSpec, defaultId: string): Expectation {
  const { priority, action, remainingTimes, timeToLiveMs, source } = spec
  const request = spec.httpRequest && compileRequest(spec.httpRequest)
  return { id: spec.id ?? defaultId, priority, request, action, remainingTimes, timeToLiveMs, source }
}

export function compileRequest(spec: RequestSpec): RequestMatcher {
  return {
    method: compileOptional(spec.method),
    path: compileOptional(spec.path),
    query: compilePairs(spec.queryStringParameters ?? []),
    headers: compilePairs(spec.headers ?? []),
    body: spec.body,
  }
}

function compileOptional(value: string | undefined): TextMatcher | undefined {
  const matcher = value === undefined ? undefined : compileText(value)
  return matcher?.blank ? undefined : matcher
}
