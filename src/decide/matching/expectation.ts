/** An expectation ready to be matched: everything that can be worked out once has been. */
import type { Action } from '../../action.ts'
import type { RateLimit } from './rate-limits.ts'
import type { RequestMatcher } from './request.ts'
import { compileRequest, type RequestSpec } from './request-spec.ts'
import type { Scope } from './scope.ts'
import type { Turns } from './turns.ts'

/** A step of a scenario: the state it waits for, if it does, and the one it leads to. */
export interface ScenarioStep {
  readonly name: string
  readonly state: string | undefined
  readonly next: string | undefined
}

/** What an expectation asks for beside the request, and what it limits; few have any. */
export interface Conditions {
  readonly scope: Scope | undefined
  readonly scenario: ScenarioStep | undefined
  /** Of a hundred requests that match, how many it answers. */
  readonly percentage: number
  readonly rateLimit: RateLimit | undefined
}

export interface Expectation {
  readonly id: string
  /** Higher is asked first; among equals the one given first is. */
  readonly priority: number
  /** Undefined matches every request. */
  readonly request: RequestMatcher | undefined
  readonly conditions: Conditions | undefined
  /** The first one, where there are several. */
  readonly action: Action
  readonly turns: Turns | undefined
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
  readonly conditions?: Conditions | undefined
  readonly action: Action
  readonly turns?: Turns | undefined
  readonly remainingTimes: number
  readonly timeToLiveMs: number
  /** The document it was read from, as it was given. */
  readonly source?: unknown
}

/** Compiles one checked expectation; `defaultId` names it where the file does not. */
export function compileExpectation(spec: ExpectationSpec, defaultId: string): Expectation {
  const { priority, conditions, action, turns, remainingTimes, timeToLiveMs, source } = spec
  return {
    id: spec.id ?? defaultId,
    priority,
    request: spec.httpRequest && compileRequest(spec.httpRequest),
    conditions,
    action,
    turns,
    needsBody: turns ? turns.actions.some(needsBodyOf) : needsBodyOf(action),
    remainingTimes,
    timeToLiveMs,
    source,
  }
}

/** Which actions work with the body of the request, and not only with its head. */
function needsBodyOf(action: Action): boolean {
  switch (action.kind) {
    case 'respond_by_template':
      return true
    case 'respond':
    case 'fail':
    case 'stream_events':
    case 'speak_websocket':
      return false
    case 'respond_by_callback':
      return true
    case 'forward':
      return action.make !== undefined
  }
}
