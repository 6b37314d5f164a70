import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postman } from '../../../../src/config/import/postman.ts'
import { resolved } from '../../../../src/config/import/postman-variables.ts'
import { checkValue, keyText } from '../../../../src/config/problems.ts'

type Json = Readonly<Record<string, unknown>>

const collection = (item: unknown, more: Json = {}): Json => ({ info: { name: 'C' }, item, ...more })
const item = (request: unknown, ...response: readonly Json[]): Json => ({ name: 'Get it', request, response })
const OK = { code: 200, body: 'x' }

const sourcesOf = (document: unknown): Json[] => {
  const read = checkValue(postman.schema, document)
  assert.ok('value' in read, JSON.stringify(read))
  return read.value.map(({ source }) => source as Json)
}
const requestOf = (request: unknown, more: Json = {}): unknown =>
  sourcesOf(collection([item(request, OK)], more))[0]?.['httpRequest']
const problemsOf = (document: unknown): string[] => {
  const read = checkValue(postman.schema, document)
  return 'problems' in read ? read.problems.map(({ path, message }) => `${keyText(path)}: ${message}`) : []
}

test('each saved response of a request, in folders too, is an expectation', () => {
  const responses = [
    { code: 200, status: 'OK', header: [{ key: 'Content-Type', value: 'text/plain' }], body: 'yes' },
    { code: 404, header: null, body: null },
  ]
  const sources = sourcesOf(collection([{ name: 'folder', item: [item({ method: 'GET', url: '/a' }, ...responses)] }]))
  assert.deepEqual(
    sources.map(({ httpResponse }) => httpResponse),
    [
      {
        statusCode: 200,
        reasonPhrase: 'OK',
        headers: { 'Content-Type': ['text/plain'] },
        body: { type: 'STRING', string: 'yes' },
      },
      { statusCode: 404 },
    ],
  )
  assert.match(String(sources[1]?.['id']), /^postman-[0-9a-f]{8}-1-get-it$/)
})

test('the request that was answered goes before the one of the item', () => {
  const response = { ...OK, originalRequest: { method: 'PUT', url: 'http://h/b' } }
  const [source] = sourcesOf(collection([item({ method: 'GET', url: '/a' }, response)]))
  assert.deepEqual(source?.['httpRequest'], { method: 'PUT', path: '/b' })
})

test('variables are put in, of folders before those of the collection, and in each other', () => {
  const variable = [
    { key: 'base', value: 'https://{{host}}/v1' },
    { key: 'host', value: 'a.example' },
    { key: 'id', value: 1 },
  ]
  const folder = { item: [item('{{base}}/x/{{id}}?q={{id}}', OK)], variable: [{ key: 'id', value: '2' }] }
  const [source] = sourcesOf(collection([folder], { variable }))
  assert.deepEqual(source?.['httpRequest'], { method: 'GET', path: '/v1/x/2', queryStringParameters: { q: ['2'] } })
})

test('what is not known stands for anything', () => {
  const url = { raw: '{{base}}/users/:id/{{what}}.json?q={{q}}&r=1', variable: [{ key: 'id' }] }
  const header = [
    { key: 'x-a', value: '{{$guid}}' },
    { key: 'x-b', value: '1' },
    { key: 'x-c', value: '1', disabled: true },
  ]
  assert.deepEqual(requestOf({ method: 'GET', url, header, body: { mode: 'raw', raw: '{{body}}' } }), {
    method: 'GET',
    path: '/users/[^/]+/[^/]+\\.json',
    queryStringParameters: { q: [''], r: ['1'] },
    headers: { 'x-b': ['1'] },
  })
})

test('a path variable has the value that its URL gives it', () => {
  const url = { raw: 'http://h/users/:id', variable: [{ key: 'id', value: '7' }] }
  assert.deepEqual(requestOf({ url }), { method: 'GET', path: '/users/7' })
})

test('a URL in parts is put together', () => {
  const url = {
    host: ['h'],
    path: ['a', 'b'],
    query: [
      { key: 'x', value: '1' },
      { key: 'y', value: '2', disabled: true },
    ],
  }
  assert.deepEqual(requestOf({ url }), { method: 'GET', path: '/a/b', queryStringParameters: { x: ['1'] } })
})

test('bodies are compared by their mode', () => {
  const body = (given: Json): unknown => (requestOf({ method: 'POST', url: '/a', body: given }) as Json)['body']
  assert.deepEqual(body({ mode: 'raw', raw: '{"a":1}', options: { raw: { language: 'json' } } }), {
    type: 'JSON',
    json: '{"a":1}',
    matchType: 'STRICT',
  })
  assert.deepEqual(body({ mode: 'raw', raw: 'text' }), { type: 'STRING', string: 'text' })
  const fields = [
    { key: 'a', value: '1' },
    { key: 'f', type: 'file', src: '/etc/passwd' },
  ]
  assert.deepEqual(body({ mode: 'urlencoded', urlencoded: fields }), { type: 'PARAMETERS', parameters: { a: ['1'] } })
  assert.deepEqual(body({ mode: 'formdata', formdata: fields }), { type: 'MULTIPART', fields: { a: ['1'] } })
  assert.deepEqual(body({ mode: 'graphql', graphql: { query: '{ a }' } }), { type: 'GRAPHQL', query: '{ a }' })
  assert.equal(body({ mode: 'file', file: { src: '/etc/passwd' } }), undefined)
})

test('variables that name each other without end stop at a bound', () => {
  const variable = [
    { key: 'a', value: '{{b}}{{b}}' },
    { key: 'b', value: `{{a}}{{a}}${'x'.repeat(1000)}` },
  ]
  const request = {
    method: 'POST',
    url: '/a',
    body: { mode: 'urlencoded', urlencoded: [{ key: 'a', value: '{{a}}' }] },
  }
  assert.ok(JSON.stringify(requestOf(request, { variable })).length < 1024 * 1024)
  assert.ok(resolved('{{a}}', new Map([['a', 'x{{a}}{{a}}']])).length < 1024 * 1024)
})

test('every problem is listed with its place', () => {
  const items = [item({ url: 5 }, OK), { item: [item('/a', { code: 99 }, { code: 200, header: [{ key: 'a b' }] })] }]
  const found = problemsOf(collection(items))
  assert.equal(found.length, 2)
  assert.match(found[0] ?? '', /^item\[0\]\.request/)
  assert.match(found[1] ?? '', /^item\[1\]\.item\[0\]\.response\[0\]\.code: expected at least 200, got 99/)
  assert.deepEqual(problemsOf(collection([{ item: [item('/a', { code: 200, header: [{ key: 'a b' }] })] }])), [
    'item[0].item[0].response[0]: httpResponse.headers["a b"]: bad key: a header name is letters, digits and hyphens',
  ])
})

test('a collection without saved responses says that there is nothing to answer with', () => {
  assert.match(problemsOf(collection([item('/a')]))[0] ?? '', /^item: no request has a saved response/)
})

test('folders without end are refused', () => {
  let deep: Json = item('/a', OK)
  for (let depth = 0; depth < 100; depth++) deep = { item: [deep] }
  assert.match(problemsOf(collection([deep]))[0] ?? '', /folders 32 deep/)
})
