/** HAR 1.2, what browsers and proxies save: each entry is an expectation, repeated requests are answered in turn. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ExpectationSpec } from '../../decide/matching/expectation.ts'
import { isRecord } from '../chosen-schema.ts'
import { type Placed, readAll } from './expectation-documents.ts'
import type { ImportFormat } from './format.ts'
import {
  askedForm,
  askedHeaders,
  askedText,
  defined,
  type Json,
  literalText,
  matchedPairs,
  pathAndQuery,
  queryPairs,
  sentHeaders,
} from './messages.ts'
import { isStillEncoded } from './still-encoded.ts'

const MAX_ENTRIES = 100_000

const Pairs = z.array(z.looseObject({ name: z.string(), value: z.string().default('') })).default([])
const Text = z.string().nullish()

const Entry = z.looseObject({
  request: z.looseObject({
    method: z.string().regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'expected a method' }),
    url: z.string().min(1),
    headers: Pairs,
    postData: z.looseObject({ mimeType: Text, text: Text, encoding: Text, params: Pairs }).nullish(),
  }),
  response: z.looseObject({
    status: z.int().min(0).max(999),
    statusText: Text,
    headers: Pairs,
    content: z.looseObject({ mimeType: Text, text: Text, encoding: Text }).nullish(),
  }),
})
type Entry = z.infer<typeof Entry>

const Document = z
  .looseObject({ log: z.looseObject({ entries: z.array(Entry).max(MAX_ENTRIES) }) })
  .transform(({ log }, context): readonly ExpectationSpec[] => {
    const name = createHash('sha256').update(JSON.stringify(log.entries)).digest('hex').slice(0, 8)
    const documents = log.entries.flatMap((entry, index) => {
      // No answer came, or one that is not the last word.
      if (entry.response.status < 200) return []
      const httpRequest = requestOf(entry.request)
      const document = { id: `har-${name}-${index}`, httpRequest, httpResponse: responseOf(entry.response) }
      return [{ document, at: ['log', 'entries', index] }]
    })
    return readAll(inTurn(documents), context)
  })

/** All but the last of those that ask for the same are used once. */
function inTurn(documents: readonly Placed[]): readonly Placed[] {
  const lastOf = new Map<string, Placed>()
  const keys = documents.map(({ document }) => JSON.stringify(document['httpRequest']))
  for (const [index, placed] of documents.entries()) lastOf.set(keys[index] ?? '', placed)
  return documents.map((placed, index) =>
    lastOf.get(keys[index] ?? '') === placed
      ? placed
      : { ...placed, document: { ...placed.document, times: { remainingTimes: 1 } } },
  )
}

function requestOf({ method, url, headers, postData }: Entry['request']): Json {
  const { path, query } = pathAndQuery(url)
  return defined({
    method,
    path: literalText(path),
    queryStringParameters: matchedPairs(queryPairs(query)),
    headers: askedHeaders(headers),
    body: postData ? bodyAsked(postData) : undefined,
  })
}

function bodyAsked({ mimeType, text, encoding, params }: NonNullable<Entry['request']['postData']>): unknown {
  const type = mimeType ?? ''
  if (/^multipart\//i.test(type)) {
    const fields = matchedPairs(params.filter((one) => one['fileName'] === undefined && one.value !== ''))
    return fields && { type: 'MULTIPART', fields }
  }
  if (encoding === 'base64') return { type: 'BINARY', base64Bytes: text ?? '' }
  if (params.length > 0 && !text) return askedForm(params)
  return askedText(text ?? '', type)
}

function responseOf({ status, statusText, headers, content }: Entry['response']): Json {
  const isTyped = headers.some(({ name }) => name.toLowerCase() === 'content-type')
  const coding = headers.find(({ name }) => name.toLowerCase() === 'content-encoding')?.value
  const base64 = content?.encoding === 'base64' ? content.text : undefined
  const isEncoded = !!coding && !!base64 && isStillEncoded(coding, base64, content?.mimeType ?? '')
  return defined({
    statusCode: status,
    reasonPhrase: statusText ? statusText : undefined,
    headers: sentHeaders(headers, isEncoded),
    body: content ? bodySent(content, isTyped) : undefined,
  })
}

/** Text is sent as UTF-8. */
function bodySent({ mimeType, text, encoding }: NonNullable<Entry['response']['content']>, isTyped: boolean): unknown {
  if (!text) return undefined
  const contentType = isTyped || !mimeType ? undefined : mimeType
  if (encoding === 'base64') return defined({ type: 'BINARY', base64Bytes: text, contentType })
  return defined({ type: 'STRING', string: text, contentType })
}

export const har: ImportFormat = {
  name: 'har',
  recognises: ({ log }) => isRecord(log) && Array.isArray(log['entries']),
  schema: Document,
}
