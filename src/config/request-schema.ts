/** `httpRequest`: which requests an expectation is for. */
import { z } from 'zod'
import { pathTemplate } from '../decide/matching/path-parameters.ts'
import { type RequestSpec, templateOf } from '../decide/matching/request-spec.ts'
import { problemWithText, spelled, type Text } from '../decide/matching/text.ts'
import { chosen, isRecord, notYetKeys } from './chosen-schema.ts'
import { Matched, MatchedCookies, MatchedPairs } from './matched-schema.ts'
import { RequestBody } from './request-body-schema.ts'

/** A path with `{name}` segments; the rest of it is text like any other. */
const Template = chosen<Text>((given) => {
  const value = isRecord(given) ? given['value'] : given
  const template = typeof value === 'string' ? pathTemplate(spelled(value).value) : undefined
  if (!template) return Matched
  const text = z.string().superRefine((_, context) => {
    const message = problemWithText(template.text)
    if (message) context.addIssue({ code: 'custom', message })
  })
  if (!isRecord(given)) return text
  return z
    .strictObject({ value: text, not: z.boolean().default(false), optional: z.boolean().default(false) })
    .transform(({ value: path, not, optional }): Text => ({ value: path, negated: not, optional }))
})

const shape = {
  method: Matched.optional(),
  queryStringParameters: MatchedPairs.optional(),
  headers: MatchedPairs.optional(),
  cookies: MatchedCookies.optional(),
  secure: z.boolean().optional(),
  keepAlive: z.boolean().optional(),
  protocol: z.enum(['HTTP_1_1', 'HTTP_2', 'HTTP_3']).optional(),
  body: RequestBody.optional(),
  not: z.boolean().optional(),
  ...notYetKeys(['respondBeforeBody', 'socketAddress', 'localAddress', 'remoteAddress', 'clientCertificateChain']),
  ...notYetKeys(['specUrlOrPayload', 'operationId', 'contextPathPrefix']),
}

const Plain = z.strictObject({ path: Matched.optional(), pathParameters: MatchedPairs.optional(), ...shape })

const WithParameters = z
  .strictObject({ path: Template.optional(), pathParameters: MatchedPairs, ...shape })
  .superRefine(({ path }, context) => {
    // What is wrong with the path itself has been said, and there is no text then.
    const isRead = path === undefined || typeof path === 'string' || typeof path.value === 'string'
    if (!isRead || templateOf(path)) return
    const message = 'the path has no {name} segment to take them from'
    context.addIssue({ code: 'custom', message, path: ['pathParameters'] })
  })

/** A request matcher: ready for `compileRequest`. */
export const Request: z.ZodType<RequestSpec> = chosen<RequestSpec>((given) => {
  return isRecord(given) && given['pathParameters'] !== undefined ? WithParameters : Plain
})
