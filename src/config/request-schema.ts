/** `httpRequest`: which requests an expectation is for. */
import { z } from 'zod'
import { pathTemplate } from '../decide/matching/path-parameters.ts'
import { type RequestSpec, templateOf } from '../decide/matching/request-spec.ts'
import { problemWithText, spelled, type Text } from '../decide/matching/text.ts'
import { chosen, isRecord, notYetKeys, refused } from './chosen-schema.ts'
import { Flags, Matched, MatchedCookies, MatchedPairs } from './matched-schema.ts'
import { hasSpec, OpenApiRequest } from './openapi-schema.ts'
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
    .strictObject({ value: text, ...Flags })
    .transform(({ value: path, not, optional }): Text => ({ value: path, negated: not, optional }))
})

/** Of recorded requests, so that they can be given back as they are; not compared, as in MockServer. */
const Unchecked = {
  socketAddress: z
    .strictObject({
      host: z.string().optional(),
      port: z.int().optional(),
      scheme: z.enum(['HTTP', 'HTTPS']).optional(),
    })
    .optional(),
  localAddress: z.string().optional(),
  remoteAddress: z.string().optional(),
  clientCertificateChain: z
    .array(
      z.strictObject({
        issuerDistinguishedName: z.string().optional(),
        subjectDistinguishedName: z.string().optional(),
        serialNumber: z.string().optional(),
        signatureAlgorithmName: z.string().optional(),
      }),
    )
    .optional(),
}
const ONLY_WITH_SPEC = 'only beside specUrlOrPayload, which gives the OpenAPI document'

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
  respondBeforeBody: z.boolean().optional(),
  ...Unchecked,
  ...notYetKeys(['clientCertificate', 'jwt', 'binaryData', 'dnsName', 'if', 'then', 'else']),
  operationId: refused(ONLY_WITH_SPEC).optional(),
  contextPathPrefix: refused(ONLY_WITH_SPEC).optional(),
}

type Together = Pick<RequestSpec, 'respondBeforeBody' | 'body'>

function noBodyBefore({ respondBeforeBody, body }: Together, context: z.core.$RefinementCtx): void {
  if (!respondBeforeBody || body === undefined) return
  const message = 'cannot be combined with a body to match: it has not arrived when this is decided'
  context.addIssue({ code: 'custom', message, path: ['respondBeforeBody'] })
}

const Plain = z
  .strictObject({ path: Matched.optional(), pathParameters: MatchedPairs.optional(), ...shape })
  .superRefine(noBodyBefore)

const WithParameters = z
  .strictObject({ path: Template.optional(), pathParameters: MatchedPairs, ...shape })
  .superRefine(({ path }, context) => {
    // What is wrong with the path itself has been said, and there is no text then.
    const isRead = path === undefined || typeof path === 'string' || typeof path.value === 'string'
    if (!isRead || templateOf(path)) return
    const message = 'the path has no {name} segment to take them from'
    context.addIssue({ code: 'custom', message, path: ['pathParameters'] })
  })
  .superRefine(noBodyBefore)

/** A request matcher: ready for `compileRequest`. */
export const Request: z.ZodType<RequestSpec> = chosen<RequestSpec>((given) => {
  if (hasSpec(given)) return OpenApiRequest
  return isRecord(given) && given['pathParameters'] !== undefined ? WithParameters : Plain
})
