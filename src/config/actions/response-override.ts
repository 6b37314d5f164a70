/** What a forwarded request's answer has in place of what the upstream sent: `responseOverride` and `responseModifier`. */
import { z } from 'zod'
import type { PairsChange, ResponseChange, ResponseStep } from '../../action.ts'
import { notYetKeys } from '../chosen-schema.ts'
import { namedValues } from '../named-values-schema.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { CookieName, cookiesModifier, flat, pairsModifier, SetCookieValue, singleValues } from './changes.ts'
import { FinalStatus, HeaderName, HeaderValue } from './response.ts'

/** A response in place of parts of the upstream's. */
export const ResponseOverride = z
  .strictObject({
    statusCode: FinalStatus.optional(),
    reasonPhrase: HeaderValue.optional(),
    headers: namedValues(HeaderName, HeaderValue, 1).optional(),
    cookies: singleValues(CookieName, SetCookieValue).optional(),
    body: ResponseBody.optional(),
    ...notYetKeys(['delay', 'connectionOptions', 'trailers', 'generateFromSchema', 'recoverAfter', 'statusCodeRange']),
  })
  .transform(({ statusCode, reasonPhrase, headers, cookies, body }): ResponseChange => {
    const fill = body?.contentType === undefined ? {} : { fill: ['content-type', body.contentType] }
    const change: PairsChange = { ...(headers ? { set: flat(headers) } : {}), ...fill }
    const step: ResponseStep = {
      ...(statusCode === undefined ? {} : { statusCode }),
      ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
      headers: change,
      ...(cookies ? { cookies: [{ set: cookies }] } : {}),
    }
    return body ? { steps: [step], body: body.bytes } : { steps: [step] }
  })

const has = (headers: readonly string[], lowerName: string): boolean =>
  headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === lowerName)

const Condition = z
  .strictObject({
    statusCode: z.int().optional(),
    statusCodeRange: z
      .string()
      .regex(/^[1-9]XX$/i, { error: 'expected a class of statuses such as 2XX' })
      .optional(),
    responseHasHeader: HeaderName.optional(),
    requestHasHeader: HeaderName.optional(),
  })
  .transform(
    ({ statusCode, statusCodeRange, responseHasHeader, requestHasHeader }): NonNullable<ResponseStep['when']> => {
      const hundreds = statusCodeRange === undefined ? undefined : Number(statusCodeRange[0])
      const inAnswer = responseHasHeader?.toLowerCase()
      const inRequest = requestHasHeader?.toLowerCase()
      return (answer, asked) =>
        (statusCode === undefined || answer.statusCode === statusCode) &&
        (hundreds === undefined || Math.floor(answer.statusCode / 100) === hundreds) &&
        (inAnswer === undefined || has(answer.headers, inAnswer)) &&
        (inRequest === undefined || has(asked.headers, inRequest))
    },
  )

const own = {
  headers: pairsModifier(HeaderName, HeaderValue).optional(),
  cookies: cookiesModifier(CookieName, SetCookieValue).optional(),
  ...notYetKeys(['jsonPatch', 'jsonMergePatch']),
}

/** Chains within chains; more than any that makes sense. */
const MAX_CHAIN_DEPTH = 5

const modifier = (depth: number): z.ZodType<ResponseStep> =>
  z
    .strictObject({
      ...own,
      condition: Condition.optional(),
      modifiers:
        depth < MAX_CHAIN_DEPTH
          ? z.lazy(() => z.array(modifier(depth + 1))).optional()
          : z.never({ error: 'chains are nested too deeply' }).optional(),
    })
    .superRefine(({ modifiers, headers, cookies }, context) => {
      if (!modifiers || (!headers && !cookies)) return
      const message = 'does nothing beside modifiers; make it one of them'
      context.addIssue({ code: 'custom', message, path: [headers ? 'headers' : 'cookies'] })
    })
    .transform(
      ({ headers, cookies, condition, modifiers }): ResponseStep => ({
        ...(headers ? { headers } : {}),
        ...(cookies ? { cookies } : {}),
        ...(condition ? { when: condition } : {}),
        ...(modifiers ? { steps: modifiers } : {}),
      }),
    )

/** Applied to the answer as the override has left it. */
export const ResponseModifier = modifier(0)
