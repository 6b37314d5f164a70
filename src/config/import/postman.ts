/** Postman collections 2.0 and 2.1: each saved response is an expectation. Scripts are not run, logins not made. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ExpectationSpec } from '../../decide/matching/expectation.ts'
import { isRecord } from '../chosen-schema.ts'
import { checkValue } from '../problems.ts'
import { type Placed, readAll } from './expectation-documents.ts'
import type { ImportFormat } from './format.ts'
import { defined, type Json, sentHeaders } from './messages.ts'
import { type PostmanRequest, Request, requestOf, Variable } from './postman-request.ts'
import { type Variables, withVariables } from './postman-variables.ts'

const MAX_DEPTH = 32
const MAX_ITEMS = 50_000

const Header = z.looseObject({ key: z.string(), value: z.string().nullish(), disabled: z.boolean().nullish() })

const Response = z.looseObject({
  name: z.string().nullish(),
  originalRequest: Request.nullish(),
  status: z.string().nullish(),
  code: z.int().min(200).max(999).nullish(),
  header: z.union([z.array(Header), z.string(), z.null()]).optional(),
  body: z.string().nullish(),
})
type Response = z.infer<typeof Response>

const Item = z.looseObject({
  name: z.string().nullish(),
  request: Request.nullish(),
  response: z.array(Response).nullish(),
  variable: z.array(Variable).nullish(),
})

const Collection = z.looseObject({
  info: z.looseObject({ name: z.string().nullish() }),
  item: z.array(z.unknown()),
  variable: z.array(Variable).nullish(),
})

type Context = z.core.$RefinementCtx<unknown>
type At = readonly (string | number)[]

const Document = Collection.transform((collection, context): readonly ExpectationSpec[] => {
  const name = createHash('sha256').update(JSON.stringify(collection)).digest('hex').slice(0, 8)
  const variables = withVariables(new Map(), collection.variable ?? [])
  const found: Placed[] = []
  let count = 0
  const walk = (items: readonly unknown[], at: At, around: Variables, depth: number): void => {
    for (const [index, given] of items.entries()) {
      const place = [...at, index]
      if (++count > MAX_ITEMS || depth > MAX_DEPTH) {
        if (count <= MAX_ITEMS + 1) refuse(context, place, `more than ${MAX_ITEMS} items, or folders ${MAX_DEPTH} deep`)
        return
      }
      const item = itemOf(given, place, context)
      if (!item) continue
      const inside = withVariables(around, item.variable ?? [])
      const nested: unknown = item['item']
      if (Array.isArray(nested)) walk(nested, [...place, 'item'], inside, depth + 1)
      for (const [number, response] of (item.response ?? []).entries()) {
        const request = response.originalRequest ?? item.request
        if (!request) continue
        const id = `postman-${name}-${found.length}-${slug(item.name ?? '')}`
        found.push({ document: documentOf(id, request, response, inside), at: [...place, 'response', number] })
      }
    }
  }
  walk(collection.item, ['item'], variables, 0)
  if (found.length === 0 && context.issues.length === 0) {
    refuse(context, ['item'], 'no request has a saved response, so there is nothing to answer with')
  }
  return readAll(found, context)
})

function refuse(context: Context, path: At, message: string): void {
  context.issues.push({ code: 'custom', input: undefined, message, path: [...path] })
}

/** One item at a time, so that folders need not be followed by recursion of the schema. */
function itemOf(given: unknown, at: At, context: Context): z.infer<typeof Item> | undefined {
  const read = checkValue(Item, given)
  if ('value' in read) return read.value
  for (const { path, message } of read.problems) refuse(context, [...at, ...path], message)
  return undefined
}

const slug = (name: string): string =>
  name
    .slice(0, 80)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

function documentOf(id: string, request: PostmanRequest, response: Response, variables: Variables): Json {
  const { code, status, body } = response
  const headers = typeof response.header === 'string' ? [] : (response.header ?? [])
  const sent = headers.filter(({ disabled }) => disabled !== true)
  const httpResponse = defined({
    statusCode: code ?? 200,
    reasonPhrase: status ? status : undefined,
    headers: sentHeaders(sent.map(({ key, value }) => ({ name: key, value: value ?? '' }))),
    body: body ? { type: 'STRING', string: body } : undefined,
  })
  return { id, httpRequest: requestOf(request, variables), httpResponse }
}

export const postman: ImportFormat = {
  name: 'postman',
  recognises: ({ info, item }) => isRecord(info) && Array.isArray(item),
  schema: Document,
}
