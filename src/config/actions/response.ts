/** `httpResponse`: the answer, written out. */
import { z } from 'zod'
import type { MockResponse, Respond } from '../../action.ts'
import { notYetKeys } from '../chosen-schema.ts'
import { Cookies, HeaderLines, HeaderValue } from '../header-schema.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { ConnectionOptions, hasTooManyChunks, transferOf } from './connection-options.ts'
import { Delay } from './delay.ts'

/** A 1xx announces the real answer (RFC 9110 15.2), and there would never be one. */
export const FinalStatus = z
  .int()
  .min(200, { error: 'expected at least 200: after a 1xx the client waits for the final answer' })
  .max(999)

const isNamed = (lines: readonly string[], lowerName: string): boolean =>
  lines.some((text, at) => at % 2 === 0 && text.toLowerCase() === lowerName)

const setCookies = (cookies: readonly string[], headers: readonly string[]): string[] =>
  // A recorded answer has its cookies as headers too.
  cookies.filter((cookie) => !headers.includes(cookie)).flatMap((cookie) => ['set-cookie', cookie])

/** Ready to be written; what depends on the client is added then. */
export const PlainResponse = z
  .strictObject({
    statusCode: FinalStatus.default(200),
    reasonPhrase: HeaderValue.optional(),
    headers: HeaderLines.optional(),
    cookies: Cookies.optional(),
    body: ResponseBody.optional(),
    delay: Delay.default(0),
    connectionOptions: ConnectionOptions.optional(),
    trailers: HeaderLines.optional(),
    ...notYetKeys(['statusCodeRange', 'generateFromSchema', 'recoverAfter']),
  })
  .transform((given, context): MockResponse => {
    const {
      statusCode,
      reasonPhrase,
      headers = [],
      cookies = [],
      body,
      delay,
      connectionOptions,
      trailers = [],
    } = given
    const type = body?.contentType === undefined || isNamed(headers, 'content-type') ? [] : [body.contentType]
    const lines = [...headers, ...type.flatMap((value) => ['content-type', value]), ...setCookies(cookies, headers)]
    const bytes = body?.bytes ?? Buffer.alloc(0)
    if (connectionOptions && hasTooManyChunks(connectionOptions, bytes.length)) {
      const path = ['connectionOptions', 'chunkSize']
      context.addIssue({ code: 'custom', message: 'makes more than 65536 chunks of this body', path })
    }
    const transfer = transferOf(connectionOptions, trailers)
    return {
      statusCode,
      headers: lines,
      body: bytes,
      delayMs: delay,
      ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
      ...(transfer === undefined ? {} : { transfer }),
    }
  })

export const Response = PlainResponse.transform((response): Respond => ({ kind: 'respond', response }))
