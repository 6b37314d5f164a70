/** The end of an exchange, as every act reports it. */
import type { Outcome } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'

/** Called exactly once per exchange. */
export type Done = (outcome: Outcome) => void

const ORIGIN_MS = performance.timeOrigin

/** Wall clock in milliseconds with a fraction; it never goes back. */
export const nowMs = (): number => ORIGIN_MS + performance.now()

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The outcome of an HTTP exchange at this moment. Read before the exchange ends: its object serves the next one. */
export const outcomeOf = (
  exchange: HttpExchange,
  status: number | undefined,
  responseBytes: number,
  fault?: Outcome['fault'],
): Outcome => {
  const { requestBytes } = exchange
  const outcome: Mutable<Outcome> = { requestBytes, responseBytes, durationMs: nowMs() - exchange.startedAtMs }
  if (status !== undefined) outcome.status = status
  if (fault !== undefined) outcome.fault = fault
  return outcome
}
