/** The end of an exchange, as every act reports it. */
import type { Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'

/** Called exactly once per exchange. */
export type Done = (outcome: Outcome) => void

/** Wall clock in milliseconds with a fraction; it never goes back. */
export const nowMs = (): number => performance.timeOrigin + performance.now()

/** The outcome of an HTTP exchange at this moment. Read before the exchange ends: its object serves the next one. */
export const outcomeOf = (
  exchange: HttpExchange,
  status: number | undefined,
  responseBytes: number,
  fault?: Outcome['fault'],
): Outcome => ({
  ...(status === undefined ? {} : { status }),
  ...(fault === undefined ? {} : { fault }),
  requestBytes: exchange.requestBytes,
  responseBytes,
  durationMs: nowMs() - exchange.startedAtMs,
})
