/** Why requests are not answered, for people: which expectations came closest, and what kept each from matching. */
import type { MissReason, RequestHead } from '../../flow.ts'
import { type Asked, CLOSENESS } from './search.ts'
import type { Considered } from './store.ts'
import { matchesText } from './text.ts'

export interface Explanation extends Considered {
  /** A sentence without secrets: values other than method and path are not shown. */
  readonly text: string
}

const FIELDS: Readonly<Partial<Record<MissReason, string>>> = {
  queryStringParameters: 'the query does not have what is asked for',
  headers: 'the headers do not have what is asked for',
  cookies: 'the cookies do not have what is asked for',
  pathParameters: 'a segment of the path is not what is asked for',
  keepAlive: 'the connection is kept, or not, other than asked for',
  secure: 'it came over TLS, or not, other than asked for',
  protocol: 'it was sent in another version of HTTP',
  body: 'the body is not what is asked for',
  not: 'all of it matches, and the expectation is for everything else',
  scope: 'the flow is not in its scope',
  scenario: 'its scenario is in another state',
  percentage: 'it answers a part of the requests only',
}

const SHOWN = 200
const shown = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)

const textOf = ({ expectation: { request }, reason, isOpen }: Considered, { method, path }: RequestHead): string => {
  if (isOpen) return 'all but the body matches, and that is not known as a whole'
  if (reason === undefined) return 'it matches'
  const wanted = reason === 'method' ? request?.method : reason === 'path' ? request?.path : undefined
  const not = wanted?.negated ? 'anything but ' : ''
  if (reason === 'method') return `the method is ${shown(method)}, expected ${not}${shown(wanted?.text ?? '')}`
  if (reason === 'path') return `the path is ${shown(path)}, expected ${not}${shown(wanted?.text ?? '')}`
  return FIELDS[reason] ?? reason
}

/** How much of two paths is the same from their starts and from their ends, from 0 to 1. */
function likeness(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  let start = 0
  while (start < length && one[start] === other[start]) start++
  let end = 0
  while (end < length - start && one[one.length - 1 - end] === other[other.length - 1 - end]) end++
  return (start + end) / Math.max(one.length, other.length, 1)
}

/** An expectation for the same path is closer than one for the same method; then the later a part is compared, the closer. */
function closeness({ expectation, reason, isOpen }: Considered, { method, path }: RequestHead): number {
  if (reason === undefined) return isOpen ? Number.MAX_VALUE : Infinity
  const { request } = expectation
  const isPath = !request?.path || matchesText(request.path, path)
  const isMethod = !request?.method || matchesText(request.method, method)
  const near = isPath ? 1 : likeness(path.slice(0, SHOWN), request?.path?.text.slice(0, SHOWN) ?? '') / 2
  return near * 100 + (isMethod ? 20 : 0) + CLOSENESS[reason]
}

/** The closest ones, at most `limit`; one that matches comes first, and among equals the one asked first. */
export function closest(considered: Iterable<Considered>, { head }: Asked, limit: number): Considered[] {
  return [...considered]
    .map((one) => ({ one, score: closeness(one, head) }))
    .sort((a, b) => (a.score === b.score ? 0 : b.score - a.score))
    .slice(0, limit)
    .map(({ one }) => one)
}

/** The same, with a sentence for each. */
export function explained(considered: Iterable<Considered>, asked: Asked, limit: number): Explanation[] {
  return closest(considered, asked, limit).map((one) => ({ ...one, text: textOf(one, asked.head) }))
}
