/** What to do with one exchange: a pure function of the request, the resolution, the policy and the expectations. */
import type { Decision, RequestHead, Resolution } from '../flow.ts'
import type { ExpectationStore } from './matching/store.ts'

export interface Policy {
  /** What becomes of a request that no expectation matches. */
  readonly onUnmatched: 'forward' | 'refuse'
}

export interface Question {
  readonly head: RequestHead
  readonly resolution: Resolution
  /** undefined: not read yet; unavailable: over the byte budget, so body matchers do not match. */
  readonly body: Buffer | 'unavailable' | undefined
  readonly policy: Policy
  readonly nowMs: number
}

const NEEDS_BODY = { kind: 'needs_body' } as const
const UNEXPECTED: Decision = { kind: 'refuse', status: 404, reason: 'no_expectation' }
const NOWHERE: Decision = { kind: 'refuse', status: 502, reason: 'no_destination' }

/**
 * An expectation's answer first, else what the policy says. `needs_body` is answered at most once: ask again with the
 * body, or with 'unavailable'. Uses up one of the `times` of an expectation that matched.
 */
export function decide(question: Question, store: ExpectationStore): Decision | { readonly kind: 'needs_body' } {
  const { head, body, nowMs, policy, resolution } = question
  const result = store.match({ head, body, nowMs })
  switch (result.kind) {
    case 'needs_body':
      return NEEDS_BODY
    case 'matched': {
      const { action, expectation } = result
      if (action.kind !== 'forward') return { kind: 'mock', expectationId: expectation.id, action }
      const destination = action.to ?? resolution.destination
      return destination ? { kind: 'forward', destination, expectationId: expectation.id, action } : NOWHERE
    }
    case 'none':
      if (policy.onUnmatched === 'refuse') return UNEXPECTED
      return resolution.destination ? { kind: 'forward', destination: resolution.destination } : NOWHERE
  }
}
