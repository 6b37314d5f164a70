import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersOf, api, faultsOf } from '../../../support/api-documents.ts'

const answerOf = (responses: object, wanted?: { status: string; exampleName?: string }, rest: object = {}): unknown =>
  answersOf(api({ '/a': { get: { operationId: 'a', responses } } }, { ...rest }), wanted && { a: wanted })['a']

const ok = (content: object, more: object = {}) => ({ 200: { description: '', content, ...more } })
const JSON_TYPE = { 'content-type': ['application/json'] }

test('the lowest status answers, a range as its hundred, default as 200, one that announces never', () => {
  assert.deepEqual(answerOf({ 404: {}, 201: {} }), { statusCode: 201 })
  assert.deepEqual(answerOf({ '3XX': {} }), { statusCode: 300 })
  assert.deepEqual(answerOf({ default: {} }), {})
  assert.deepEqual(answerOf({ 100: {}, 202: {} }), { statusCode: 202 })
  assert.deepEqual(answerOf({}), {})
})

test('a response is chosen by its status, an example by its name', () => {
  const content = { 'application/json': { examples: { one: { value: { a: 1 } }, two: { value: { a: 2 } } } } }
  const responses = { 200: {}, 400: { content } }
  assert.deepEqual(answerOf(responses, { status: '400' }), { statusCode: 400, headers: JSON_TYPE, body: { a: 1 } })
  const two = { status: '400', exampleName: 'two' }
  assert.deepEqual(answerOf(responses, two), { statusCode: 400, headers: JSON_TYPE, body: { a: 2 } })
})

test('what is asked for and not there is refused, and what there is is named', () => {
  const document = api({ '/a': { get: { operationId: 'a', responses: { 200: {} } } } })
  assert.deepEqual(faultsOf(document, new Map([['b', { status: '200' }]])), [': has no operation "b"; there are a'])
  assert.deepEqual(faultsOf(document, new Map([['a', { status: '201' }]])), [
    'paths//a/get: operation a has no response 201; there are 200',
  ])
  assert.deepEqual(faultsOf(document, new Map([['a', { status: '200', exampleName: 'x' }]])), [
    'paths//a/get/responses/200: has no example named "x"',
  ])
})

test('an example goes before the schema, the schema is sampled always the same', () => {
  const schema = {
    type: 'object',
    properties: { id: { type: 'integer' }, at: { type: 'string', format: 'date-time' } },
  }
  assert.deepEqual(answerOf(ok({ 'application/json': { schema, example: { id: 7 } } })), {
    statusCode: 200,
    headers: JSON_TYPE,
    body: { id: 7 },
  })
  const sampled = answerOf(ok({ 'application/json': { schema } }))
  assert.deepEqual(sampled, {
    statusCode: 200,
    headers: JSON_TYPE,
    body: { id: 0, at: '2019-08-24T14:15:22Z' },
  })
  assert.deepEqual(answerOf(ok({ 'application/json': { schema } })), sampled)
})

test('JSON that is no object is given as its text, and an object that looks like a typed body as JSON', () => {
  const body = (example: unknown): unknown => {
    return (answerOf(ok({ 'application/json': { example } })) as { body: unknown }).body
  }
  assert.deepEqual(body('hi'), { type: 'JSON', json: '"hi"' })
  assert.deepEqual(body(5), { type: 'JSON', json: '5' })
  assert.deepEqual(body('{"a":1}'), '{"a":1}')
  assert.deepEqual(body({ type: 'STRING', string: 'x' }), { type: 'JSON', json: { type: 'STRING', string: 'x' } })
  assert.deepEqual(body([1]), [1])
})

test('text, forms and XML are written as what they are', () => {
  const body = (type: string, media: object): unknown => (answerOf(ok({ [type]: media })) as { body: unknown }).body
  assert.equal(body('text/plain', { example: 'hi' }), 'hi')
  assert.equal(body('application/x-www-form-urlencoded', { example: { a: 1, b: 'x y' } }), 'a=1&b=x+y')
  const schema = {
    type: 'object',
    xml: { name: 'pet' },
    properties: { id: { type: 'integer', xml: { attribute: true } }, tag: { type: 'string' } },
  }
  assert.equal(
    body('application/xml', { schema }),
    '<?xml version="1.0" encoding="UTF-8"?>\n<pet id="0">\n  <tag>string</tag>\n</pet>\n',
  )
})

test('headers come with their examples or samples, those of the connection do not', () => {
  const headers = {
    'x-count': { schema: { type: 'integer' }, example: 7 },
    'x-list': { schema: { type: 'array', items: { type: 'string' } } },
    'Content-Length': { schema: { type: 'integer' } },
  }
  assert.deepEqual(answerOf({ 204: { headers } }), {
    statusCode: 204,
    headers: { 'x-count': ['7'], 'x-list': ['string'] },
  })
})

test('a schema that holds itself ends, and what is too large is cut rather at its leaves', () => {
  const Node = { type: 'object', properties: { v: { type: 'integer' }, n: { $ref: '#/components/schemas/Node' } } }
  const schemas: Record<string, unknown> = { Node, S12: { type: 'string' } }
  for (let at = 0; at < 12; at++) {
    const names = ['a', 'b', 'c', 'd', 'e']
    const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/schemas/S${at + 1}` }]))
    schemas[`S${at}`] = { type: 'object', properties }
  }
  const of = (name: string) =>
    (
      answerOf(ok({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } }), undefined, {
        components: { schemas },
      }) as { body: object }
    ).body
  assert.deepEqual(of('Node'), { v: 0 })
  assert.deepEqual(Object.keys(of('S0')), ['a', 'b', 'c', 'd', 'e'])
  assert.ok(JSON.stringify(of('S0')).length < 64 * 1024)
})

test('lengths and counts that nobody could send are not followed', () => {
  const items = { type: 'array', minItems: 1e9, items: { type: 'string', minLength: 1e9 } }
  const schema = { type: 'array', minItems: 1e9, items }
  const text = JSON.stringify(answerOf(ok({ 'application/json': { schema } })))
  assert.ok(text.length < 1024 * 1024)
})
