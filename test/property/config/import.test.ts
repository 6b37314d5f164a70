/** Hostile HAR logs and Postman collections: they are taken whole or refused with every place, and never throw. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ImportFormat } from '../../../src/config/import/format.ts'
import { har } from '../../../src/config/import/har.ts'
import { postman } from '../../../src/config/import/postman.ts'
import { checkValue } from '../../../src/config/problems.ts'
import { compileExpectation } from '../../../src/decide/matching/expectation.ts'

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary: value }, fc.jsonValue())
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    '(a+)+',
    '[',
    '!x',
    '?',
    '> 5',
    '\\',
    '{{a}}',
    '{{',
    'é€',
    '\n',
    'multipart/form-data',
    'application/json',
  ),
)
const pairs = maybe(fc.array(fc.record({ name: text, value: text, key: text }), { maxLength: 3 }))
const url = fc.oneof(
  text.map((tail) => `http://a/${tail}`),
  text,
)

const entry = fc.record({
  request: maybe(
    fc.record(
      {
        method: maybe(fc.constantFrom('GET', 'POST', 'x y')),
        url: maybe(url),
        headers: pairs,
        postData: maybe(
          fc.record({
            mimeType: text,
            text,
            encoding: fc.constantFrom('base64', undefined, undefined, undefined),
            params: pairs,
          }),
        ),
      },
      { requiredKeys: ['method', 'url'] },
    ),
  ),
  response: maybe(
    fc.record({
      status: maybe(fc.constantFrom(0, 101, 200, 404)),
      statusText: text,
      headers: pairs,
      content: maybe(fc.record({ mimeType: text, text, encoding: fc.constantFrom('base64', undefined) })),
    }),
  ),
})
const harLog = fc.record({ log: maybe(fc.record({ entries: maybe(fc.array(entry, { maxLength: 4 })) })) })

const request = maybe(
  fc.oneof(
    url,
    fc.record({
      method: text,
      url: fc.oneof(url, fc.record({ raw: url, variable: pairs })),
      header: pairs,
      body: fc.record({
        mode: fc.constantFrom('raw', 'urlencoded', 'formdata', 'graphql', 'file'),
        raw: text,
        urlencoded: pairs,
        formdata: pairs,
        graphql: fc.record({ query: text }),
      }),
    }),
  ),
)
const response = maybe(fc.record({ code: fc.constantFrom(200, 99, 404), header: pairs, body: text }))
const item = fc.record({
  name: text,
  request,
  response: maybe(fc.array(response, { maxLength: 2 })),
  item: fc.jsonValue(),
})
const collection = fc.record({
  info: maybe(fc.record({ name: text })),
  item: maybe(fc.array(item, { maxLength: 4 })),
  variable: pairs,
})

function check(format: ImportFormat, document: unknown): number {
  const read = checkValue(format.schema, document)
  if ('problems' in read) {
    assert.ok(read.problems.length > 0)
    return 0
  }
  for (const spec of read.value) compileExpectation(spec, '')
  return read.value.length
}

for (const [format, documents] of [
  [har, harLog],
  [postman, collection],
] as const) {
  test(`any ${format.name} document is taken whole or refused`, () => {
    let taken = 0
    fc.assert(
      fc.property(documents, (document) => {
        taken += check(format, document)
      }),
      { numRuns: 500 },
    )
    assert.ok(taken > 0, 'none was taken: the documents of this test are too wild')
  })
}
