/** An expectation ready to be matched: everything that can be worked out once has been. */
import type { Endpoint, MockResponse } from '../../flow.ts'
import type { RequestMatcher } from './request.ts'
import { compileRequest, type RequestSpec } from './request-spec.ts'

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
