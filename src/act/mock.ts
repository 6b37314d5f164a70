/** Carries out what an expectation answers with: one file for each kind of action. */
import type { MockAction } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { after } from './delay.ts'
import { fail } from './fail.ts'
import type { Done } from './finish.ts'
import { type Asker, type OnFailed, withMade } from './making.ts'
import { respond } from './respond.ts'

/** Where failures of what expectations make are told. */
interface Log {
  warn(facts: object, message: string): void
}

export const createFailureLog =
  (log: Log): OnFailed =>
  (expectationId) =>
    log.warn({ component: 'act', expectationId }, 'template failed')

/** Whose request it is, and who is told when an answer cannot be made. */
export type MockAsker = Asker & { readonly onFailed: OnFailed }

export const mock = (exchange: HttpExchange, action: MockAction, asker: MockAsker, done: Done): void => {
  switch (action.kind) {
    case 'respond':
      return respond(exchange, action.response, done)
    case 'respond_by_template':
      return after(exchange, action.delayMs, done, () =>
        withMade(exchange, action.make, asker, asker.onFailed, done, (response) => respond(exchange, response, done)),
      )
    case 'fail':
      return fail(exchange, action, done)
  }
}
