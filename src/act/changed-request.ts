/** A client's request as an expectation changes it. Pure. */
import type { ForwardPlan, PairsChange, RequestChange } from '../action.ts'
import type { RequestHead } from '../flow.ts'
import type { Framing } from '../http1/framing.ts'
import type { ParsedRequest } from '../http1/head.ts'
import { headerValue, invalidField } from '../http1/response.ts'
import { isAuthority } from '../http1/target.ts'
import { changedCookies, changedHeaders, changedQuery, withoutHeaders } from './changed-pairs.ts'

const METHOD = /^[!#$%&'*+\-.^_`|~\w]+$/
/** What can stand in a request line, but for the query and a fragment. */
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/

/** The Host that a change sets: by that a client would have named whom it wants. */
export const hostSetBy = ({ headers = [] }: RequestChange): string | undefined => {
  let host: string | undefined
  for (const { set = [], replace = [], add = [] } of headers) {
    host = headerValue(set, 'host') ?? headerValue(replace, 'host') ?? headerValue(add, 'host') ?? host
  }
  return host
}

const targetAfter = (
  head: RequestHead,
  change: RequestChange,
): Pick<RequestHead, 'target' | 'path' | 'query'> | string => {
  const { isWhole, query: changes, rewritePath } = change
  const given = change.path ?? (isWhole ? '/' : head.path)
  const path = rewritePath ? rewritePath(given) : given
  if (path === undefined) return 'the path is too long to be rewritten'
  const sent = isWhole ? '' : head.query
  const query = changes ? changedQuery(sent, changes) : sent
  if (path === head.path && query === head.query) return { target: head.target, path, query }
  if (!PATH.test(path)) return 'the path cannot stand in a request'
  return { target: query === '' ? path : `${path}?${query}`, path, query }
}

/** What is read here must not be compressed. */
const PLAIN: PairsChange = { replace: ['accept-encoding', 'identity'] }

const headersAfter = (head: RequestHead, change: RequestChange, isReadHere: boolean): string[] => {
  const { isWhole, headers = [], cookies, body } = change
  let now: string[] = isWhole ? [] : [...head.headers]
  // What tells of the client's body is not true of another one.
  if (body) now = withoutHeaders(now, 'content-encoding', 'trailer')
  for (const one of headers) now = changedHeaders(now, one)
  if (cookies) now = changedCookies(now, cookies)
  return isReadHere ? changedHeaders(now, PLAIN) : now
}

const EXPECTS_A_BODY = /^(?:POST|PUT|PATCH)$/

const framingAfter = (method: string, { body, isWhole }: RequestChange, framing: Framing): Framing => {
  if (!body && !isWhole) return framing
  const bytes = body?.length ?? 0
  return bytes === 0 && !EXPECTS_A_BODY.test(method) ? { kind: 'none' } : { kind: 'length', bytes }
}

const problemWith = ({ method, headers, host }: RequestHead): string | undefined => {
  if (!METHOD.test(method)) return 'the method cannot stand in a request'
  if (host !== undefined && !isAuthority(host)) return 'the Host header names no host'
  return invalidField(headers)
}

/**
 * The request as it is to be sent, or why it cannot be. CONNECT stays CONNECT, and nothing else becomes it.
 * @param isReadHere the answer is wanted uncompressed
 */
export const changedRequest = (
  request: ParsedRequest,
  change: RequestChange,
  isReadHere: boolean,
): ParsedRequest | string => {
  const { head } = request
  const method = change.method ?? (change.isWhole ? 'GET' : head.method)
  if ((method === 'CONNECT') !== (head.method === 'CONNECT')) return 'the method cannot be changed from or to CONNECT'
  const target = targetAfter(head, change)
  if (typeof target === 'string') return target
  const headers = headersAfter(head, change, isReadHere)
  const host = hostSetBy(change) ?? (change.isWhole ? undefined : head.host)
  const { host: _, ...rest } = head
  const changed: RequestHead = { ...rest, ...target, method, headers, ...(host === undefined ? {} : { host }) }
  const problem = problemWith(changed)
  if (problem !== undefined) return problem
  const replacesBody = change.body !== undefined || change.isWhole === true
  const { upgrade, ...kept } = request
  return {
    ...kept,
    ...(upgrade === undefined || replacesBody ? {} : { upgrade }),
    head: changed,
    framing: framingAfter(method, change, request.framing),
    expectContinue: request.expectContinue && !replacesBody,
  }
}

/** Whether an answer cannot be changed without all of it. */
export const needsWhole = ({ response }: ForwardPlan): boolean => {
  if (!response) return false
  const asks = (steps: NonNullable<typeof response.steps>): boolean =>
    steps.some(({ patch, steps: inner = [] }) => patch !== undefined || asks(inner))
  return response.rewrite !== undefined || asks(response.steps ?? [])
}
