/** `httpError`: what a broken server does. */
import { z } from 'zod'
import type { Fail } from '../../action.ts'
import { refused } from '../chosen-schema.ts'
import { Delay } from './delay.ts'

/** Bytes in place of a response, the end of the connection, or the one and then the other. */
export const ErrorAction = z
  .strictObject({
    dropConnection: z.boolean().default(false),
    responseBytes: z.base64({ error: 'expected base64' }).optional(),
    delay: Delay.default(0),
    streamError: refused('not supported: no HTTP/2 is served here, so there is no stream to reset').optional(),
  })
  .superRefine(({ dropConnection, responseBytes }, context) => {
    if (dropConnection || responseBytes) return
    context.addIssue({ code: 'custom', message: 'does nothing: give dropConnection: true, responseBytes or both' })
  })
  .transform(
    ({ dropConnection, responseBytes = '', delay }): Fail => ({
      kind: 'fail',
      bytes: Buffer.from(responseBytes, 'base64'),
      dropsConnection: dropConnection,
      delayMs: delay,
    }),
  )
