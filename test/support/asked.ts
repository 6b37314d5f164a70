/** Requests against a matcher as a file would give it, and what is wrong with one that is refused. */
import { checkValue } from '../../src/config/problems.ts'
import { Request } from '../../src/config/request-schema.ts'
import type { Inflate } from '../../src/decide/matching/body.ts'
import { matchesRequest, type Verdict } from '../../src/decide/matching/request.ts'
import { compileRequest } from '../../src/decide/matching/request-spec.ts'
import type { RequestHead } from '../../src/flow.ts'

/** Whether the request fits `httpRequest`; throws with the problems of one that is refused. */
export function verdict(
  httpRequest: unknown,
  head: RequestHead,
  body: Buffer | 'unavailable' | undefined = undefined,
  inflate?: Inflate,
): Verdict {
  const checked = checkValue(Request, httpRequest)
  if ('problems' in checked) throw new Error(problemLines(httpRequest).join('\n'))
  return matchesRequest(compileRequest(checked.value), { head, body, query: undefined, read: undefined, inflate })
}

/** Whether a POST with this body fits a matcher of bodies. */
export function bodyFits(matcher: unknown, body: string | Buffer, contentType?: string): boolean {
  const headers = contentType === undefined ? [] : ['content-type', contentType]
  const head: RequestHead = { method: 'POST', target: '/', path: '/', query: '', httpVersion: '1.1', headers }
  return verdict({ body: matcher }, head, Buffer.from(body)) === 'yes'
}

/** `key: message` for each problem of a matcher. */
export function problemLines(httpRequest: unknown): string[] {
  const checked = checkValue(Request, httpRequest)
  return 'problems' in checked ? checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : []
}
