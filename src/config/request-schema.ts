/** `httpRequest`: which requests an expectation is for. */
import { z } from 'zod'
import { problemWithText } from '../decide/matching/text.ts'
import { notYetKeys } from './chosen-schema.ts'
import { RequestBody } from './expectation-body-schema.ts'
import { namedValues } from './named-values-schema.ts'

/** Text that is matched: literal or a regular expression, which must be one that can be run safely. */
const Matched = z.string().superRefine((value, context) => {
  const message = problemWithText(value)
  if (message) context.addIssue({ code: 'custom', message })
})

const MatchedName = Matched.superRefine((value, context) => {
  if (value === 'keyMatchStyle') context.addIssue({ code: 'custom', message: 'not supported yet' })
})

export const Request = z.strictObject({
  method: Matched.optional(),
  path: Matched.optional(),
  queryStringParameters: namedValues(MatchedName, Matched, 0).optional(),
  headers: namedValues(MatchedName, Matched, 0).optional(),
  body: RequestBody.optional(),
  ...notYetKeys(['pathParameters', 'cookies', 'secure', 'keepAlive', 'protocol', 'not', 'respondBeforeBody']),
  ...notYetKeys(['socketAddress', 'localAddress', 'remoteAddress', 'specUrlOrPayload', 'operationId']),
})
