/** What a forwarded request's answer has in place of what the upstream sent: `responseOverride` and `responseModifier`. */
import { z } from 'zod'
import type { PairsChange, ResponseChange, ResponseStep } from '../../action.ts'
import {
  jsonMergePatch,
  jsonPatch,
  type PatchBody,
  type PatchOperation,
  pointerTokens,
} from '../../content/json-patch.ts'
import { chosen, isRecord, notYetKeys } from '../chosen-schema.ts'
import { HeaderName, HeaderValue } from '../header-schema.ts'
import { namedValues } from '../named-values-schema.ts'
import { ResponseBody } from '../response-body-schema.ts'
import { CookieName, cookiesModifier, flat, pairsModifier, SetCookieValue, singleValues } from './changes.ts'
import { FinalStatus } from './response.ts'

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

const Pointer = z.string().transform((pointer, context) => {
  const tokens = pointerTokens(pointer)
  if (tokens) return tokens
  context.addIssue({ code: 'custom', message: 'expected a JSON Pointer such as /items/0/name' })
  return z.NEVER
})

const WithValue = z.strictObject({ op: z.enum(['add', 'replace', 'test']), path: Pointer, value: z.unknown() })
const WithFrom = z.strictObject({ op: z.enum(['move', 'copy']), path: Pointer, from: Pointer })
const Remove = z.strictObject({ op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']), path: Pointer })

const Operation = chosen<PatchOperation>((given) => {
  const op = isRecord(given) ? given['op'] : undefined
  if (op === 'move' || op === 'copy') return WithFrom
  if (op !== 'add' && op !== 'replace' && op !== 'test') return Remove
  return WithValue
})

/** More than any patch by hand has. */
const MAX_OPERATIONS = 256
const JsonPatch = z.array(Operation).max(MAX_OPERATIONS).transform(jsonPatch)
const JsonMergePatch = z.record(z.string(), z.unknown()).transform(jsonMergePatch)

const oneAfterTheOther =
  (first: PatchBody | undefined, second: PatchBody | undefined): PatchBody =>
  (body) => {
    const half = first?.(body)
    return second?.(half ?? body) ?? half
  }

const own = {
  headers: pairsModifier(HeaderName, HeaderValue).optional(),
  cookies: cookiesModifier(CookieName, SetCookieValue).optional(),
  jsonPatch: JsonPatch.optional(),
  jsonMergePatch: JsonMergePatch.optional(),
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
    .superRefine(({ modifiers, ...others }, context) => {
      const beside = (['headers', 'cookies', 'jsonPatch', 'jsonMergePatch'] as const).find((key) => others[key])
      if (!modifiers || !beside) return
      const message = 'does nothing beside modifiers; make it one of them'
      context.addIssue({ code: 'custom', message, path: [beside] })
    })
    .transform(
      ({ headers, cookies, condition, modifiers, jsonPatch: first, jsonMergePatch: second }): ResponseStep => ({
        ...(headers ? { headers } : {}),
        ...(cookies ? { cookies } : {}),
        ...(condition ? { when: condition } : {}),
        ...(modifiers ? { steps: modifiers } : {}),
        ...(first || second ? { patch: oneAfterTheOther(first, second) } : {}),
      }),
    )

/** Applied to the answer as the override has left it. */
export const ResponseModifier = modifier(0)
