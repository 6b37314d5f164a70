/** What an expectation does with a request: `httpResponse` and its like. */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Action } from '../decide/matching/expectation.ts'
import { chosen, notYetKeys, refused } from './chosen-schema.ts'
import { namedValues } from './named-values-schema.ts'
import { ResponseBody } from './response-body-schema.ts'
import { TimeUnit, UNIT_MS, Whole } from './time-schema.ts'

const HeaderName = z.string().superRefine((value, context) => {
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header name is letters, digits and hyphens' })
  } else if (/^(?:content-length|transfer-encoding)$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is worked out from the body; remove it' })
  } else if (/^connection$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is decided for each client; remove it' })
  }
})
const HeaderValue = z.string().superRefine((value, context) => {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header value is one line of latin1 text' })
  }
})

/** setTimeout holds no more. */
const MAX_DELAY_MS = 2 ** 31 - 1
const Delay = z
  .strictObject({ timeUnit: TimeUnit, value: Whole, ...notYetKeys(['distribution']) })
  .transform(({ timeUnit, value }, context) => {
    const delayMs = Math.round(value * UNIT_MS[timeUnit])
    if (delayMs > MAX_DELAY_MS) context.addIssue({ code: 'custom', message: 'is longer than 24 days', path: ['value'] })
    return delayMs
  })

/** A 1xx announces the real answer (RFC 9110 15.2), and there would never be one. */
const FinalStatus = z
  .int()
  .min(200, { error: 'expected at least 200: after a 1xx the client waits for the final answer' })
  .max(999)

export const Response = z
  .strictObject({
    statusCode: FinalStatus.default(200),
    reasonPhrase: HeaderValue.optional(),
    headers: namedValues(HeaderName, HeaderValue, 1).optional(),
    body: ResponseBody.optional(),
    delay: Delay.default(0),
    ...notYetKeys(['cookies', 'connectionOptions', 'trailers']),
  })
  .transform(({ statusCode, reasonPhrase, headers = [], body, delay }): Action => {
    const lines = headers.flatMap(({ name, values }) => values.flatMap((value) => [name, value]))
    const isTyped = headers.some(({ name }) => name.toLowerCase() === 'content-type')
    if (body?.contentType !== undefined && !isTyped) lines.push('content-type', body.contentType)
    const response = { statusCode, headers: lines, body: body?.bytes ?? Buffer.alloc(0), delayMs: delay }
    return { kind: 'respond', response: reasonPhrase === undefined ? response : { ...response, reasonPhrase } }
  })

const Host = z.string().superRefine((value, context) => {
  const isName = /^(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(value) && value.length <= 253
  if (isName || (isIP(value) !== 0 && !/^::ffff:|%/i.test(value))) return
  const message = 'expected a host name or an IP address alone, without scheme, port or brackets'
  context.addIssue({ code: 'custom', message })
})

const Scheme = chosen((given) =>
  given === 'HTTPS' ? refused('forwarding over HTTPS is not supported yet') : z.literal('HTTP'),
)

export const Forward = z
  .strictObject({
    host: Host,
    port: z.int().min(1).max(65535).default(80),
    scheme: Scheme.optional(),
    ...notYetKeys(['delay']),
  })
  .transform(({ host, port }): Action => ({ kind: 'forward', destination: { address: host, port } }))
