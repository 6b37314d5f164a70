/** Where the control API is meant to answer in other words than MockServer. */
import { STATUS_CODES } from 'node:http'
import { prettyJson } from '../../../src/decide/matching/pretty-json.ts'
import type { Seen, Wanted } from './compare.ts'
import type { Answered } from './exchange.ts'

type Json = Readonly<Record<string, unknown>>

const isCallOf = ({ step }: Pick<Seen, 'step'>, name: RegExp): boolean => name.test(step.target)

const withText = (real: Answered, change: (text: string) => string): Answered =>
  typeof real.body === 'string' ? { ...real, body: change(real.body) } : real

const ourText = ({ ours }: Seen): string => ('body' in ours && typeof ours.body === 'string' ? ours.body : '')

const listOf = (text: string): readonly Json[] | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const withoutAddedLength = (text: string): string =>
  text.replaceAll(/\n *"content-length" : \[ "0" \](?:,(?=\n)|(?=\n))/g, '').replaceAll(/,(\n *\})/g, '$1')

/** The document of what was expected, and what else there is. */
const expectedIn = (text: string): readonly [before: string, expected: string, rest: string] => {
  const [, before = '', expected = '', rest = ''] = /^([^\n]*?, expected:<)(.*?)(> but was.*)$/s.exec(text) ?? []
  return [before, expected, rest]
}

const UNMATCHED = 'understudy: no expectation matches this request, and unmatched requests are not forwarded\n'
const NO_EXPECTATION = {
  statusCode: 404,
  reasonPhrase: 'Not Found',
  headers: {
    'content-length': [`${UNMATCHED.length}`],
    'content-type': ['text/plain; charset=utf-8'],
    'x-understudy-reason': ['no_expectation'],
  },
  body: {
    type: 'STRING',
    string: UNMATCHED,
    rawBytes: Buffer.from(UNMATCHED).toString('base64'),
    contentType: 'text/plain; charset=utf-8',
  },
}

const DIFF = '\n\nclosest match diff:\n'

/** A response as it was sent: an expectation need not say all of it. */
const asSent = ({ statusCode = 200, reasonPhrase, headers = {}, body }: Json): Json => {
  if (statusCode === 404 && body === undefined) return { ...NO_EXPECTATION }
  const bytes = typeof body === 'string' ? body : body === undefined ? '' : prettyJson(body)
  const type = typeof body === 'object' ? { 'content-type': ['application/json; charset=utf-8'] } : {}
  return {
    statusCode,
    reasonPhrase: reasonPhrase ?? STATUS_CODES[Number(statusCode)] ?? '',
    headers: { 'content-length': [`${Buffer.byteLength(bytes)}`], ...type, ...(headers as Json) },
    ...(body === undefined ? {} : { body }),
  }
}

/** With the hint at what was closest, where ours has one: it is sent with an answer, so it is kept with it. */
const withHintOf = (sent: Json, ours: unknown): Json => {
  const own = (ours as { readonly httpResponse?: { readonly headers?: Json } } | undefined)?.httpResponse?.headers
  const hint = own?.['x-understudy-closest']
  if (sent['statusCode'] !== 404 || hint === undefined) return sent
  const { 'x-understudy-reason': reason, ...others } = sent['headers'] as Json
  return { ...sent, headers: { ...others, 'x-understudy-closest': hint, 'x-understudy-reason': reason } }
}

const withSentResponses = (text: string, ours: string): string => {
  const items = listOf(text)
  const own = listOf(ours)
  if (!items || items.length === 0) return text
  return prettyJson(
    items.map((item, at) => {
      const { httpResponse } = item
      if (typeof httpResponse !== 'object') return item
      return { ...item, httpResponse: withHintOf(asSent(httpResponse as Json), own?.[at]) }
    }),
  )
}

const NOTHING_ASKED = 'No expectations, requests or responses specified in verification sequence'

/** With our lines of what was closest, if any, where it has some. */
const withOurDiff = (text: string, ours: string): string => {
  const [claim = '', theirs] = text.split(DIFF)
  const own = ours.split(DIFF)[1]
  // There a text that must not be is also what is closest to it.
  if (theirs === undefined)
    return own !== undefined && expectedIn(ours)[1].includes('"!') ? `${text}${DIFF}${own}` : text
  return own === undefined ? claim : `${claim}${DIFF}${own}`
}

