/** One request against one matcher: the head first, the body only when everything else already fits. */
import type { MissReason, RequestHead } from '../../flow.ts'
import { type BodyMatcher, type Inflate, matchesBody, type ReadBody } from './body.ts'
import { parseCookies } from './cookies.ts'
import { matchesPairs, type PairsMatcher } from './pairs.ts'
import { type PathTemplate, pathEntries } from './path-parameters.ts'
import { parseQuery } from './query.ts'
import { matchesText, type TextMatcher } from './text.ts'

export type Protocol = 'HTTP_1_1' | 'HTTP_2' | 'HTTP_3'

/** What an expectation asks of a request; an absent part matches anything. */
export interface RequestMatcher {
  readonly method: TextMatcher | undefined
  readonly path: TextMatcher | undefined
  readonly query: PairsMatcher | undefined
  readonly headers: PairsMatcher | undefined
  readonly body: BodyMatcher | undefined
  /** What is asked for more rarely; one look when none of it is. */
  readonly more: MoreMatcher | undefined
  /** `not`: matches what all of the rest together does not. */
  readonly negated: boolean
  /** Is answered as soon as the head is there. */
  readonly respondBeforeBody: boolean
  /** Any one of these is enough, beside the rest. */
  readonly anyOf?: readonly RequestMatcher[]
}

/** Judges a head in a way that texts and pairs cannot say; answers with what does not match. Must not throw. */
export type HeadTest = (
  head: RequestHead,
  query: readonly string[],
  cookies: readonly string[],
) => HeadField | undefined

export interface MoreMatcher {
  readonly cookies: PairsMatcher | undefined
  readonly template: PathTemplate | undefined
  readonly pathParameters: PairsMatcher | undefined
  readonly secure: boolean | undefined
  readonly keepAlive: boolean | undefined
  readonly protocol: Protocol | undefined
  readonly test?: HeadTest | undefined
}

/** The parts of a request, in the order they are compared. */
export type RequestField = Exclude<MissReason, 'scope' | 'scenario' | 'percentage'>
export type HeadField = Exclude<RequestField, 'body' | 'not'>

/** One request being matched; what is costly to read is read once, when first asked for. */
export interface Subject {
  readonly head: RequestHead
  /** undefined: not read yet; unavailable: larger than the byte budget, so no body matcher fits. */
  readonly body: Buffer | 'unavailable' | undefined
  query: readonly string[] | undefined
  /** 'unavailable' when it would come to more than the byte budget without its content codings. */
  read: ReadBody | 'unavailable' | undefined
  /** Without it a body is matched as it was sent. */
  readonly inflate?: Inflate | undefined
  cookies?: readonly string[]
  /** Why the last matcher said no. */
  failed?: RequestField | undefined
}

export type Verdict = 'no' | 'yes' | 'needs_body'

export function matchesRequest(matcher: RequestMatcher, subject: Subject): Verdict {
  if (matcher.anyOf) return matchesAny(matcher.anyOf, matcher.negated, subject)
  const field = headMismatch(matcher, subject)
  if (matcher.negated) return negatedVerdict(matcher, subject, field)
  if (field !== undefined) return no(subject, field)
  if (!matcher.body) return 'yes'
  if (subject.body === undefined) return 'needs_body'
  const read = bodyOf(subject, subject.body)
  return read !== 'unavailable' && matchesBody(matcher.body, read) ? 'yes' : no(subject, 'body')
}

function no(subject: Subject, field: RequestField): Verdict {
  subject.failed = field
  return 'no'
}

/** Of a matcher that is turned round; `field` is what does not match, so far. */
function negatedVerdict(matcher: RequestMatcher, subject: Subject, field: RequestField | undefined): Verdict {
  if (field !== undefined) return 'yes'
  if (!matcher.body) return no(subject, 'not')
  if (subject.body === undefined) return 'needs_body'
  // Nobody knows whether a body that is too large matches, so neither does its negation.
  const read = bodyOf(subject, subject.body)
  if (read === 'unavailable') return no(subject, 'body')
  return matchesBody(matcher.body, read) ? no(subject, 'not') : 'yes'
}

