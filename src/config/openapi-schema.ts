/** `specUrlOrPayload`: an OpenAPI document as a matcher of requests, and as expectations for its operations. */
import { z } from 'zod'
import { type Generated, type Made, openApiExpectations, openApiMatcher } from '../content/openapi/openapi.ts'
import type { Wanted } from '../content/openapi/responses.ts'
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import type { RequestSpec } from '../decide/matching/request-spec.ts'
import { Response } from './actions/response.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { checkValue, keyText } from './problems.ts'

type Issues = Pick<z.core.$RefinementCtx<unknown>, 'issues'>

const KEY = 'specUrlOrPayload'

/** Whether an object is about an OpenAPI document. */
export const hasSpec = (given: unknown): boolean => isRecord(given) && KEY in given

/** What is wrong with a document, at its place; of one given as text, the place is said in words. */
function made<T>(result: Made<T>, given: unknown, base: readonly string[], context: Issues): T {
  if ('value' in result) return result.value
  for (const { at, message } of result.faults) {
    const isText = typeof given === 'string'
    const place = isText && at.length > 0 ? `${keyText(at)}: ` : ''
    const path = isText ? [...base] : [...base, ...at]
    context.issues.push({ code: 'custom', input: undefined, message: `${place}${message}`, path })
  }
  return z.NEVER
}

/** `httpRequest` that names an operation, or means them all. */
export const OpenApiRequest: z.ZodType<RequestSpec> = z
  .strictObject({
    [KEY]: z.unknown(),
    operationId: z.string().optional(),
    contextPathPrefix: z.string().optional(),
    not: z.boolean().optional(),
  })
  .transform(({ operationId, contextPathPrefix, not, ...rest }, context): RequestSpec => {
    const given: unknown = rest[KEY]
    const operations = made(openApiMatcher(given, operationId, contextPathPrefix), given, [KEY], context)
    return { operations, not }
  })

const Chosen = chosen<Wanted>((given) =>
  isRecord(given)
    ? z
        .strictObject({ statusCode: z.string(), exampleName: z.string().optional() })
        .transform(({ statusCode: status, exampleName }) => ({ status, exampleName }))
    : z.string().transform((status) => ({ status })),
)

/** An item among expectations that stands for one of each operation. */
export const OpenApiExpectations: z.ZodType<readonly ExpectationSpec[]> = z
  .strictObject({
    [KEY]: z.unknown(),
    operationsAndResponses: z.record(z.string(), Chosen).optional(),
    contextPathPrefix: z.string().optional(),
  })
  .transform(({ operationsAndResponses, contextPathPrefix, ...rest }, context): readonly ExpectationSpec[] => {
    const given: unknown = rest[KEY]
    const wanted = operationsAndResponses && new Map(Object.entries(operationsAndResponses))
    const generated = openApiExpectations(given, wanted, contextPathPrefix)
    return specsOf(generated, given, [KEY], context)
  })

/** A whole document: an expectation for each operation. */
export const OpenApiDocument: z.ZodType<readonly ExpectationSpec[]> = z.unknown().transform((given, context) => {
  return specsOf(openApiExpectations(given, undefined), given, [], context)
})

function specsOf(
  generated: Made<readonly Generated[]>,
  given: unknown,
  base: readonly string[],
  context: Issues,
): readonly ExpectationSpec[] {
  const all = made(generated, given, base, context)
  return context.issues.length > 0 ? z.NEVER : all.flatMap((one) => specOf(one, base, context) ?? [])
}

/** Undefined, and said why, where what the document gives as an answer cannot be sent. */
function specOf(one: Generated, base: readonly string[], context: Issues): ExpectationSpec | undefined {
  const { id, httpRequest, httpResponse, operation } = one
  const action = checkValue(Response, httpResponse)
  if ('value' in action) {
    return {
      id,
      priority: 0,
      httpRequest: { operations: [operation] },
      action: action.value,
      remainingTimes: Infinity,
      timeToLiveMs: Infinity,
      source: { id, httpRequest, httpResponse },
    }
  }
  for (const { path, message } of action.problems) {
    const answer = `the answer of ${String(httpRequest['operationId'])}: ${keyText(path)}: ${message}`
    context.issues.push({ code: 'custom', input: undefined, message: answer, path: [...base] })
  }
  return undefined
}
