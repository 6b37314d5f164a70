/** `httpResponse` of a verification: which responses are meant. */
import { z } from 'zod'
import type { ResponseFilter } from '../decide/matching/filter.ts'
import { compileRequest } from '../decide/matching/request-spec.ts'
import { compileText } from '../decide/matching/text.ts'
import { chosen, isRecord } from './chosen-schema.ts'
import { Matched, MatchedCookies, MatchedPairs } from './matched-schema.ts'
import { RequestBody } from './request-body-schema.ts'

/** How a response is given says nothing of what it looks like: accepted, so that an action can be verified. */
const notCompared = z.unknown().optional()

const Plain = z.strictObject({
  statusCode: z.int().min(0).max(999).optional(),
  reasonPhrase: Matched.optional(),
  headers: MatchedPairs.optional(),
  cookies: MatchedCookies.optional(),
  body: RequestBody.optional(),
  delay: notCompared,
  connectionOptions: notCompared,
  primary: notCompared,
})

export const ResponseDocument = chosen<ResponseFilter>((given) =>
  Plain.transform(({ statusCode, reasonPhrase, headers, cookies, body }) => ({
    matcher: {
      statusCode,
      reasonPhrase: reasonPhrase === undefined ? undefined : compileText(reasonPhrase),
      rest: compileRequest({ headers, cookies, body }),
    },
    given: isRecord(given) ? given : {},
  })),
)
