import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestBody } from '../../../src/config/request-body-schema.ts'
import { bodyFits, problemLines } from '../../support/asked.ts'

const FORM = 'application/x-www-form-urlencoded'

test('form parameters follow the rules of the query', () => {
  const asked = { type: 'PARAMETERS', parameters: { a: ['1', '2'], '!b': [], n: '> 5' } }
  assert.ok(bodyFits(asked, 'a=2&a=1&n=6', FORM))
  assert.ok(!bodyFits(asked, 'a=1&n=6', FORM))
  assert.ok(!bodyFits(asked, 'a=2&a=1&n=6&b=', FORM))
})

test('bytes are compared as they are', () => {
  const asked = { type: 'BINARY', base64Bytes: 'AP8=' }
  assert.ok(bodyFits(asked, Buffer.from([0, 255])))
  assert.ok(!bodyFits(asked, Buffer.from([0, 255, 0])))
  assert.ok(bodyFits({ type: 'BINARY', base64Bytes: '' }, 'x'), 'no bytes ask for nothing, as empty text does')
  assert.ok(!bodyFits({ type: 'BINARY', base64Bytes: '', not: true }, 'x'))
})

test('an empty pattern asks for nothing', () => {
  assert.ok(bodyFits({ type: 'REGEX', regex: '' }, 'x'))
  assert.ok(!bodyFits({ type: 'REGEX', regex: '', not: true }, 'x'))
})

test('parts of a form are matched by their values, file names and content types', () => {
  const asked = {
    type: 'MULTIPART',
    fields: { note: ['h.*'] },
    filenames: { file: 'a\\.txt' },
    partContentTypes: { file: 'text/plain' },
  }
  const body = [
    '--x-1',
    'Content-Disposition: form-data; name="note"',
    '',
    'hello',
    '--x-1',
    'content-disposition: form-data; name=file; filename="a.txt"',
    'Content-Type: text/plain',
    '',
    'line\r\n',
    '--x-1--',
    '',
  ].join('\r\n')
  assert.ok(bodyFits(asked, body, 'multipart/form-data; boundary=x-1'))
  assert.ok(!bodyFits(asked, body, 'multipart/form-data; boundary=x-2'))
  assert.ok(!bodyFits(asked, body.replace('hello', 'bye'), 'multipart/form-data; boundary=x-1'))
  assert.ok(!bodyFits(asked, body, 'text/plain'))
  assert.ok(!bodyFits(asked, body.replace('--x-1--', ''), 'multipart/form-data; boundary=x-1'))
})

test('placeholders of JsonUnit stand for what they say', () => {
  const any = { id: `\${json-unit.any-number}`, name: `\${json-unit.any-string}`, ok: '#{json-unit.any-boolean}' }
  assert.ok(bodyFits(any, '{"id":1.0,"name":"x","ok":true}'))
  assert.ok(!bodyFits(any, '{"id":"1","name":"x","ok":true}'))
  const strict = (json: unknown): unknown => ({ type: 'JSON', json, matchType: 'STRICT' })
  assert.ok(bodyFits(strict({ a: `\${json-unit.regex}[A-Z]+` }), '{"a":"AB"}'))
  assert.ok(!bodyFits(strict({ a: `\${json-unit.regex}[A-Z]+` }), '{"a":"ab"}'))
  assert.ok(bodyFits(strict({ a: `\${json-unit.ignore}` }), '{"a":[1]}'))
  assert.ok(!bodyFits(strict({ a: `\${json-unit.ignore}` }), '{}'))
  assert.ok(bodyFits(strict({ a: `\${json-unit.ignore-element}` }), '{}'))
})

test('an optional body may be empty, whatever its type', () => {
  const asked = { type: 'STRING', string: 'x', optional: true }
  assert.ok(bodyFits(asked, ''))
  assert.ok(bodyFits(asked, 'x'))
  assert.ok(!bodyFits(asked, 'y'))
})

test('a body as it is recorded is taken back', () => {
  assert.ok(bodyFits({ type: 'STRING', string: 'x', rawBytes: 'eA==', contentType: 'text/plain' }, 'x'))
  assert.ok(bodyFits({ type: 'STRING', value: 'x' }, 'x'))
})

