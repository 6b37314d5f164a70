/** One response that was sent against a matcher. Headers, cookies and body are compared by the rules of requests. */
import { matchesRequest, type RequestMatcher, type Verdict } from './request.ts'
import { matchesText, type TextMatcher } from './text.ts'

export interface ResponseMatcher {
  readonly statusCode: number | undefined
  readonly reasonPhrase: TextMatcher | undefined
  /** Headers, cookies and body. */
  readonly rest: RequestMatcher
}

export interface SentResponse {
  readonly statusCode: number
  readonly reason: string | undefined
  /** Names and values in turn. */
  readonly headers: readonly string[]
  /** Undefined where not all of it is known. */
  readonly body: Buffer | undefined
}

const NO_HEAD = { method: '', target: '', path: '', query: '', httpVersion: '1.1' } as const

/** The cookies that a response sets, as a request would bring them back. */
const cookieHeader = (headers: readonly string[]): string[] => {
  const pairs: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === 'set-cookie') pairs.push((headers[at + 1] ?? '').split(';', 1)[0] ?? '')
  }
  return pairs.length === 0 ? [] : ['cookie', pairs.join('; ')]
}

/** `needs_body` where the answer lies in a part of the body that is not known. */
export function matchesResponse(matcher: ResponseMatcher, sent: SentResponse): Verdict {
  const { statusCode, reasonPhrase, rest } = matcher
  if (statusCode !== undefined && statusCode !== sent.statusCode) return 'no'
  if (reasonPhrase && !matchesText(reasonPhrase, sent.reason ?? '')) return 'no'
  const headers = [...sent.headers, ...cookieHeader(sent.headers)]
  return matchesRequest(rest, { head: { ...NO_HEAD, headers }, body: sent.body, query: undefined, read: undefined })
}
