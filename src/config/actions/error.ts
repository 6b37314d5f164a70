/** `httpError`: what a broken server does. */
import { z } from 'zod'
import type { Fail } from '../../action.ts'
import { Delay } from './delay.ts'

const MAX_CODE = 2 ** 32 - 1

/**
 * Bytes in place of a response, the end of the connection, or the one and then the other. `streamError` is the code with
 * which HTTP/2 would reset the stream (RFC 9113, section 7); a connection of HTTP/1.x has but one, and ends, as MockServer's.
 */
export const ErrorAction = z
  .strictObject({
    dropConnection: z.boolean().default(false),
    responseBytes: z.base64({ error: 'expected base64' }).optional(),
    delay: Delay.default(0),
    streamError: z.int().min(0).max(MAX_CODE).optional(),
  })
  .superRefine(({ dropConnection, responseBytes, streamError }, context) => {
    if (dropConnection || responseBytes || streamError !== undefined) return
    context.addIssue({ code: 'custom', message: 'does nothing: give dropConnection: true, responseBytes or both' })
  })
  .transform(
    ({ dropConnection, responseBytes = '', delay, streamError }): Fail => ({
      kind: 'fail',
      bytes: Buffer.from(responseBytes, 'base64'),
      dropsConnection: dropConnection || (streamError !== undefined && responseBytes === ''),
      delayMs: delay,
    }),
  )
