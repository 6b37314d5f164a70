import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, postOf, verdict } from '../../../support/api-documents.ts'
import { head } from '../../decide/build.ts'

const asks = (parameter: object, line: string, ...headers: string[]): string =>
  verdict(postOf({ parameters: [{ name: 'p', ...parameter }] }), head(line, ...headers))

const LIST = { type: 'array', items: { type: 'integer' }, minItems: 2 }
const OBJECT = { type: 'object', properties: { r: { type: 'integer' }, g: { type: 'string' } }, required: ['r'] }

test('a required parameter must be there, another only be right where it is', () => {
  const schema = { type: 'integer', minimum: 2 }
  assert.equal(asks({ in: 'query', required: true, schema }, 'POST /a'), 'no')
  assert.equal(asks({ in: 'query', schema }, 'POST /a'), 'yes')
  assert.equal(asks({ in: 'query', schema }, 'POST /a?p=1'), 'no')
  assert.equal(asks({ in: 'query', schema }, 'POST /a?p=x'), 'no')
  assert.equal(asks({ in: 'query', schema }, 'POST /a?p=2&other=1'), 'yes')
})

test('text is read as the types that the schema allows, references included', () => {
  const components = { schemas: { Flag: { anyOf: [{ type: 'boolean' }, { type: 'string', enum: ['maybe'] }] } } }
  const document = postOf(
    { parameters: [{ name: 'p', in: 'query', schema: { $ref: '#/components/schemas/Flag' } }] },
    { components },
  )
  const tried = ['true', 'maybe', '1'].map((text) => verdict(document, head(`POST /a?p=${text}`)))
  assert.deepEqual(tried, ['yes', 'yes', 'no'])
})

test('a digit string stays a string where the schema wants one', () => {
  assert.equal(asks({ in: 'query', schema: { type: 'string', minLength: 2 } }, 'POST /a?p=12'), 'yes')
})

const STYLES: readonly (readonly [string, object, string, 'yes' | 'no'])[] = [
  ['form repeats the name', { in: 'query', schema: LIST }, 'POST /a?p=1&p=2', 'yes'],
  ['form repeats the name, once is too few', { in: 'query', schema: LIST }, 'POST /a?p=1', 'no'],
  ['form, not exploded', { in: 'query', explode: false, schema: LIST }, 'POST /a?p=1,2', 'yes'],
  ['form, not exploded, a wrong item', { in: 'query', explode: false, schema: LIST }, 'POST /a?p=1,x', 'no'],
  ['pipes', { in: 'query', style: 'pipeDelimited', explode: false, schema: LIST }, 'POST /a?p=1%7C2', 'yes'],
  ['spaces', { in: 'query', style: 'spaceDelimited', explode: false, schema: LIST }, 'POST /a?p=1%202', 'yes'],
  ['deep objects', { in: 'query', style: 'deepObject', schema: OBJECT }, 'POST /a?p[r]=1&p%5Bg%5D=x', 'yes'],
  ['deep objects, a wrong part', { in: 'query', style: 'deepObject', schema: OBJECT }, 'POST /a?p[r]=x', 'no'],
  ['an exploded object', { in: 'query', schema: OBJECT }, 'POST /a?r=1&g=x', 'yes'],
  ['an exploded object, a required part missing', { in: 'query', required: true, schema: OBJECT }, 'POST /a?g=x', 'no'],
  ['an object in one text', { in: 'query', explode: false, schema: OBJECT }, 'POST /a?p=r,1,g,x', 'yes'],
  ['JSON', { in: 'query', content: { 'application/json': { schema: OBJECT } } }, 'POST /a?p={"r":1}', 'yes'],
  ['JSON that is wrong', { in: 'query', content: { 'application/json': { schema: OBJECT } } }, 'POST /a?p={}', 'no'],
]
for (const [name, parameter, line, expected] of STYLES) {
  test(`a query parameter in the style: ${name}`, () => assert.equal(asks(parameter, line), expected))
}