function matchesAny(matchers: readonly RequestMatcher[], negated: boolean, subject: Subject): Verdict {
  let isWaiting = false
  let isUnknown = false
  let furthest: RequestField = 'path'
  for (const matcher of matchers) {
    const verdict = matchesRequest(matcher, subject)
    if (verdict === 'yes') return negated ? no(subject, 'not') : 'yes'
    if (verdict === 'needs_body') isWaiting = true
    else if (subject.failed === 'body' && subject.body === 'unavailable') isUnknown = true
    if (subject.failed !== undefined && !isEarly(subject.failed)) furthest = subject.failed
  }
  if (isWaiting) return 'needs_body'
  return negated && !isUnknown ? 'yes' : no(subject, furthest)
}

const isEarly = (field: string): boolean => field === 'method' || field === 'path'

function headMismatch(matcher: RequestMatcher, subject: Subject): RequestField | undefined {
  const { head } = subject
  if (matcher.method && !matchesText(matcher.method, head.method)) return 'method'
  if (matcher.path && !matchesText(matcher.path, head.path)) return 'path'
  if (matcher.query) {
    subject.query ??= parseQuery(head.query)
    if (!matchesPairs(matcher.query, subject.query)) return 'queryStringParameters'
  }
  if (matcher.headers && !matchesPairs(matcher.headers, head.headers)) return 'headers'
  return matcher.more && moreMismatch(matcher.more, subject)
}

function moreMismatch(more: MoreMatcher, subject: Subject): RequestField | undefined {
  const { head } = subject
  if (more.cookies) {
    subject.cookies ??= parseCookies(head.headers)
    if (!matchesPairs(more.cookies, subject.cookies)) return 'cookies'
  }
  if (more.pathParameters) {
    const entries = more.template ? pathEntries(more.template, head.path) : []
    if (!entries) return 'path'
    if (!matchesPairs(more.pathParameters, entries)) return 'pathParameters'
  }
  if (more.test) {
    subject.query ??= parseQuery(head.query)
    subject.cookies ??= parseCookies(head.headers)
    const field = more.test(head, subject.query, subject.cookies)
    if (field !== undefined) return field
  }
  if (more.keepAlive !== undefined && more.keepAlive !== keepsAlive(head)) return 'keepAlive'
  if (more.secure !== undefined && more.secure !== (head.isSecure ?? false)) return 'secure'
  // Requests of HTTP/1.0 count as HTTP_1_1, as in MockServer.
  return more.protocol === undefined || more.protocol === 'HTTP_1_1' ? undefined : 'protocol'
}

function keepsAlive({ headers, httpVersion }: RequestHead): boolean {
  const connection = headerValue(headers, 'connection')?.toLowerCase() ?? ''
  if (/(?:^|,)\s*close\s*(?:,|$)/.test(connection)) return false
  return httpVersion === '1.1' || /(?:^|,)\s*keep-alive\s*(?:,|$)/.test(connection)
}

/** The body as matchers see it; decompressed only here, when the first of them asks. */
export function bodyOf(subject: Subject, sent: Buffer | 'unavailable'): ReadBody | 'unavailable' {
  if (sent === 'unavailable') return sent
  if (subject.read !== undefined) return subject.read
  const { headers } = subject.head
  const encoding = subject.inflate && sent.length > 0 ? headerValue(headers, 'content-encoding') : undefined
  const bytes = encoding === undefined ? sent : (subject.inflate?.(sent, encoding) ?? sent)
  const read = bytes === 'unavailable' ? bytes : { bytes, sent, contentType: headerValue(headers, 'content-type') }
  subject.read = read
  return read
}

function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toLowerCase() === name) return headers[at + 1]
  }
  return undefined
}
