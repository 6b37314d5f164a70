/** An expectation ready to be matched: everything that can be worked out once has been. */
import type { Action } from '../../action.ts'
import type { RequestMatcher } from './request.ts'
import { compileRequest, type RequestSpec } from './request-spec.ts'

export interface Expectation {
  readonly id: string
  /** Higher is asked first; among equals the one given first is. */
  readonly priority: number
  /** Undefined matches every request. */
  readonly request: RequestMatcher | undefined
  readonly action: Action
  /** Whether the action needs the whole body of the request. */
  readonly needsBody: boolean
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
  const needsBody = needsBodyOf(action)
  return { id: spec.id ?? defaultId, priority, request, action, needsBody, remainingTimes, timeToLiveMs, source }
}

/** Which actions work with the body of the request, and not only with its head. */
function needsBodyOf(action: Action): boolean {
  switch (action.kind) {
    case 'respond':
    case 'fail':
    case 'forward':
      return false
  }
}