test('JSON is judged by a schema, where the content type allows it', () => {
  const asked = { type: 'JSON_SCHEMA', jsonSchema: { type: 'object', required: ['a'] } }
  assert.ok(bodyFits(asked, '{"a":1.0}', 'application/json'))
  assert.ok(!bodyFits(asked, '{"b":1}', 'application/json'))
  assert.ok(!bodyFits(asked, '{"a":1}', FORM))
  assert.ok(bodyFits({ ...asked, not: true }, '{"b":1}'))
})

test('of numbers only their value may count', () => {
  const byValue = (json: unknown, more = {}): unknown => ({ type: 'JSON', json, matchNumbersAsStrings: true, ...more })
  const equal = [
    ['{"a":1}', '{"a":1.0}'],
    ['{"a":1e1}', '{"a":10}'],
    ['{"a":0.1}', '{"a":0.10}'],
    ['{"a":-0.0}', '{"a":0}'],
    ['{"a":120}', '{"a":1.2E+2}'],
    ['{"a":1e400}', '{"a":10e399}'],
    ['{"a":12345678901234567890}', '{"a":12345678901234567890.0}'],
  ]
  for (const [one = '', other = ''] of equal) {
    assert.ok(bodyFits(byValue(one), other), `${one} ${other}`)
    assert.ok(bodyFits(byValue(other, { matchType: 'STRICT' }), one), `${other} ${one}`)
  }
  for (const other of ['{"a":2}', '{"a":"1"}', '{"a":-1}', '{"a":10}', '{"a":1.00000000000000000001}']) {
    assert.ok(!bodyFits(byValue('{"a":1}'), other), other)
  }
  assert.ok(bodyFits(byValue({ a: 1.5 }), '{"a":15e-1}'))
  assert.ok(bodyFits(byValue({ a: `\${json-unit.any-number}` }), '{"a":1e999}'))
})

test('a number so large that it is always printed with an exponent matches itself', () => {
  for (const large of [1e21, -1e300]) {
    const asked = { type: 'JSON', json: { a: large } }
    assert.ok(bodyFits(asked, JSON.stringify({ a: large })))
    assert.ok(!bodyFits(asked, '{"a":1e22}'))
  }
})

test('unless only their value counts, whole numbers are not those with a point or an exponent', () => {
  const same = [
    ['1.0', '10e-1'],
    ['1.0', '1.00'],
    ['1e1', '1E+1'],
    ['1e1', '10.0'],
    ['1.5', '15e-1'],
    ['0', '-0'],
    ['0.0', '-0.0'],
    ['[0.10000000000000000001]', '[1.0000000000000000001e-1]'],
  ]
  for (const [one = '', other = ''] of same) {
    assert.ok(bodyFits({ type: 'JSON', json: one }, other), `${one} ${other}`)
    assert.ok(bodyFits({ type: 'JSON', json: other, matchType: 'STRICT' }, one), `${other} ${one}`)
  }
  const others = [
    ['1', '1.0'],
    ['10', '1e1'],
    ['100', '1e2'],
    ['0', '0.0'],
    ['12345678901234567890', '12345678901234567890.0'],
    ['1.0', '1.00000000000000000001'],
  ]
  for (const [one = '', other = ''] of others) {
    assert.ok(!bodyFits({ type: 'JSON', json: one }, other), `${one} ${other}`)
    assert.ok(!bodyFits({ type: 'JSON', json: other, matchType: 'STRICT' }, one), `${other} ${one}`)
  }
})

test('a list may be asked for, and null may mean that nothing is there', () => {
  const asked = { a: `\${json-unit.any-array}`, b: `\${json-unit.missing-or-null}` }
  assert.ok(bodyFits(asked, '{"a":[]}'))
  assert.ok(bodyFits(asked, '{"a":[1],"b":null}'))
  assert.ok(!bodyFits(asked, '{"a":{}}'))
  assert.ok(!bodyFits(asked, '{"a":[],"b":1}'))
  const strict = { type: 'JSON', json: asked, matchType: 'STRICT' }
  assert.ok(bodyFits(strict, '{"a":[]}'))
  assert.ok(!bodyFits(strict, '{"a":[],"c":null}'))
})

