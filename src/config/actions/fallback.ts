/** `httpForwardWithFallback`: another server answers, or an answer written out where it fails. */
import { z } from 'zod'
import type { Forward } from '../../action.ts'
import { Delay } from './delay.ts'
import { ForwardTo } from './forward.ts'
import { Response } from './response.ts'

const isServerError = (statusCode: number): boolean => statusCode >= 500 && statusCode <= 599

export const ForwardWithFallback = z
  .strictObject({
    httpForward: ForwardTo,
    fallbackResponse: Response,
    fallbackOnStatusCodes: z.array(z.int().min(200).max(999)).default([]),
    fallbackOnTimeout: z.boolean().default(true),
    delay: Delay.default(0),
  })
  .refine(({ delay, httpForward }) => delay === 0 || httpForward.delayMs === 0, {
    error: 'there is one in httpForward already',
    path: ['delay'],
  })
  .transform(({ httpForward, fallbackResponse, fallbackOnStatusCodes, fallbackOnTimeout, delay }): Forward => {
    const statuses = new Set(fallbackOnStatusCodes)
    return {
      ...httpForward,
      delayMs: delay === 0 ? httpForward.delayMs : delay,
      fallback: {
        response: fallbackResponse.response,
        onStatus: statuses.size > 0 ? (statusCode) => statuses.has(statusCode) : isServerError,
        onFault: fallbackOnTimeout,
      },
    }
  })