export const wantedOfControl: readonly Wanted[] = [
  {
    name: 'nothing is said of the commit that was built',
    reason: 'it is not that of MockServer',
    versions: ['8.0.0'],
    rewrite: (real, seen) =>
      isCallOf(seen, /\/status/) ? withText(real, (text) => text.replace(/ *"gitHash" : "[^"]*",\n/, '')) : real,
  },
  {
    name: 'a length that nobody sent is not recorded',
    reason: 'there a request without a body is given one',
    rewrite: (real, seen) =>
      isCallOf(seen, /\/(?:retrieve|verify)/) && real.status !== 400 ? withText(real, withoutAddedLength) : real,
  },
  {
    name: 'what was expected is shown with its negations',
    reason: 'there "!/a" is shown as "/a"',
    rewrite: (real, seen) =>
      isCallOf(seen, /\/verify/) && real.status === 406
        ? withText(real, (text) => {
            const [before, expected, rest] = expectedIn(text)
            const own = expectedIn(ourText(seen))[1]
            return own !== expected && own.replaceAll('"!', '"') === expected ? `${before}${own}${rest}` : text
          })
        : real,
  },
  {
    name: 'what was answered is retrieved as it was sent',
    reason: 'there as the expectation says it: without what is added to it on the wire',
    rewrite: (real, seen) =>
      isCallOf(seen, /type=request_responses/)
        ? withText(real, (text) => withSentResponses(text, ourText(seen)))
        : real,
  },
  {
    name: 'a sequence of nothing is not found',
    reason: '5.15 takes it for proven',
    versions: ['5.15.0'],
    rewrite: (real, { step }) =>
      /\/verifySequence$/.test(step.target) && step.body === '{"httpRequests":[]}' && real.status === 202
        ? {
            status: 406,
            reason: 'Not Acceptable',
            headers: { ...real.headers, 'content-type': ['text/plain; charset=utf-8'] },
            body: NOTHING_ASKED,
          }
        : real,
  },
  {
    name: 'an expectation that is gone is shown by its id',
    reason: 'what it asked for is not kept',
    rewrite: (real, seen) =>
      isCallOf(seen, /\/verify/) && real.status === 406 && /"expectationIds?"/.test(String(seen.step.body))
        ? withText(real, (text) => {
            const [before, , rest] = expectedIn(text)
            const own = expectedIn(ourText(seen))[1]
            return /^ *"id" : /m.test(own) ? `${before}${own}${rest}` : text
          })
        : real,
  },
  {
    name: 'requests are found by the id of an expectation',
    reason: '5.15 does not know filters by id here',
    versions: ['5.15.0'],
    explains: (seen) =>
      isCallOf(seen, /\/retrieve/) &&
      /^\{"id":/.test(String(seen.step.body)) &&
      'body' in seen.real &&
      /\$\.id: is not defined in the schema/.test(String(seen.real.body)),
  },
  {
    name: 'the id of an expectation that is gone means what it answered',
    reason: 'there it means all that it would answer',
    versions: ['8.0.0'],
    explains: (seen) => {
      if (!isCallOf(seen, /\/(?:retrieve|clear)/) || !/^\{"id":/.test(String(seen.step.body))) return false
      const theirs = listOf('body' in seen.real ? String(seen.real.body) : '')?.map((item) => prettyJson(item))
      return listOf(ourText(seen))?.every((item) => theirs?.includes(prettyJson(item))) === true
    },
  },
  {
    name: 'an id is forgotten with the last trace of its expectation',
    reason: 'there it is kept for ever, though nothing can be found by it',
    explains: (seen) =>
      isCallOf(seen, /\/(?:clear|retrieve|verify)/) && ourText(seen).startsWith('No expectation found with id '),
  },
  {
    name: 'what was closest to a failed verification is told in fewer words',
    reason: 'it is the nearest of a hundred exchanges, there the first; one line a field, and none where one fits',
    versions: ['8.0.0'],
    rewrite: (real, seen) =>
      isCallOf(seen, /\/verify/) && real.status === 406
        ? withText(real, (text) => withOurDiff(text, ourText(seen)))
        : real,
  },
]
