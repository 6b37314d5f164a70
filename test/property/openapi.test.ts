/** Hostile OpenAPI documents: whatever they hold, they are read or refused, and what was read judges any request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openApiExpectations } from '../../src/content/openapi/openapi.ts'
import { matchesRequest } from '../../src/decide/matching/request.ts'
import { compileRequest } from '../../src/decide/matching/request-spec.ts'
import { head } from '../unit/decide/build.ts'

const key = fc.constantFrom(
  ...'paths /a /{b} get post parameters requestBody responses content schema $ref type properties items allOf anyOf'.split(
    ' ',
  ),
  ...'required in name style explode example examples headers security components schemas A default 200 2XX'.split(' '),
  ...'application/json application/xml nullable minItems minLength enum pattern additionalProperties'.split(' '),
)
const leaf = fc.oneof(
  fc.constantFrom<unknown>('query', 'path', 'object', 'array', 'string', 'integer', 'matrix', 'deepObject', '(a+)+'),
  fc.constantFrom<unknown>('#/components/schemas/A', '#/paths/~1a', '#/', 'http://a/b', 'other.yaml', '{', '[]'),
  fc.constantFrom<unknown>(true, false, null, 0, -1, 1e9, 1.5, ''),
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
  ),
}))
const object = fc.dictionary(key, tree, { maxKeys: 5 })
const parameter = fc.record({ name: fc.constantFrom('p', 'b'), in: leaf, style: leaf, explode: leaf, schema: tree })
const operation = fc.record(
  {
    parameters: fc.array(fc.oneof(parameter, object), { maxLength: 3 }),
    requestBody: fc.record({ content: fc.dictionary(key, fc.record({ schema: tree }), { maxKeys: 2 }) }),
    responses: fc.dictionary(key, fc.record({ content: fc.dictionary(key, tree), headers: tree }), { maxKeys: 3 }),
    security: tree,
  },
  { requiredKeys: [] },
)
const document = fc.record({
  openapi: fc.constantFrom('3.0.3', '3.1.0'),
  info: tree,
  servers: fc.oneof(tree, fc.constant([{ url: '/v1' }])),
  paths: fc.oneof(tree, fc.record({ '/a/{b}': fc.record({ post: operation }) })),
  components: fc.record({ schemas: fc.record({ A: tree }), securitySchemes: object }),
})
const swagger = fc.record({
  swagger: fc.constant('2.0'),
  basePath: tree,
  consumes: tree,
  paths: fc.record({ '/a/{b}': fc.record({ post: fc.oneof(operation, object) }) }),
  definitions: fc.record({ A: tree }),
})

const REQUEST = head('POST /a/1?p=1&p=2&p[b]=3', 'content-type', 'application/json', 'cookie', 'p=1', 'p', '1')

test('any document is read or refused with places, and what is read judges requests', () => {
  let read = 0
  fc.assert(
    fc.property(fc.oneof(document, swagger), fc.jsonValue(), (given, body) => {
      const made = openApiExpectations(given, undefined)
      if ('faults' in made) return assert.ok(made.faults.length > 0)
      for (const { operation, httpResponse } of made.value) {
        read++
        JSON.stringify(httpResponse)
        const matcher = compileRequest({ operations: [operation] })
        const subject = { head: REQUEST, body: Buffer.from(JSON.stringify(body)), query: undefined, read: undefined }
        assert.match(matchesRequest(matcher, subject), /^(?:yes|no)$/)
      }
      return undefined
    }),
    { numRuns: 400 },
  )
  assert.ok(read > 20, `only ${read} operations were read`)
})

test('any text is read or refused', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    document.map((given) => JSON.stringify(given)),
    document.map((given) => JSON.stringify(given).slice(0, 60)),
    fc
      .array(fc.constantFrom('openapi: 3.0.0\n', '*a ', '&a ', '[', '{', '- ', ': ', '\n', '"', '!!binary '), {
        maxLength: 40,
      })
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (given) => {
      const made = openApiExpectations(given, undefined)
      assert.ok('value' in made || made.faults.length > 0)
    }),
  )
})