test('several matchers of one body must all match', () => {
  const both = [
    { type: 'STRING', string: 'a', subString: true },
    { type: 'REGEX', regex: '.*b.*' },
  ]
  for (const asked of [{ type: 'ALL_OF', bodyAllOf: both }, { bodyAllOf: both }]) {
    assert.ok(bodyFits(asked, 'a b'))
    assert.ok(!bodyFits(asked, 'a'))
    assert.ok(bodyFits({ ...asked, not: true }, 'a'))
  }
  assert.ok(bodyFits({ type: 'ALL_OF', bodyAllOf: [] }, 'a'))
  assert.ok(bodyFits({ bodyAllOf: [{ order: 1 }, { type: 'JSON_PATH', jsonPath: '$.id' }] }, '{"order":1,"id":2}'))
})

/** What of a body is refused when it is read. */
const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  [{ type: 'JSON_SCHEMA', jsonSchema: '{"type":"objekt"}' }, /jsonSchema: not a valid JSON schema: /],
  [{ type: 'JSON_SCHEMA', jsonSchema: '{' }, /jsonSchema: not a valid JSON schema: /],
  [{ type: 'JSON_PATH', jsonPath: '$.[' }, /jsonPath: not a valid JSONPath: /],
  [{ type: 'XML', xml: '<a>' }, /xml: not valid XML: /],
  [{ type: 'XPATH', xpath: '/a[' }, /xpath: not a valid XPath: /],
  [{ type: 'XML_SCHEMA', xmlSchema: '<x/>' }, /xmlSchema: not a valid XML schema: The XML document/],
  [{ type: 'GRAPHQL', query: '{' }, /query: not valid GraphQL: /],
  [{ type: 'REGEX', regex: '(' }, /regex: not a valid regular expression/],
  [{ type: 'JSON_RPC', method: '(' }, /method: not a valid regular expression/],
  [{ type: 'MULTIPART', fields: { a: 1 } }, /fields.a: expected a string, got 1/],
  [{ type: 'BINARY', base64Bytes: '!' }, /base64Bytes: expected base64/],
  [
    { a: `\${json-unit.any-thing}` },
    /body: the placeholder \$\{json-unit.any-thing\} is not supported; there are any-/,
  ],
  [
    { type: 'XML', xml: `<a>\${xmlunit.isDate}</a>` },
    /xml: the placeholder \$\{xmlunit.isDate\} is not supported; there are/,
  ],
  [{ type: 'XML', xml: `<a>\${xmlunit.matchesRegex((a+)+b)}</a>` }, /xml: refused: it repeats/],
  [{ type: 'GRAPHQL', query: '{ a }', schema: 'type Query { a: X }' }, /schema: not a valid GraphQL schema: /],
  [{ type: 'GRAPHQL', query: '{ a }', schema: '{' }, /schema: not a valid GraphQL schema: /],
  [{ type: 'FUZZY', threshold: 1 }, /fuzzy: missing; expected a string/],
  [{ type: 'ALL_OF', bodyAllOf: ['a', { type: 'REGEX', regex: '(' }] }, /bodyAllOf.1.regex: not a valid regular/],
  [{ type: 'FILE', filePath: 'a' }, /type: body type FILE is not supported yet/],
  [{ type: 'STRING', string: 'x', optinal: true }, /optinal: unknown key; did you mean "optional"/],
]
for (const [body, problem] of REFUSED) {
  test(`${JSON.stringify(body)} is refused where it is wrong`, () => {
    const lines = problemLines({ body })
    assert.equal(lines.length, 1, lines.join('\n'))
    assert.match(lines[0] ?? '', problem)
  })
}

test('a map of thousands of names is refused before any of them is examined', () => {
  const parameters = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`a${at}`, '[a-z]+']))
  const read = RequestBody.safeParse({ type: 'PARAMETERS', parameters })
  assert.match(JSON.stringify(read.error?.issues), /has more than 1000 names/)
})
