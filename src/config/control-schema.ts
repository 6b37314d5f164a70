/** The documents that the control API is sent, beside expectations: filters, verifications, ports. */
import { z } from 'zod'
import { readYaml } from '../content/openapi/read-spec.ts'
import type { ExpectationSpec } from '../decide/matching/expectation.ts'
import type { Filter, Read, RequestFilter, SequenceVerification, Verification } from '../decide/matching/filter.ts'
import { compileRequest } from '../decide/matching/request-spec.ts'
import { RequestInPlace } from './actions/request-override.ts'
import { PlainResponse } from './actions/response.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { ExpectationItem } from './expectation-schema.ts'
import { formatOf, IMPORT_FORMATS } from './import/formats.ts'
import { OpenApiExpectations } from './openapi-schema.ts'
import { checkValue, keyText } from './problems.ts'
import { Request } from './request-schema.ts'
import { SentRequestDocument } from './sent-request-schema.ts'
import { ResponseDocument } from './sent-response-schema.ts'

const Whole = z.int().min(0)

const RequestDocument = chosen<RequestFilter>((given) =>
  Request.transform((spec) => ({ matcher: compileRequest(spec), given: isRecord(given) ? given : {} })),
)
const asRequest = RequestDocument.transform((request): Filter => ({ kind: 'request', request }))
/** `"x"` or `{"id": "x"}`. */
const Id = chosen<string>((given) =>
  isRecord(given) ? z.strictObject({ id: z.string().min(1) }).transform(({ id }) => id) : z.string().min(1),
)
const asId = Id.transform((id): Filter => ({ kind: 'id', id }))

const FilterDocument = chosen<Filter>((given) => {
  if (!isRecord(given)) return asRequest
  if (given['httpRequest'] !== undefined)
    return z.looseObject({ httpRequest: asRequest }).transform((whole) => whole.httpRequest)
  return given['id'] === undefined ? asRequest : asId
})

/** -1 is how Java clients write that there is no bound. */
const Bound = z
  .int()
  .min(-1)
  .transform((bound) => (bound < 0 ? undefined : bound))
const Times = z.strictObject({ atLeast: Bound.optional(), atMost: Bound.optional() })

const Common = {
  maximumNumberOfRequestToReturnInVerificationFailure: Whole.optional(),
  timeout: Whole.optional(),
}
const howTo = (read: z.infer<z.ZodObject<typeof Common>>) => ({
  maximumListed: read.maximumNumberOfRequestToReturnInVerificationFailure,
  timeoutMs: read.timeout ?? 0,
})

const VerificationDocument = chosen<Verification>((given, report) => {
  const { httpRequest, expectationId, httpResponse } = isRecord(given) ? given : {}
  if (httpRequest !== undefined && expectationId !== undefined) report('either httpRequest or expectationId, not both')
  if (isRecord(given) && (httpRequest ?? expectationId ?? httpResponse) === undefined)
    report('one of httpRequest, expectationId and httpResponse is required')
  return z
    .strictObject({
      httpRequest: asRequest.optional(),
      expectationId: asId.optional(),
      httpResponse: ResponseDocument.optional(),
      disposition: z.enum(['MOCKED', 'FORWARDED']).optional(),
      times: Times.optional(),
      ...Common,
    })
    .transform((read): Verification => {
      const request = read.httpRequest ?? read.expectationId
      const { atLeast, atMost } = read.times ?? {}
      // Not "at least once": a document without times means this, in all versions.
      const isOnce = Object.keys(read.times ?? {}).length === 0
      return {
        what: { request, response: read.httpResponse, disposition: read.disposition },
        atLeast: isOnce ? 1 : atLeast,
        atMost: isOnce ? 1 : atMost,
        ...howTo(read),
      }
    })
})

const SequenceDocument = z
  .strictObject({
    httpRequests: z.array(asRequest).optional(),
    expectationIds: z.array(asId).optional(),
    httpResponses: z.array(ResponseDocument).optional(),
    ...Common,
  })
  .superRefine(({ httpRequests = [], expectationIds = [] }, context) => {
    if (httpRequests.length > 0 && expectationIds.length > 0)
      context.addIssue({ code: 'custom', message: 'either httpRequests or expectationIds, not both' })
  })
  .refine((read) => (read.httpRequests ?? read.expectationIds ?? read.httpResponses) !== undefined, {
    error: 'one of httpRequests, expectationIds and httpResponses is required',
  })
  .transform((read): SequenceVerification => {
    const { httpRequests = [], expectationIds = [], httpResponses = [] } = read
    return { requests: [...httpRequests, ...expectationIds], responses: httpResponses, ...howTo(read) }
  })

const Ports = z.strictObject({ ports: z.array(z.int().min(0).max(65535)).max(16) }).transform(({ ports }) => ports)

/** How MockServer says it. */
const UNDEFINED = 'is not defined in the schema and the schema does not allow additional properties'

const read =
  <T>(schema: z.ZodType<T>) =>
  (given: unknown): Read<T> => {
    const checked = checkValue(schema, given)
    if ('value' in checked) return checked
    return {
      problems: checked.problems.map(({ path, message }) => {
        const at = keyText(path)
        return `$${at === '' || at.startsWith('[') ? at : `.${at}`}: ${message.replace(/^unknown key/, UNDEFINED)}`
      }),
    }
  }

const imported = (
  document: unknown,
  name: string | undefined,
): Read<readonly ExpectationSpec[]> | { refusal: 'unknown_format' | 'not_recognised'; formats: readonly string[] } => {
  const formats = IMPORT_FORMATS.map((format) => format.name)
  const named = name === undefined ? undefined : IMPORT_FORMATS.find((format) => format.name === name)
  if (name !== undefined && !named) return { refusal: 'unknown_format', formats }
  const format = named ?? formatOf(document)
  return format ? read(format.schema)(document) : { refusal: 'not_recognised', formats }
}

/** The same schemas as those of files. A filter is `{"id": …}`, a request matcher, or a whole expectation, of which the
 * request counts. */
export const controlDocuments = {
  expectation: read(ExpectationItem),
  openApi: read(OpenApiExpectations),
  imported,
  yaml: (text: string): Read<unknown> => {
    const parsed = readYaml(text)
    return 'value' in parsed ? parsed : { problems: [parsed.problem] }
  },
  request: read(RequestInPlace),
  response: read(PlainResponse),
  filter: read(FilterDocument),
  verification: read(VerificationDocument),
  sequence: read(SequenceDocument),
  ports: read(Ports),
  sentRequest: read(SentRequestDocument),
}
