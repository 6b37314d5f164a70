/** What is sent to both servers, and what they answer. All of it is plain JSON, so that it can be recorded. */

import type { Draw } from './draw.ts'

/** One request, as it goes over the wire; `base64` where its body is no text. */
export interface Step {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string | { readonly base64: string }
}

/**
 * Stands for the port of the server that answers with what it got (echo.ts): in quotes for the number, bare in text. So a
 * recorded case goes to whichever there is.
 */
export const UPSTREAM = '<upstream>'

/** Requests in order, from an empty server on. */
export interface Case {
  /** Area and number, `query/17`. */
  readonly name: string
  readonly steps: readonly Step[]
}

/** `headers`: lower-case names, each with its values in order. `body` as in a step. */
export interface Answered {
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly body: string | { readonly base64: string }
}

/** No answer at all is an answer too. */
export type Answer = Answered | { readonly failed: string }

/** Makes cases about one thing. */
export interface Area {
  readonly name: string
  /** How many there must be for each of its list to come up; few are too few otherwise. */
  readonly least?: number
  /** `index`: which of the cases it is, for areas that have a list of them. */
  make(from: Draw, index: number): readonly Step[]
}

/** A call of the control API. */
export const call = (path: string, body?: unknown): Step => ({
  method: 'PUT',
  target: `/mockserver/${path}`,
  ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
})

/** Calls, also under the names that are deprecated. */
const CALL =
  /^(?:\/mockserver)?\/(?:expectation|openapi|import|verify|verifySequence|clear|reset|retrieve|status)(?:\?|$)/

/** Whether a step is a call of the control API and no mocked traffic. */
export const isCall = ({ method, target }: Step): boolean => method === 'PUT' && CALL.test(target)
