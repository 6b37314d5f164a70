/** OpenAPI documents, HAR logs and Postman collections given to `understudy serve`, by hand, by curl and by the npm client. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { mockServerClient } from 'mockserver-client'
import { startControl } from '../support/control-lab.ts'

const run = promisify(execFile)

const PET = { type: 'object', required: ['name'], properties: { id: { type: 'integer' }, name: { type: 'string' } } }
const SHOP = {
  openapi: '3.0.3',
  info: { title: 'Shop', version: '1' },
  servers: [{ url: 'http://shop.example/v1' }],
  paths: {
    '/pets': {
      get: {
        operationId: 'listPets',
        parameters: [{ name: 'limit', in: 'query', required: true, schema: { type: 'integer' } }],
        responses: {
          200: { content: { 'application/json': { schema: { type: 'array', items: PET } } } },
          500: { content: { 'application/json': { examples: { down: { value: { why: 'down' } } } } } },
        },
      },
      post: {
        operationId: 'createPet',
        requestBody: { required: true, content: { 'application/json': { schema: PET } } },
        responses: { 201: { description: '' } },
      },
    },
  },
}
const YAML =
  'openapi: 3.0.0\ninfo: {title: Y, version: "1"}\npaths: {/y: {get: {responses: {204: {description: ""}}}}}\n'

interface Stored {
  readonly id: string
  readonly httpRequest: Readonly<Record<string, unknown>>
}

test('an operation is answered when the request satisfies it', async (t) => {
  const { ask, put } = await startControl(t)
  const stored = await put('openapi', { specUrlOrPayload: SHOP })
  assert.equal(stored.status, 201)
  const listed = JSON.parse(stored.body) as Stored[]
  assert.deepEqual(
    listed.map(({ httpRequest }) => httpRequest['operationId']),
    ['listPets', 'createPet'],
  )
  assert.match(listed[0]?.id ?? '', /^openapi:shop_[0-9a-f]{16}:listPets$/)
  assert.deepEqual(JSON.parse((await ask('/v1/pets?limit=2')).body), [{ id: 0, name: 'string' }])
  assert.equal((await ask('/v1/pets?limit=x')).status, 404)
  const post = (body: unknown) =>
    ask('/v1/pets', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  assert.equal((await post({ name: 'rex' })).status, 201)
  assert.equal((await post({ id: 'x', name: 'rex' })).status, 404)
})

test('what was stored may be put again, and the same document replaces itself', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('openapi', { specUrlOrPayload: SHOP })
  await put('openapi', { specUrlOrPayload: SHOP })
  const active = (await putJson('retrieve?type=ACTIVE_EXPECTATIONS')) as Stored[]
  assert.equal(active.length, 2)
  await put('reset')
  assert.equal((await put('expectation', active)).status, 201)
  assert.equal((await ask('/v1/pets?limit=2')).status, 200)
  assert.equal((await ask('/v1/pets')).status, 404)
})

test('operations and responses are chosen, examples by name, under a prefix', async (t) => {
  const { ask, put } = await startControl(t)
  const operationsAndResponses = { listPets: { statusCode: '500', exampleName: 'down' } }
  await put('openapi', [{ specUrlOrPayload: SHOP, operationsAndResponses, contextPathPrefix: '/ctx' }])
  const { status, body } = await ask('/ctx/v1/pets?limit=1')
  assert.deepEqual([status, JSON.parse(body)], [500, { why: 'down' }])
  assert.equal((await ask('/ctx/v1/pets', { method: 'POST', body: '{"name":"x"}' })).status, 404)
})

test('without the prefix, as text, as YAML, and as an item among expectations', async (t) => {
  const { ask, put } = await startControl(t)
  assert.equal((await ask('/openapi', { method: 'PUT', body: { specUrlOrPayload: JSON.stringify(SHOP) } })).status, 201)
  assert.equal((await put('openapi', { specUrlOrPayload: YAML })).status, 201)
  assert.equal((await ask('/y')).status, 204)
  await put('reset')
  const headers = { 'content-type': 'application/yaml' }
  const body = `specUrlOrPayload:\n${YAML.replace(/^/gm, '  ')}`
  assert.equal((await ask('/mockserver/openapi', { method: 'PUT', headers, body })).status, 201)
  assert.equal((await ask('/y')).status, 204)
  await put('reset')
  const plain = { id: 'p', httpRequest: { path: '/p' }, httpResponse: {} }
  assert.equal((await put('expectation', [{ specUrlOrPayload: YAML }, plain])).status, 201)
  assert.deepEqual([(await ask('/y')).status, (await ask('/p')).status], [204, 200])
})

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ['nothing', undefined, '1 error:\n - an expectation or expectation array is required but value was "null"'],
  ['an empty list', [], '1 error:\n - an expectation or array of expectations is required'],
  ['no document', { specUrlOrPayload: { a: 1 } }, 'attribute openapi is missing'],
  [
    'an address',
    { specUrlOrPayload: 'http://127.0.0.1:1/x.json' },
    'is an address, and nothing is fetched: give the document itself, as an object or as its text',
  ],
  [
    'an unknown operation',
    { specUrlOrPayload: SHOP, operationsAndResponses: { none: '200' } },
    'has no operation "none"; there are listPets, createPet',
  ],
]
test('what is refused is told as MockServer begins it, and nothing is stored', async (t) => {
  const { put, putJson } = await startControl(t)
  for (const [name, document, why] of REFUSED) {
    const { status, body, headers } = await put('openapi', document)
    assert.deepEqual([status, body], [400, `Unable to load API spec, ${why}`], name)
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8', name)
  }
  const { body } = await put('openapi', {})
  assert.match(
    body,
    /^Unable to load API spec, incorrect openapi expectation json format .*\$\.specUrlOrPayload: missing/s,
  )
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('one wrong document of several keeps all of them out', async (t) => {
  const { put, putJson } = await startControl(t)
  assert.equal((await put('openapi', [{ specUrlOrPayload: SHOP }, { specUrlOrPayload: 'nonsense' }])).status, 400)
  assert.deepEqual(await putJson('retrieve?type=ACTIVE_EXPECTATIONS'), [])
})

test('an operation serves as a matcher, as a filter, for verification and turned round', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  const operation = { specUrlOrPayload: SHOP, operationId: 'listPets' }
  await put('expectation', { id: 'm', httpRequest: operation, httpResponse: { body: 'mine' } })
  assert.equal((await ask('/v1/pets?limit=3')).body, 'mine')
  await ask('/v1/pets')
  const once = { atLeast: 1, atMost: 1 }
  assert.equal((await put('verify', { httpRequest: operation, times: once })).status, 202)
  assert.equal((await put('verify', { httpRequest: { ...operation, not: true }, times: once })).status, 202)
  assert.equal(((await putJson('retrieve', operation)) as unknown[]).length, 1)
  await put('clear?type=expectations', { path: '/v1/other' })
  assert.equal((await ask('/v1/pets?limit=3')).body, 'mine')
  await put('clear?type=expectations', { path: '/v1/pets', method: 'GET' })
  assert.equal((await ask('/v1/pets?limit=3')).status, 404)
})

test('an operation is written as a call of the Java client', async (t) => {
  const { put } = await startControl(t)
  const httpRequest = { specUrlOrPayload: YAML, operationId: 'GET /y' }
  await put('expectation', { httpRequest, httpResponse: { statusCode: 204 } })
  const { body } = await put('retrieve?type=ACTIVE_EXPECTATIONS&format=java')
  assert.ok(body.includes(`openAPI(${JSON.stringify(YAML)}, "GET /y")`), body)
})

test('a whole document as a matcher means any of its operations', async (t) => {
  const { ask, put } = await startControl(t)
  await put('expectation', { httpRequest: { specUrlOrPayload: SHOP }, httpResponse: { body: 'any' } })
  const headers = { 'content-type': 'application/json' }
  assert.equal((await ask('/v1/pets?limit=3')).body, 'any')
  assert.equal((await ask('/v1/pets', { method: 'POST', headers, body: { name: 'x' } })).body, 'any')
  assert.equal((await ask('/v1/pets', { method: 'POST', headers, body: { name: 1 } })).status, 404)
  assert.equal((await ask('/v1/pets', { method: 'DELETE' })).status, 404)
})

test('the npm client', async (t) => {
  const lab = await startControl(t)
  const client = mockServerClient('127.0.0.1', lab.port)
  await client.openAPIExpectation({ specUrlOrPayload: SHOP, operationsAndResponses: { listPets: '200' } } as never)
  assert.equal((await lab.ask('/v1/pets?limit=1')).status, 200)
  await client.verify({ specUrlOrPayload: SHOP, operationId: 'listPets' } as never, 1, 1)
})

test('curl', async (t) => {
  const { port } = await startControl(t)
  const url = `http://127.0.0.1:${port}`
  const put = ['-s', '-w', '%{http_code}', '-o', '/dev/null', '-X', 'PUT']
  const document = JSON.stringify({ specUrlOrPayload: SHOP })
  assert.equal((await run('curl', [...put, `${url}/mockserver/openapi`, '-d', document])).stdout, '201')
  assert.equal((await run('curl', ['-s', `${url}/v1/pets?limit=1`])).stdout.includes('"name" : "string"'), true)
})

const HAR = {
  log: {
    version: '1.2',
    entries: [200, 503].map((status) => ({
      request: { method: 'GET', url: 'http://shop.example/orders?page=1', headers: [] },
      response: { status, headers: [], content: { mimeType: 'text/plain', text: `answer ${status}` } },
    })),
  },
}
const POSTMAN = {
  info: { name: 'Shop', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
  item: [{ name: 'One', request: '{{base}}/one', response: [{ code: 200, body: 'from postman' }] }],
}

test('documents of other formats are imported, by name or by what they look like', async (t) => {
  const { ask, put } = await startControl(t)
  assert.equal((await put('import', HAR)).status, 201)
  assert.equal((await put('import?format=POSTMAN', POSTMAN)).status, 201)
  assert.equal((await put('import?format=openapi', SHOP)).status, 201)
  const answers = [await ask('/orders?page=1'), await ask('/orders?page=1'), await ask('/orders?page=1')]
  assert.deepEqual(
    answers.map(({ body }) => body),
    ['answer 200', 'answer 503', 'answer 503'],
  )
  assert.equal((await ask('/one')).body, 'from postman')
  assert.equal((await ask('/v1/pets?limit=1')).status, 200)
})

test('what was recorded can be retrieved as HAR and imported again', async (t) => {
  const { ask, put, putJson } = await startControl(t)
  await put('expectation', { httpRequest: { path: '/a' }, httpResponse: { statusCode: 201, body: { a: 1 } } })
  const first = await ask('/a?x=1')
  const recorded = await putJson('retrieve?type=REQUEST_RESPONSES&format=har')
  await put('reset')
  assert.equal((await put('import', recorded)).status, 201)
  const again = await ask('/a?x=1')
  assert.deepEqual([again.status, again.body], [first.status, first.body])
  assert.equal((await ask('/a?x=2')).status, 404)
})

const IMPORTS: readonly (readonly [string, unknown, string])[] = [
  ['import', undefined, 'import request body is required'],
  ['import', { a: 1 }, 'unable to auto-detect import format — use ?format=openapi or ?format=har or ?format=postman'],
  ['import?format=pact', HAR, 'unsupported import format: pact (supported formats: openapi, har, postman)'],
  ['import?format=har', { log: {} }, 'unable to import: 1 error:\n - $.log.entries: missing; expected a list'],
  [
    'import?additionalRedactedHeaders=x',
    HAR,
    'additionalRedactedHeaders is not supported: remove what must not be kept before importing',
  ],
]
test('imports that are refused', async (t) => {
  const { put } = await startControl(t)
  for (const [path, document, why] of IMPORTS) {
    const { status, body } = await put(path, document)
    assert.deepEqual([status, body], [400, why])
  }
})