const inPath = (style: object, schema: object, sent: string): string =>
  verdict(
    postOf({ parameters: [{ name: 'p', in: 'path', required: true, schema, ...style }] }, {}, '/a/{p}'),
    head(`POST /a/${sent}`),
  )

const PATHS: readonly (readonly [object, object, string, 'yes' | 'no'])[] = [
  [{}, { type: 'integer' }, '3', 'yes'],
  [{}, { type: 'integer' }, 'x', 'no'],
  [{}, { type: 'string', enum: ['a b'] }, 'a%20b', 'yes'],
  [{}, LIST, '1,2', 'yes'],
  [{ style: 'label' }, LIST, '.1,2', 'yes'],
  [{ style: 'label', explode: true }, LIST, '.1.2', 'yes'],
  [{ style: 'matrix' }, LIST, ';p=1,2', 'yes'],
  [{ style: 'matrix', explode: true }, LIST, ';p=1;p=2', 'yes'],
  [{ style: 'matrix', explode: true }, OBJECT, ';r=1;g=x', 'yes'],
  [{ style: 'matrix', explode: true }, OBJECT, ';r=x', 'no'],
  [{ style: 'label', explode: true }, OBJECT, '.r=1.g=x', 'yes'],
  [{}, OBJECT, 'r,1,g,x', 'yes'],
]
for (const [style, schema, sent, expected] of PATHS) {
  test(`the path parameter ${sent} with ${JSON.stringify(style)} ${JSON.stringify(schema)}`, () => {
    assert.equal(inPath(style, schema, sent), expected)
  })
}

test('headers are found in any case, several lines are one list; cookies by their name', () => {
  const list = { in: 'header', required: true, schema: LIST }
  assert.equal(asks(list, 'POST /a', 'P', '1, 2'), 'yes')
  assert.equal(asks(list, 'POST /a', 'P', '1', 'p', '2'), 'yes')
  assert.equal(asks(list, 'POST /a', 'P', '1'), 'no')
  const cookie = { in: 'cookie', required: true, schema: { type: 'integer' } }
  assert.equal(asks(cookie, 'POST /a', 'cookie', 'a=1; p=7'), 'yes')
  assert.equal(asks(cookie, 'POST /a', 'cookie', 'p=x'), 'no')
})

test('headers that the document says elsewhere are no parameters', () => {
  const document = postOf({ parameters: [{ name: 'Content-Type', in: 'header', required: true, schema: {} }] })
  assert.equal(verdict(document, head('POST /a')), 'yes')
})

test('an operation replaces a parameter of its path', () => {
  const wide = { name: 'p', in: 'query', required: true, schema: { type: 'string' } }
  const narrow = { ...wide, required: false, schema: { type: 'integer' } }
  const document = {
    ...postOf({}),
    paths: { '/a': { parameters: [wide], post: { responses: {}, parameters: [narrow] } } },
  }
  assert.equal(verdict(document, head('POST /a')), 'yes')
  assert.equal(verdict(document, head('POST /a?p=x')), 'no')
})

test('what is wrong with a parameter is said with its place', () => {
  const parameters = [
    { name: 'a', in: 'body' },
    { in: 'query' },
    { name: 'b', in: 'path', style: 'deepObject' },
    { name: 'c', in: 'query', schema: { type: 'strng', minimum: 'x', pattern: '(a+)+$' } },
    5,
  ]
  const found = faultsOf(postOf({ parameters }))
  assert.deepEqual(
    found.map((line) => line.split(':')[0]),
    ['paths//a/post/parameters/4'],
  )
  const rest = faultsOf(postOf({ parameters: parameters.slice(0, 4) })).map((line) =>
    line.slice('paths//a/post/'.length),
  )
  assert.deepEqual(rest.slice(0, 5), [
    'parameters/0/in: expected one of path, query, header, cookie',
    'parameters/1: a parameter has a name',
    'parameters/2/style: expected one of simple, label, matrix',
    'parameters/3/schema/type: is no type of JSON Schema',
    'parameters/3/schema/minimum: is no minimum',
  ])
  assert.match(rest[5] ?? '', /^parameters\/3\/schema\/pattern: refused/)
})
