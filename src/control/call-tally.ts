/** Counts of requests by what became of them, for METRICS: since the start or the last reset. */
import type { Decision } from '../flow.ts'

/** What of a decision is counted. */
export interface Counted {
  readonly kind: Decision['kind']
  readonly expectationId?: string | undefined
}

export interface CallTally {
  count(decision: Counted): void
  reset(): void
  /** Under MockServer's names. */
  counts(): Readonly<Record<string, number>>
}

export const createCallTally = (): CallTally => {
  let received = 0
  let answered = 0
  let forwarded = 0
  let unmatched = 0
  return {
    count: (decision) => {
      received++
      if (decision.expectationId === undefined) unmatched++
      else if (decision.kind === 'forward') forwarded++
      else answered++
    },
    reset: () => {
      received = answered = forwarded = unmatched = 0
    },
    counts: () => ({
      REQUESTS_RECEIVED_COUNT: received,
      EXPECTATIONS_NOT_MATCHED_COUNT: unmatched,
      RESPONSE_EXPECTATIONS_MATCHED_COUNT: answered,
      FORWARD_EXPECTATIONS_MATCHED_COUNT: forwarded,
    }),
  }
}
