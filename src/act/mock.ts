/** Carries out what an expectation answers with: one file for each kind of action. */
import type { MockAction } from '../action.ts'
import type { HttpExchange } from '../http1/exchange.ts'
import { fail } from './fail.ts'
import type { Done } from './finish.ts'
import { respond } from './respond.ts'
import { type TemplateAsker, withTemplate } from './template.ts'

export const mock = (exchange: HttpExchange, action: MockAction, asker: TemplateAsker, done: Done): void => {
  switch (action.kind) {
    case 'respond':
      return respond(exchange, action.response, done)
    case 'respond_by_template':
      return withTemplate(exchange, action, asker, done, (response) => respond(exchange, response, done))
    case 'fail':
      return fail(exchange, action, done)
  }
}
