/** Where forwarding, imports, OpenAPI documents and pages of other origins are meant to differ from MockServer. */
import { isDeepStrictEqual } from 'node:util'
import type { Seen, Wanted } from './compare.ts'
import { type Answer, type Answered, isCall, type Step } from './exchange.ts'

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const jsonOf = (answer: Answer): unknown => {
  try {
    return 'body' in answer && typeof answer.body === 'string' ? JSON.parse(answer.body) : undefined
  } catch {
    return undefined
  }
}

const asked = ({ before }: Seen, text: RegExp): boolean =>
  before.some(({ target, body }) => text.test(target) || (typeof body === 'string' && text.test(body)))

const FORWARDS = /"http(?:Forward|OverrideForwardedRequest|ForwardWithFallback)"/

/** What the server behind got, in its own words (echo.ts), with some header changed. */
const withHeard = (real: Answered, change: (headers: Json, heard: Json) => Json): Answered => {
  const heard = jsonOf(real)
  if (!isRecord(heard) || typeof heard['url'] !== 'string' || !isRecord(heard['headers'])) return real
  const body = `${JSON.stringify({ ...heard, headers: change(heard['headers'], heard) }, undefined, 1)}\n`
  return { ...real, body }
}

const without = (headers: Json, unwanted: (name: string, values: unknown) => boolean): Json =>
  Object.fromEntries(Object.entries(headers).filter(([name, values]) => !unwanted(name, values)))

/** An expectation without what another reader of the same document would say of it. */
const withoutDocument = (item: unknown): unknown => {
  if (!isRecord(item) || !isRecord(item['httpRequest'])) return item
  const { specUrlOrPayload: _, ...httpRequest } = item['httpRequest']
  const { id } = item
  return { ...item, httpRequest, id: typeof id === 'string' ? id.replace(/_[0-9a-f]{8,}(?=:)/, '') : id }
}

const withoutId = (item: unknown): unknown => {
  const plain = withoutDocument(item)
  return isRecord(plain) ? { ...plain, id: '' } : plain
}

const listOf = (answer: Answer): unknown[] | undefined => {
  const value = jsonOf(answer)
  return Array.isArray(value) ? value : undefined
}

/** An imported expectation as far as both say the same of it. */
const imported = (item: unknown): unknown => {
  if (!isRecord(item) || !isRecord(item['httpResponse'])) return item
  const { reasonPhrase: _, body, ...response } = item['httpResponse']
  const text = isRecord(body) ? body['string'] : body
  const id = String(item['id']).replace(/^(har|postman)-[0-9a-f]{8}-/, '$1-')
  return { ...item, id, httpResponse: { ...response, body: text } }
}

const saysTheSame = ({ real, ours }: Seen, part: (item: unknown) => unknown): boolean => {
  const [theirs, own] = [listOf(real), listOf(ours)]
  return theirs !== undefined && own !== undefined && isDeepStrictEqual(theirs.map(part), own.map(part))
}

/** Method, path and status of each exchange that is listed. */
const outlines = (answer: Answer): unknown =>
  listOf(answer)?.map((item) => {
    if (!isRecord(item)) return item
    const { httpRequest = item, httpResponse } = item
    const { method, path, queryStringParameters } = isRecord(httpRequest) ? httpRequest : {}
    return { method, path, queryStringParameters, status: isRecord(httpResponse) ? httpResponse['statusCode'] : 0 }
  })

const urlIn = (answer: Answer): string => {
  const heard = jsonOf(answer)
  return isRecord(heard) ? String(heard['url']) : ''
}

/** A query without the way it is encoded, and without its order. */
const meaningOf = (url: string): string => {
  const { pathname, searchParams } = new URL(url, 'http://x')
  return `${pathname} ${[...searchParams].map((pair) => pair.join('=')).toSorted()}`
}

/** What each entry of the log begins with. */
const entriesIn = (answer: Answer): string[] =>
  'body' in answer && typeof answer.body === 'string'
    ? answer.body.split(/^-{36}\n/m).map((entry) => entry.split('\n')[0] ?? '')
    : []

/** What each log entry is of. */
const kindsIn = (answer: Answer): unknown => listOf(answer)?.map((item) => (isRecord(item) ? item['type'] : item))

const hasOrigin = ({ headers = [] }: Step): boolean => headers.some(([name]) => name === 'origin')

const ALLOWED = 'access-control-allow-headers'
const CORS_MAX_AGE = '300'

