/** Which libraries a process has loaded, asked of a process of its own that watches every module it loads. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const LIBRARIES = ['@xmldom/xmldom', 'ajv', 'ajv-formats', 'graphql', 'json-p3', 'openapi-sampler', 're2js', 'xpath']

const PROGRAM = `
import { registerHooks } from 'node:module'
const loaded = new Set()
registerHooks({
  load(url, context, next) {
    const [, name] = /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url) ?? []
    if (name) loaded.add(name)
    return next(url, context)
  },
})
await import(process.argv[1] + '/src/cli/run.ts')
await import(process.argv[1] + '/src/cli/serve.ts')
const { checkValue } = await import(process.argv[1] + '/src/config/problems.ts')
const { Request } = await import(process.argv[1] + '/src/config/request-schema.ts')
const { compileRequest } = await import(process.argv[1] + '/src/decide/matching/request-spec.ts')
compileRequest(checkValue(Request, JSON.parse(process.argv[2])).value)
process.stdout.write(JSON.stringify([...loaded]))
`

/** Every package that is loaded once run and serve are, and this `httpRequest` is compiled. */
function packagesFor(httpRequest: unknown): string[] {
  const root = `${import.meta.dirname}/../../..`
  const asked = ['--input-type=module', '-e', PROGRAM, root, JSON.stringify(httpRequest)]
  return JSON.parse(execFileSync(process.execPath, asked, { encoding: 'utf8', timeout: 60_000 })) as string[]
}

const librariesFor = (httpRequest: unknown): string[] =>
  packagesFor(httpRequest)
    .filter((name) => LIBRARIES.includes(name))
    .sort()

test('an expectation of paths, headers and plain bodies loads no library of bodies', () => {
  const plain = { method: 'GET', path: '/a/.*', headers: { 'x-a': ['1'] }, cookies: { a: 'b' }, body: { json: [1] } }
  const packages = packagesFor(plain)
  assert.ok(packages.includes('zod'), 'the child sees what is loaded')
  assert.deepEqual(
    packages.filter((name) => LIBRARIES.includes(name)),
    [],
  )
})

test('an expectation loads the libraries of its own kind of body only', () => {
  assert.deepEqual(librariesFor({ body: { type: 'REGEX', regex: 'a+' } }), ['re2js'])
  assert.deepEqual(librariesFor({ body: { type: 'JSON_SCHEMA', jsonSchema: {} } }), ['ajv', 'ajv-formats'])
  assert.deepEqual(librariesFor({ body: { type: 'JSON_PATH', jsonPath: '$.a' } }), ['json-p3'])
  assert.deepEqual(librariesFor({ body: { type: 'XML', xml: '<a/>' } }), ['@xmldom/xmldom'])
  assert.deepEqual(librariesFor({ body: { type: 'XPATH', xpath: '/a' } }), ['@xmldom/xmldom', 'xpath'])
  assert.deepEqual(librariesFor({ body: { type: 'GRAPHQL', query: '{ a }' } }), ['graphql'])
})

test('an operation of an OpenAPI document loads nothing until a request is judged by its schemas', () => {
  const requestBody = { content: { 'application/json': { schema: { type: 'object' } } } }
  const document = { openapi: '3.1.0', paths: { '/a': { post: { requestBody, responses: {} } } } }
  assert.deepEqual(librariesFor({ specUrlOrPayload: document }), [])
})
