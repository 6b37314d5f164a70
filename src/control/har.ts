/** Logged exchanges as a HAR 1.2 document. */
import { parseQuery } from '../decide/matching/query.ts'
import { headerValue } from '../http1/response.ts'
import type { LoggedExchange } from './logged-exchange.ts'
import { type Json, plainResponse } from './message-json.ts'

const UNKNOWN = -1

const named = (pairs: readonly string[]): Json[] => {
  const list: Json[] = []
  for (let at = 0; at < pairs.length; at += 2) list.push({ name: pairs[at] ?? '', value: pairs[at + 1] ?? '' })
  return list
}

const postData = ({ head, body }: LoggedExchange): Json =>
  body.held === 0
    ? {}
    : {
        postData: {
          mimeType: headerValue(head.headers, 'content-type') ?? 'application/octet-stream',
          text: body.bytes.toString('utf8'),
        },
      }

const requestOf = (entry: LoggedExchange): Json => {
  const { head, body, local } = entry
  const authority = headerValue(head.headers, 'host') ?? `${local.address}:${local.port}`
  return {
    method: head.method,
    url: /^https?:\/\//i.test(head.target) ? head.target : `http://${authority}${head.target}`,
    httpVersion: `HTTP/${head.httpVersion}`,
    cookies: [],
    headers: named(head.headers),
    queryString: named(parseQuery(head.query)),
    ...postData(entry),
    headersSize: UNKNOWN,
    bodySize: body.total,
  }
}

const content = (bytes: Buffer, size: number, mimeType: string): Json => {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes)
    ? { size, mimeType, text }
    : { size, mimeType, text: bytes.toString('base64'), encoding: 'base64' }
}

const responseOf = ({ response, head }: LoggedExchange): Json => {
  const plain = response && plainResponse(response, head.method)
  const headers = plain?.headers ?? []
  return {
    status: plain?.statusCode ?? 0,
    statusText: plain?.reason ?? '',
    httpVersion: 'HTTP/1.1',
    cookies: [],
    headers: named(headers),
    content: content(
      plain?.body ?? Buffer.alloc(0),
      plain?.bodyBytes ?? 0,
      headerValue(headers, 'content-type') ?? 'application/octet-stream',
    ),
    redirectURL: headerValue(headers, 'location') ?? '',
    headersSize: UNKNOWN,
    bodySize: plain?.bodyBytes ?? UNKNOWN,
  }
}

export const harOf = (entries: readonly LoggedExchange[]): Json => ({
  log: {
    version: '1.2',
    creator: { name: 'understudy', version: '0' },
    entries: entries.map((entry) => {
      const time = Math.max(0, (entry.answeredAtMs ?? entry.receivedAtMs) - entry.receivedAtMs)
      return {
        startedDateTime: new Date(entry.receivedAtMs).toISOString(),
        time,
        request: requestOf(entry),
        response: responseOf(entry),
        cache: {},
        timings: { send: 0, wait: time, receive: 0 },
      }
    }),
  },
})
