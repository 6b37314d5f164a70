/** OpenAPI documents as matchers and as expectations, HAR logs and Postman collections as expectations. */
import { type Area, call } from '../exchange.ts'
import { plainRequest, type Sent, stepOf } from '../near.ts'

const DOCUMENT = {
  openapi: '3.0.0',
  info: { title: 'shop', version: '1' },
  paths: {
    '/items': {
      get: {
        operationId: 'list',
        parameters: [{ name: 'limit', in: 'query', required: true, schema: { type: 'integer' } }],
        responses: { 200: { description: 'ok', content: { 'application/json': { example: [{ id: 1 }] } } } },
      },
      post: {
        operationId: 'create',
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
            },
          },
        },
        responses: { 201: { description: 'created' } },
      },
    },
    '/items/{id}': {
      get: {
        operationId: 'one',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        responses: {
          200: { description: 'ok', content: { 'application/json': { example: { id: 1, name: 'x' } } } },
          404: { description: 'none' },
        },
      },
    },
  },
}

const json = (body: string): Partial<Sent> => ({ method: 'POST', body, contentType: 'application/json' })

const REQUESTS: readonly Partial<Sent>[] = [
  { path: '/items', query: [['limit', '5']] },
  { path: '/items', query: [['limit', 'x']] },
  { path: '/items' },
  { path: '/items/7' },
  { path: '/items/x' },
  { path: '/items', ...json('{"name":"x"}') },
  { path: '/items', ...json('{}') },
  { path: '/other' },
]
const requests = REQUESTS.map((request) => stepOf({ ...plainRequest, ...request }))

const OPERATIONS = ['list', 'create', 'one']

export const openApiMatchers: Area = {
  name: 'openapi-matchers',
  make: (from) => [
    call('expectation', {
      id: 'e0',
      httpRequest: {
        specUrlOrPayload: from.chance(5) ? DOCUMENT : JSON.stringify(DOCUMENT),
        ...(from.chance(7) ? { operationId: from.pick(OPERATIONS) } : {}),
      },
      httpResponse: { body: 'matched' },
    }),
    ...requests,
  ],
}

export const openApiExpectations: Area = {
  name: 'openapi-expectations',
  make: (from) => {
    const some = from.some(OPERATIONS, 1, 3)
    const chosen = Object.fromEntries(some.map((name) => [name, name === 'create' ? '201' : '200']))
    const document = { specUrlOrPayload: DOCUMENT, ...(from.chance(6) ? { operationsAndResponses: chosen } : {}) }
    return [call(from.pick(['openapi', 'expectation']), from.chance(3) ? [document] : document), ...requests]
  },
}

const entry = (method: string, url: string, status: number, text: string): unknown => ({
  request: { method, url, httpVersion: 'HTTP/1.1', headers: [], queryString: [], cookies: [] },
  response: {
    status,
    statusText: 'OK',
    httpVersion: 'HTTP/1.1',
    headers: [{ name: 'x-a', value: '1' }],
    cookies: [],
    content: { mimeType: 'text/plain', text },
  },
})

const HAR = {
  log: {
    version: '1.2',
    creator: { name: 'x', version: '1' },
    entries: [
      entry('GET', 'http://shop.test/items', 200, 'all'),
      entry('GET', 'http://shop.test/items/7', 404, 'none'),
    ],
  },
}

const POSTMAN = {
  info: { name: 'shop', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
  item: [
    {
      name: 'list',
      request: {
        method: 'GET',
        url: { raw: 'http://shop.test/items', protocol: 'http', host: ['shop', 'test'], path: ['items'] },
      },
      response: [{ name: 'ok', code: 200, status: 'OK', header: [{ key: 'x-a', value: '1' }], body: 'all' }],
    },
  ],
}

export const imports: Area = {
  name: 'imports',
  make: (from) => {
    const [format, document] = from.pick([
      ['har', HAR],
      ['postman', POSTMAN],
    ])
    return [
      call(`import${from.chance(5) ? `?format=${format}` : ''}`, document),
      stepOf({ ...plainRequest, path: '/items' }),
      stepOf({ ...plainRequest, path: '/items/7' }),
      stepOf({ ...plainRequest, path: '/items/8' }),
    ]
  },
}
