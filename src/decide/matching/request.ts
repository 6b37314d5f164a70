/** One request against one matcher: the head first, the body only when everything else already fits. */
import type { RequestHead } from '../../flow.ts'
import { type BodyMatcher, matchesBody, type ReadBody } from './body.ts'
import { matchesPairs, type PairsMatcher } from './pairs.ts'
import { parseQuery } from './query.ts'
import { matchesText, type TextMatcher } from './text.ts'

/** What an expectation asks of a request; an absent part matches anything. */
export interface RequestMatcher {
  readonly method: TextMatcher | undefined
  readonly path: TextMatcher | undefined
  readonly query: PairsMatcher | undefined
  readonly headers: PairsMatcher | undefined
  readonly body: BodyMatcher | undefined
}

/** One request being matched; what is costly to read is read once, when first asked for. */
export interface Subject {
  readonly head: RequestHead
  /** undefined: not read yet; unavailable: larger than the byte budget, so no body matcher fits. */
  readonly body: Buffer | 'unavailable' | undefined
  query: readonly string[] | undefined
  read: ReadBody | undefined
}

export type Verdict = 'no' | 'yes' | 'needs_body'

export function matchesRequest(matcher: RequestMatcher, subject: Subject): Verdict {
  const { head, body } = subject
  if (matcher.method && !matchesText(matcher.method, head.method)) return 'no'
  if (matcher.path && !matchesText(matcher.path, head.path)) return 'no'
  if (matcher.query) {
    subject.query ??= parseQuery(head.query)
    if (!matchesPairs(matcher.query, subject.query)) return 'no'
  }
  if (matcher.headers && !matchesPairs(matcher.headers, head.headers)) return 'no'
  if (!matcher.body) return 'yes'
  if (body === undefined) return 'needs_body'
  if (body === 'unavailable') return 'no'
  subject.read ??= { bytes: body, contentType: headerValue(head.headers, 'content-type') }
  return matchesBody(matcher.body, subject.read) ? 'yes' : 'no'
}

function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toLowerCase() === name) return headers[at + 1]
  }
  return undefined
}
