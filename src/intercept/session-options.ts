/** What an HTTP session is given, and whom it tells. Types only. */
import type { RefuseReason } from '../flow.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import type { HeadLimit } from '../http1/head.ts'
import type { Limits } from '../http1/limits.ts'
import type { BodyBudget } from './body-reader.ts'

export interface SessionOptions {
  readonly limits: Limits
  readonly headTimeoutMs: number
  readonly idleTimeoutMs: number
  /** How long a request body or an answer may stand still. */
  readonly stallTimeoutMs: number
  readonly budget: BodyBudget
  /** Called each time a request went over a limit; the budget counts its own. */
  readonly onLimit: (limit: HeadLimit | 'body') => void
  readonly now: () => number
}

export interface SessionEvents {
  exchange(exchange: HttpExchange): void
  /** Bytes that are no request: answered here with `status` and closed. `responseBytes` counts the answer's body. */
  malformed(status: number, reason: RefuseReason, responseBytes: number, startedAtMs: number): void
  closed(): void
}
