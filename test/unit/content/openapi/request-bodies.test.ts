import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, postOf, verdict } from '../../../support/api-documents.ts'
import { head } from '../../decide/build.ts'

const takes = (content: object, type: string | undefined, body: string, rest: object = {}, version = '3.0.3'): string =>
  verdict(
    postOf({ requestBody: { content, ...rest } }, { openapi: version }),
    head('POST /a', ...(type === undefined ? [] : ['content-type', type])),
    body,
  )
const json = (schema: object, body: string, version?: string): string =>
  takes({ 'application/json': { schema } }, 'application/json; charset=utf-8', body, {}, version)

test('JSON must satisfy the schema of its content type', () => {
  const schema = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } }
  assert.equal(json(schema, '{"id":1}'), 'yes')
  assert.equal(json(schema, '{"id":"1"}'), 'no')
  assert.equal(json(schema, '{}'), 'no')
  assert.equal(json(schema, 'nonsense'), 'no')
})

test('a content type that the operation does not take, and one in a range that it takes', () => {
  const content = { 'application/json': { schema: { type: 'object' } }, 'text/*': { schema: { type: 'string' } } }
  assert.equal(takes(content, 'image/png', 'x'), 'no')
  assert.equal(takes(content, 'text/csv', 'x'), 'yes')
  assert.equal(takes(content, undefined, '{}'), 'yes')
})

test('a body may be left out unless it is required', () => {
  const content = { 'application/json': { schema: { type: 'object' } } }
  assert.equal(takes(content, undefined, ''), 'yes')
  assert.equal(takes(content, undefined, '', { required: true }), 'no')
})

test('the head decides before the body is read', () => {
  const document = postOf({ requestBody: { content: { 'text/plain': {} } } })
  assert.equal(verdict(document, head('POST /a')), 'needs_body')
  assert.equal(verdict(document, head('GET /a')), 'no')
})

test('forms are read as the types of their fields, lists by repeating a name', () => {
  const schema = {
    type: 'object',
    required: ['n'],
    properties: { n: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' }, minItems: 2 } },
  }
  const form = (body: string): string =>
    takes({ 'application/x-www-form-urlencoded': { schema } }, 'application/x-www-form-urlencoded', body)
  assert.deepEqual(['n=1', 'n=x', 'tags=a&tags=b', 'n=1&tags=a&tags=b', 'n=1&tags=a'].map(form), [
    'yes',
    'no',
    'no',
    'yes',
    'no',
  ])
  const part = (name: string, value: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const parts = (body: string): string =>
    takes({ 'multipart/form-data': { schema } }, 'multipart/form-data; boundary=x', body)
  assert.equal(parts(`${part('n', '1')}--x--`), 'yes')
  assert.equal(parts(`${part('n', 'x')}--x--`), 'no')
  assert.equal(parts('nothing'), 'no')
})

test('3.0 says null and exclusive bounds in its own way', () => {
  assert.equal(json({ type: 'string', nullable: true }, 'null'), 'yes')
  assert.equal(json({ type: 'string' }, 'null'), 'no')
  assert.equal(json({ type: 'integer', minimum: 3, exclusiveMinimum: true }, '3'), 'no')
  assert.equal(json({ type: 'integer', minimum: 3, exclusiveMinimum: true }, '4'), 'yes')
})

test('3.1 has lists of types, tuples, and keywords beside a reference', () => {
  assert.equal(json({ type: ['string', 'null'] }, 'null', '3.1.0'), 'yes')
  assert.equal(json({ prefixItems: [{ type: 'string' }, { const: 2 }] }, '["a",2]', '3.1.0'), 'yes')
  assert.equal(json({ prefixItems: [{ type: 'string' }, { const: 2 }] }, '["a",3]', '3.1.0'), 'no')
  const schema = { $ref: '#/components/schemas/A', maxLength: 1 }
  const document = (openapi: string) =>
    postOf(
      { requestBody: { content: { 'application/json': { schema } } } },
      { openapi, components: { schemas: { A: { type: 'string' } } } },
    )
  assert.equal(verdict(document('3.1.0'), head('POST /a'), '"ab"'), 'no')
  assert.equal(verdict(document('3.0.3'), head('POST /a'), '"ab"'), 'yes')
})

test('a property that is only given back is not required of a request', () => {
  const schema = { type: 'object', required: ['id', 'n'], properties: { id: { type: 'integer', readOnly: true } } }
  assert.equal(json(schema, '{"n":1}'), 'yes')
  assert.equal(json(schema, '{}'), 'no')
})

test('a schema that holds itself is followed as deep as the body goes', () => {
  const components = {
    schemas: {
      Tree: { type: 'object', properties: { c: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } } },
    },
  }
  const document = postOf(
    { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Tree' } } } } },
    { components },
  )
  const type = ['content-type', 'application/json']
  assert.equal(verdict(document, head('POST /a', ...type), '{"c":[{"c":[{}]}]}'), 'yes')
  assert.equal(verdict(document, head('POST /a', ...type), '{"c":[{"c":[5]}]}'), 'no')
  assert.equal(verdict(document, head('POST /a', ...type), `${'{"c":['.repeat(5000)}${']}'.repeat(5000)}`), 'no')
})

test('a reference to the schema of schemas means any object, and is not fetched', () => {
  const schema = { properties: { schema: { $ref: 'http://json-schema.org/draft-04/schema' } } }
  assert.equal(json(schema, '{"schema":{"type":"string"}}'), 'yes')
  assert.equal(json(schema, '{"schema":5}'), 'no')
})

test('references through too many schemas are refused', () => {
  const schemas: Record<string, unknown> = {}
  for (let at = 0; at < 500; at++)
    schemas[`S${at}`] = { properties: { n: { $ref: `#/components/schemas/S${at + 1}` } } }
  const document = postOf(
    { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S0' } } } } },
    { components: { schemas } },
  )
  assert.match(faultsOf(document)[0] ?? '', /nested more than 100 deep/)
})
