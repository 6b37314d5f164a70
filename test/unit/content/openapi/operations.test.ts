import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiExpectations } from '../../../../src/content/openapi/openapi.ts'
import { answersOf, api, faultsOf, postOf, verdict } from '../../../support/api-documents.ts'
import { head } from '../../decide/build.ts'

const GET = { responses: { 200: { description: '' } } }

test('a template stands for one segment or a part of one, and must not be empty', () => {
  const document = api({ '/files/{name}.json': { get: GET } })
  assert.equal(verdict(document, head('GET /files/a.json')), 'yes')
  assert.equal(verdict(document, head('GET /files/.json')), 'no')
  assert.equal(verdict(document, head('GET /files/a/b.json')), 'no')
  assert.equal(verdict(document, head('GET /files/aXjson')), 'no')
})

test('paths begin with those of the servers, whose variables are at their defaults', () => {
  const servers = [{ url: 'https://{h}.example/{base}/', variables: { base: { default: 'v9' } } }, { url: '/other' }]
  const document = api({ '/a': { get: GET } }, { servers })
  const tried = ['/v9/a', '/other/a', '/a'].map((path) => verdict(document, head(`GET ${path}`)))
  assert.deepEqual(tried, ['yes', 'yes', 'no'])
})

test('a path that is named outright is asked before a template', () => {
  const document = api({ '/p/{id}': { get: GET }, '/p/mine': { get: GET } })
  assert.deepEqual(Object.keys(answersOf(document)), ['GET /p/mine', 'GET /p/{id}'])
})

test('an id is the operationId or method and path, the same for the same document', () => {
  const document = api({ '/a': { get: GET, post: { ...GET, operationId: 'makeA' } } })
  const ids = (given: unknown, prefix = ''): string[] => {
    const made = openApiExpectations(given, undefined, prefix)
    return 'value' in made ? made.value.map(({ id }) => id) : []
  }
  const [first = '', second = ''] = ids(document)
  assert.match(first, /^openapi:shop_[0-9a-f]{16}:GET \/a$/)
  assert.match(second, /:makeA$/)
  assert.deepEqual(ids(JSON.parse(JSON.stringify(document))), [first, second])
  assert.notDeepEqual(ids(document, '/x'), [first, second])
})

