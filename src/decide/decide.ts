/** What to do with one exchange: a pure function of the request, the resolution, the policy and the expectations. */
import type { Decision, Flow, RequestHead, Resolution, Workload } from '../flow.ts'
import type { ExpectationStore } from './matching/store.ts'

export interface Policy {
  /** What becomes of a request that no expectation matches. */
  readonly onUnmatched: 'forward' | 'refuse'
  /** No expectation is asked: all traffic is only looked at. */
  readonly isObserved?: boolean
}

export interface Question {
  readonly head: RequestHead
  readonly resolution: Resolution
  /** undefined: not read yet; unavailable: over the byte budget, so body matchers do not match. */
  readonly body: Buffer | 'unavailable' | undefined
  readonly policy: Policy
  readonly nowMs: number
  readonly flow: Flow
  /** The names that the workload asked DNS for and was given this address. */
  readonly namesOf: (workload: Workload, address: string) => readonly string[]
}

const NEEDS_BODY = { kind: 'needs_body' } as const
const BEFORE_BODY = { beforeBody: true } as const
const UNEXPECTED = { kind: 'refuse', status: 404, reason: 'no_expectation' } as const
const NOWHERE = { kind: 'refuse', status: 502, reason: 'no_destination' } as const

/**
 * An expectation's answer first, else what the policy says. `needs_body` is answered at most once: ask again with the
 * body, or with 'unavailable'. Uses up one of the `times` of an expectation that matched.
 */
export function decide(question: Question, store: ExpectationStore): Decision | { readonly kind: 'needs_body' } {
  const { head, body, nowMs, policy, resolution } = question
  if (policy.isObserved) return unmatched(policy, resolution)
  // The question says whose request it is, so it is the origin as it stands.
  const result = store.match({ head, body, nowMs, origin: question })
  switch (result.kind) {
    case 'needs_body':
      return NEEDS_BODY
    case 'matched': {
      const { action, expectation } = result
      if (action.kind !== 'forward') {
        const when = expectation.request?.respondBeforeBody ? BEFORE_BODY : undefined
        return { kind: 'mock', expectationId: expectation.id, action, ...when }
      }
      const destination = action.to ?? resolution.destination
      if (destination) return { kind: 'forward', destination, expectationId: expectation.id, action }
      return action.make ? { kind: 'forward', expectationId: expectation.id, action } : NOWHERE
    }
    case 'none': {
      const decision = unmatched(policy, resolution)
      return result.closest ? { ...decision, closest: result.closest } : decision
    }
  }
}

function unmatched({ onUnmatched }: Policy, { destination }: Resolution): Decision & { kind: 'forward' | 'refuse' } {
  if (onUnmatched === 'refuse') return UNEXPECTED
  return destination ? { kind: 'forward', destination } : NOWHERE
}
