/** `httpOverrideForwardedRequest`: another server, or the same, is asked something else, and its answer is changed. */
import { z } from 'zod'
import type { Delay as DelayOf, Forward, ResponseChange } from '../../action.ts'
import { chosen, isRecord, notYetKeys } from '../chosen-schema.ts'
import { Delay } from './delay.ts'
import { joined, RequestModifier, RequestOverride } from './request-override.ts'
import { ResponseModifier, ResponseOverride } from './response-override.ts'

interface Parts {
  readonly delay: DelayOf
  readonly request?: RequestOverride | undefined
  readonly requestModifier?: z.output<typeof RequestModifier> | undefined
  readonly response?: ResponseChange | undefined
  readonly responseModifier?: z.output<typeof ResponseModifier> | undefined
}

const isEmpty = (change: object): boolean => Object.keys(change).length === 0

const forwardOf = ({ delay, request, requestModifier = {}, response, responseModifier }: Parts): Forward => {
  const change = joined(request?.change ?? {}, requestModifier)
  const steps = [...(response?.steps ?? []), ...(responseModifier ? [responseModifier] : [])]
  return {
    kind: 'forward',
    to: request?.to,
    delayMs: delay,
    ...(isEmpty(change) ? {} : { request: change }),
    ...(steps.length > 0 ? { response: { ...response, steps } } : {}),
  }
}

const Modern = z
  .strictObject({
    delay: Delay.default(0),
    requestOverride: RequestOverride.optional(),
    requestModifier: RequestModifier.optional(),
    responseOverride: ResponseOverride.optional(),
    responseModifier: ResponseModifier.optional(),
    ...notYetKeys(['responseTemplate']),
  })
  .transform(({ requestOverride: request, responseOverride: response, ...rest }) =>
    forwardOf({ ...rest, request, response }),
  )

const Legacy = z
  .strictObject({
    delay: Delay.default(0),
    httpRequest: RequestOverride.optional(),
    httpResponse: ResponseOverride.optional(),
  })
  .transform(({ httpRequest: request, httpResponse: response, delay }) => forwardOf({ delay, request, response }))

/** In its present form, or in the one of older clients: `{httpRequest, httpResponse}`. */
export const Override = chosen<Forward>((given) =>
  isRecord(given) && ('httpRequest' in given || 'httpResponse' in given) ? Legacy : Modern,
)
