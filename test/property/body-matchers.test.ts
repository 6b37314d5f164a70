import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bodyFits } from '../support/asked.ts'

const MATCHERS: readonly object[] = [
  { type: 'REGEX', regex: '.*a.*b' },
  { type: 'JSON', json: { a: [`\${json-unit.any-string}`] } },
  { type: 'JSON_SCHEMA', jsonSchema: { type: 'object', uniqueItems: true } },
  { type: 'JSON_PATH', jsonPath: '$..a[?(@.b > 1)]' },
  { type: 'XML', xml: '<a>x</a>' },
  { type: 'XPATH', xpath: '//a[@b]' },
  { type: 'XML_SCHEMA', xmlSchema: '<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="a"/></schema>' },
  { type: 'PARAMETERS', parameters: { a: '1' } },
  { type: 'MULTIPART', fields: { a: '1' } },
  { type: 'BINARY', base64Bytes: 'AA==' },
  { type: 'GRAPHQL', query: '{ a }', selectionSetMatchType: 'AST_SUBSET' },
  { type: 'JSON_RPC', method: 'a' },
  { type: 'FUZZY', fuzzy: 'a: 1', threshold: 0.6 },
  { type: 'JSON', json: '{"a":1.0}', matchNumbersAsStrings: true },
  { type: 'ALL_OF', bodyAllOf: [{ a: 1 }, { type: 'JSON_PATH', jsonPath: '$.a' }] },
  { type: 'XML', xml: `<a>\${xmlunit.matchesRegex([a-z])}</a>` },
  { type: 'GRAPHQL', query: '{ a }', selectionSetMatchType: 'AST_SUBSET', schema: 'type Query { a: String }' },
]
const pieces = fc.constantFrom(
  '<a',
  '>',
  '</a>',
  '{',
  '}',
  '[',
  ']',
  '"a"',
  ':',
  ',',
  '1',
  '&',
  '=',
  '--x',
  '\r\n',
  'b',
)
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map(Buffer.from),
  fc.json().map(Buffer.from),
  fc.array(pieces, { maxLength: 25 }).map((parts) => Buffer.from(parts.join(''))),
)
const types = fc.constantFrom(undefined, 'application/json', 'text/xml', 'multipart/form-data; boundary=x', 'a')

test('every body either fits a matcher or its negation, and none makes one throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(...MATCHERS), bodies, types, (matcher, body, type) => {
      assert.notEqual(bodyFits(matcher, body, type), bodyFits({ ...matcher, not: true }, body, type))
    }),
    { numRuns: 500 },
  )
})
