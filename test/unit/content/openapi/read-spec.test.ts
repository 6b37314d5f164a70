import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSpec } from '../../../../src/content/openapi/read-spec.ts'

const problem = (given: unknown): string => {
  const read = readSpec(given)
  return 'faults' in read ? read.faults.map(({ message }) => message).join('; ') : 'none'
}

test('a document is an object, or the text of one in JSON or YAML', () => {
  assert.equal(problem({ openapi: '3.0.0' }), 'none')
  assert.equal(problem('{"openapi":"3.1.0"}'), 'none')
  assert.equal(problem('openapi: 3.0.0\npaths: {}\n'), 'none')
  assert.equal(problem('swagger: "2.0"\npaths: {}\n'), 'none')
})

test('what is no OpenAPI document is said to be none', () => {
  assert.equal(problem(5), 'expected an OpenAPI document, or the text of one in JSON or YAML')
  assert.equal(problem('nonsense'), 'expected an OpenAPI document, or the text of one in JSON or YAML')
  assert.equal(problem({ a: 1 }), 'attribute openapi is missing')
  assert.equal(problem(' '), 'the document is empty')
  assert.match(problem('{"openapi"'), /^not valid JSON: /)
  assert.match(problem('a: [\n'), /^not valid YAML: /)
  assert.match(problem({ openapi: '4.0.0' }), /^OpenAPI 4\.0\.0 is not supported/)
})

test('addresses and paths are refused with what to do instead', () => {
  for (const address of [
    'http://127.0.0.1/x.json',
    'https://a.example/api',
    'file:///etc/passwd',
    'classpath:a.json',
  ]) {
    assert.match(problem(address), /^is an address, and nothing is fetched/)
  }
  assert.match(problem('/etc/api.yaml'), /^is the path of a file/)
})

test('documents that would take too much are refused', () => {
  assert.equal(problem(`{"openapi":"3.0.0","a":${'['.repeat(200)}${']'.repeat(200)}}`), 'nested more than 150 deep')
  assert.match(problem({ openapi: '3.0.0', a: new Array(1_000_001).fill(0) }), /^has more than 1000000 values/)
  assert.match(problem(`a: ${'['.repeat(20_000)}`), /nested too deeply/)
  const levels = [...'bcdefghij'].map((name, at) => `${name}: &${name} [${`*${'abcdefghi'[at]},`.repeat(9)}]`)
  assert.match(problem(`openapi: 3.0.0\na: &a [x,x,x,x]\n${levels.join('\n')}\n`), /Excessive alias count/)
  assert.equal(problem('{"openapi":"3.0.0","__proto__":{}}'), 'has a key named __proto__')
})

test('objects whose keys look like methods are no texts', () => {
  const odd = { toString: 1, valueOf: 1 }
  const read = {
    swagger: '2.0',
    consumes: [odd],
    basePath: odd,
    paths: { '/a': { post: { parameters: [{ in: odd }] } } },
  }
  assert.equal(problem(read), 'none')
  assert.equal(problem({ openapi: odd }), 'attribute openapi is missing')
})
