/** `httpResponse`: the answer, written out. */
import { z } from 'zod'
import type { Respond } from '../../action.ts'
import { notYetKeys } from '../chosen-schema.ts'
import { namedValues } from '../named-values-schema.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { Delay } from './delay.ts'

export const HeaderName = z.string().superRefine((value, context) => {
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header name is letters, digits and hyphens' })
  } else if (/^(?:content-length|transfer-encoding)$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is worked out from the body; remove it' })
  } else if (/^connection$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is decided for each client; remove it' })
  }
})
export const HeaderValue = z.string().superRefine((value, context) => {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header value is one line of latin1 text' })
  }
})

/** A 1xx announces the real answer (RFC 9110 15.2), and there would never be one. */
export const FinalStatus = z
  .int()
  .min(200, { error: 'expected at least 200: after a 1xx the client waits for the final answer' })
  .max(999)

/** Ready to be written; what depends on the client is added then. */
export const Response = z
  .strictObject({
    statusCode: FinalStatus.default(200),
    reasonPhrase: HeaderValue.optional(),
    headers: namedValues(HeaderName, HeaderValue, 1).optional(),
    body: ResponseBody.optional(),
    delay: Delay.default(0),
    ...notYetKeys(['cookies', 'connectionOptions', 'trailers']),
  })
  .transform(({ statusCode, reasonPhrase, headers = [], body, delay }): Respond => {
    const lines = headers.flatMap(({ name, values }) => values.flatMap((value) => [name, value]))
    const isTyped = headers.some(({ name }) => name.toLowerCase() === 'content-type')
    if (body?.contentType !== undefined && !isTyped) lines.push('content-type', body.contentType)
    const response = { statusCode, headers: lines, body: body?.bytes ?? Buffer.alloc(0), delayMs: delay }
    return { kind: 'respond', response: reasonPhrase === undefined ? response : { ...response, reasonPhrase } }
  })
