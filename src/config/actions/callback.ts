/**
 * `httpResponseObjectCallback` and `httpForwardObjectCallback`: a client of the control API answers, or says what is to be sent on,
 * over the WebSocket that it has opened.
 */
import { z } from 'zod'
import type { Forward, RespondByCallback } from '../../action.ts'
import { Delay } from './delay.ts'

/** A client that has gone by the time of a request is told of then, not here: clients come back. */
export const ResponseCallback = z
  .strictObject({
    clientId: z.string().min(1),
    responseCallback: z.boolean().optional(), // MockServer's clients may send it; it says nothing here
    delay: Delay.default(0),
  })
  .transform(({ clientId, delay }): RespondByCallback => ({ kind: 'respond_by_callback', clientId, delayMs: delay }))

export const ForwardCallback = z
  .strictObject({
    clientId: z.string().min(1),
    responseCallback: z.boolean().default(false),
    delay: Delay.default(0),
  })
  .transform(
    ({ clientId, responseCallback, delay }): Forward => ({
      kind: 'forward',
      to: undefined,
      delayMs: delay,
      make: { clientId, seesAnswer: responseCallback },
    }),
  )