export const wantedOfActions: readonly Wanted[] = [
  {
    name: 'an upstream is asked for what the client can read',
    reason: 'there for gzip and deflate, and what comes is decompressed',
    rewrite: (real, seen) =>
      !isCall(seen.step) && asked(seen, FORWARDS)
        ? withHeard(real, (headers) => without(headers, (name) => name === 'accept-encoding'))
        : real,
  },
  {
    name: 'a request without a body has no length on its way either',
    reason: 'there one is added',
    rewrite: (real, seen) =>
      !isCall(seen.step) && asked(seen, FORWARDS)
        ? withHeard(real, (headers, { method }) =>
            without(headers, (name, values) => method === 'GET' && name === 'content-length' && String(values) === '0'),
          )
        : real,
  },
  {
    name: 'a forwarded request names whom it goes to',
    reason: '5.15 leaves the Host of the client',
    versions: ['5.15.0'],
    rewrite: (real, seen) =>
      !isCall(seen.step) && asked(seen, FORWARDS)
        ? withHeard(real, (headers) => ({ ...headers, host: ['127.0.0.1:<upstream>'] }))
        : real,
  },
  {
    name: 'what an override leaves of the query stays as the client wrote it',
    reason: 'there all of it is encoded anew, and what changed comes last',
    rewrite: (real, { ours }) => {
      const [theirs, own] = [urlIn(real), urlIn(ours)]
      if (!theirs.includes('?') || theirs === own || meaningOf(theirs) !== meaningOf(own)) return real
      const body = typeof real.body === 'string' ? real.body.replace(JSON.stringify(theirs), JSON.stringify(own)) : ''
      return { ...real, body }
    },
  },
  {
    name: 'forwarded exchanges are retrieved as the client saw them',
    reason: 'there with the Host and the headers that went on; recorded expectations have what can be put back',
    explains: (seen) =>
      /\/retrieve\?type=(?:requests|request_responses|recorded_expectations)$/.test(seen.step.target) &&
      asked(seen, FORWARDS) &&
      isDeepStrictEqual(outlines(seen.real), outlines(seen.ours)),
  },
  {
    name: 'the log says what came, what was answered and what was told',
    reason: 'there also how each expectation was compared, and in 5.15 in other words',
    explains: ({ step, real, ours }) => {
      const theirs = entriesIn(real)
      return /type=logs$/.test(step.target) && entriesIn(ours).every((entry) => theirs.includes(entry))
    },
  },
  {
    name: 'log entries are laid out like other JSON',
    reason: 'there deeper, with the argument as text and as a document',
    explains: ({ step, real, ours }) =>
      /format=log_entries$/.test(step.target) &&
      listOf(ours) !== undefined &&
      isDeepStrictEqual(kindsIn(real), kindsIn(ours)),
  },
  {
    name: 'pages may send the headers of a fixed list',
    reason: 'there whatever they ask for',
    rewrite: (real, { step, ours }) => {
      if (step.method !== 'OPTIONS' || !('headers' in ours) || !hasOrigin(step)) return real
      const allowed = ours.headers[ALLOWED] ?? []
      const both = { [ALLOWED]: allowed, 'access-control-expose-headers': allowed }
      return { ...real, headers: { ...real.headers, ...both, connection: ['keep-alive'] } }
    },
  },
  {
    name: 'bytes are also compared with what was sent, compressed as it is',
    reason: '5.15 only decompresses',
    versions: ['5.15.0'],
    explains: (seen) =>
      asked(seen, /"BINARY"/) && seen.step.headers?.some(([name]) => name === 'content-encoding') === true,
  },
  {
    name: 'ids of OpenAPI expectations tell of their operation',
    reason: '5.15 makes random ones',
    versions: ['5.15.0'],
    explains: (seen) =>
      isCall(seen.step) && /specUrlOrPayload/.test(String(seen.step.body)) && saysTheSame(seen, withoutId),
  },
  {
    name: 'a status of responseOverride comes with its own phrase',
    reason: "there with the upstream's",
    rewrite: (real, { ours, before }) =>
      real.reason === 'OK' &&
      real.status !== 200 &&
      'reason' in ours &&
      before.some(({ body }) => typeof body === 'string' && body.includes('"responseOverride"'))
        ? { ...real, reason: ours.reason }
        : real,
  },
  {
    name: 'an OpenAPI document is given back as it was put, or the part that is used',
    reason: 'there all of it, as an object',
    explains: (seen) =>
      isCall(seen.step) && /specUrlOrPayload/.test(String(seen.step.body)) && saysTheSame(seen, withoutDocument),
  },
  {
    name: 'what is imported keeps its reason phrase and the type of its body',
    reason: 'there both are lost; ids have a hash here, so that two imports go together',
    explains: (seen) =>
      isCall(seen.step)
        ? seen.step.target.startsWith('/mockserver/import') && saysTheSame(seen, imported)
        : asked(seen, /^\/mockserver\/import/) &&
          'status' in seen.real &&
          'status' in seen.ours &&
          seen.real.status === seen.ours.status &&
          isDeepStrictEqual(seen.real.body, seen.ours.body),
  },
  {
    name: 'DEEP_OBJECT works outside of OpenAPI documents',
    reason: 'there it matches nothing',
    explains: (seen) => !isCall(seen.step) && asked(seen, /"DEEP_OBJECT"/),
  },
  {
    name: 'pages of this machine may read answers',
    reason: '5.15 allows none unless it is told to',
    versions: ['5.15.0'],
    explains: ({ step, real, ours }) =>
      hasOrigin(step) &&
      'status' in real &&
      'status' in ours &&
      (step.method === 'OPTIONS' || (real.status === ours.status && real.body === ours.body)),
  },
  {
    name: 'pages are told that answers differ by origin, and for how long that holds',
    reason: 'so that no cache gives it to another page; allow-credentials has no value but true',
    rewrite: (real, { step }) => {
      if (!hasOrigin(step)) return real
      const { 'access-control-allow-credentials': _, ...headers } = real.headers
      if (!('access-control-max-age' in headers)) return real
      return { ...real, headers: { ...headers, 'access-control-max-age': [CORS_MAX_AGE], vary: ['origin'] } }
    },
  },
  {
    name: 'code, commands and HAR have a layout of their own',
    reason: 'they say the same to whom they are for; 8.0 gives JSON for requests in Java, and HAR of expectations',
    explains: ({ step, real, ours }) =>
      /format=(?:java|javascript|curl|har)$/.test(step.target) &&
      'status' in real &&
      'status' in ours &&
      (real.status === ours.status || (real.status === 400 && ours.status === 200)),
  },
]