test('an expectation keeps the part of the document that its operation needs', () => {
  const Used = { type: 'object', properties: { next: { $ref: '#/components/schemas/Used' } } }
  const document = postOf(
    { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Used' } } } } },
    { components: { schemas: { Used, Unused: { type: 'string' } } } },
  )
  const made = openApiExpectations(document, undefined)
  const spec = 'value' in made ? made.value[0]?.httpRequest['specUrlOrPayload'] : undefined
  assert.deepEqual((spec as { components: object }).components, { schemas: { Used } })
  const body = '{"next":{"next":5}}'
  assert.equal(verdict(spec, head('POST /a', 'content-type', 'application/json'), body), 'no')
  assert.equal(verdict(spec, head('POST /a', 'content-type', 'application/json'), '{"next":{}}'), 'yes')
})

const SCHEMES = {
  key: { type: 'apiKey', in: 'header', name: 'X-Key' },
  query: { type: 'apiKey', in: 'query', name: 'k' },
  cookie: { type: 'apiKey', in: 'cookie', name: 'c' },
  basic: { type: 'http', scheme: 'basic' },
  oauth: { type: 'oauth2' },
}
const secured = (security: unknown, line: string, ...headers: string[]): string =>
  verdict(postOf({ security }, { components: { securitySchemes: SCHEMES } }), head(line, ...headers))

test('one of the ways to be let in must be taken, with all that it asks for', () => {
  const ways = [{ key: [], query: [] }, { cookie: [] }, { basic: [] }]
  assert.equal(secured(ways, 'POST /a'), 'no')
  assert.equal(secured(ways, 'POST /a', 'x-key', '1'), 'no')
  assert.equal(secured(ways, 'POST /a?k=1', 'x-key', '1'), 'yes')
  assert.equal(secured(ways, 'POST /a', 'cookie', 'c=1'), 'yes')
  assert.equal(secured(ways, 'POST /a', 'authorization', 'Basic eA=='), 'yes')
  assert.equal(secured(ways, 'POST /a', 'authorization', 'Bearer x'), 'no')
  assert.equal(secured([{ oauth: ['scope'] }], 'POST /a', 'authorization', 'bearer x'), 'yes')
})

test('an empty way makes the others optional', () => {
  assert.equal(secured([{ key: [] }, {}], 'POST /a'), 'yes')
})

test('references that leave the document, lead nowhere or turn in circles are refused', () => {
  const paths = { '/a': { $ref: './other.yaml#/a' }, '/b': { $ref: '#/paths/~1none' }, '/c': { $ref: '#/paths/~1c' } }
  const found = faultsOf(api(paths))
  assert.equal(found.length, 3)
  assert.match(found[0] ?? '', /^paths\/\/a\/\$ref: refers to "\.\/other\.yaml#\/a": only places of the same document/)
  assert.match(found[1] ?? '', /which is not there$/)
  assert.match(found[2] ?? '', /is a circle of references$/)
})

test('a path without a slash, an id given twice, an unknown scheme', () => {
  assert.deepEqual(faultsOf(api({ a: { get: GET } })), ['paths/a: a path begins with a slash'])
  const twice = { ...GET, operationId: 'x' }
  assert.deepEqual(faultsOf(api({ '/a': { get: twice, post: twice } })), [
    'paths//a/post/operationId: the operationId x is given twice',
  ])
  assert.deepEqual(faultsOf(postOf({ security: [{ none: [] }] })), [
    'paths//a/post/security/0/none: is not among components.securitySchemes',
  ])
})

test('a document without paths has no operations', () => {
  assert.deepEqual(answersOf({ openapi: '3.1.0', info: {} }), {})
})

test('Swagger 2.0 is read as what 3.0 would say', () => {
  const document = {
    swagger: '2.0',
    info: { title: 'Old', version: '1' },
    basePath: '/v1',
    consumes: ['application/json'],
    produces: ['application/json'],
    parameters: { size: { name: 'size', in: 'query', type: 'array', items: { type: 'integer' }, required: true } },
    definitions: { Pet: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
    securityDefinitions: { login: { type: 'basic' } },
    paths: {
      '/pets/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, type: 'integer' }],
        put: {
          security: [{ login: [] }],
          parameters: [{ $ref: '#/parameters/size' }, { name: 'b', in: 'body', schema: { $ref: '#/definitions/Pet' } }],
          responses: {
            200: { schema: { $ref: '#/definitions/Pet' }, examples: { 'application/json': { name: 'rex' } } },
          },
        },
        post: {
          consumes: ['application/x-www-form-urlencoded'],
          parameters: [{ name: 'f', in: 'formData', type: 'integer', required: true }],
          responses: { 204: { description: '' } },
        },
      },
    },
  }
  const put = (line: string, body: string, ...headers: string[]): string =>
    verdict(document, head(`PUT /v1/pets/${line}`, 'content-type', 'application/json', ...headers), body)
  const login = ['authorization', 'Basic x']
  assert.equal(put('1?size=1,2', '{"name":"x"}', ...login), 'yes')
  assert.equal(put('1?size=1,2', '{"name":"x"}'), 'no')
  assert.equal(put('1?size=x', '{"name":"x"}', ...login), 'no')
  assert.equal(put('1?size=1', '{}', ...login), 'no')
  const form = (body: string): string =>
    verdict(document, head('POST /v1/pets/1', 'content-type', 'application/x-www-form-urlencoded'), body)
  assert.deepEqual([form('f=1'), form('f=x'), form('g=1')], ['yes', 'no', 'no'])
  assert.deepEqual(answersOf(document)['PUT /pets/{id}'], {
    statusCode: 200,
    headers: { 'content-type': ['application/json'] },
    body: { name: 'rex' },
  })
})
