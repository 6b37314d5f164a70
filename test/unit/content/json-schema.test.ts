import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSchema, compileTextSchema } from '../../../src/content/json-schema.ts'

function passes(schema: unknown, value: unknown): boolean {
  const compiled = compileSchema(schema)
  assert.ok('test' in compiled, 'problem' in compiled ? compiled.problem : '')
  return compiled.test(value)
}
const problem = (schema: unknown): string => {
  const compiled = compileSchema(schema)
  return 'problem' in compiled ? compiled.problem : ''
}

test('each draft has its own rules', () => {
  const tuple = { items: [{ type: 'string' }] }
  assert.ok(!passes(tuple, [1]))
  assert.ok(
    !passes({ $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] }, [1]),
  )
  assert.ok(!passes({ $schema: 'https://json-schema.org/draft/2019-09/schema', ...tuple }, [1]))
  assert.ok(!passes({ $schema: 'http://json-schema.org/draft-06/schema#', ...tuple }, [1]))
  assert.match(problem({ $schema: 'http://json-schema.org/draft-04/schema#' }), /this draft .* is not supported/)
})

test('nothing is fetched, and what cannot be resolved is a problem', () => {
  assert.match(problem({ $ref: 'http://127.0.0.1/schema.json' }), /can't resolve reference/)
})

test('formats and patterns are checked', () => {
  assert.ok(passes({ format: 'date' }, '2026-11-21'))
  assert.ok(!passes({ format: 'date' }, '2026-13-21'))
  assert.ok(passes({ pattern: '^[a-z]+' }, 'abc1'))
  assert.ok(!passes({ pattern: '^[a-z]+$' }, 'abc1'))
})

test('a pattern that could run for hours is a problem, and a long text does not pass one', () => {
  assert.match(problem({ pattern: '^(a+)+$' }), /repeats a part/)
  assert.ok(!passes({ pattern: 'b' }, `${'a'.repeat(70_000)}b`))
})

test('unique items are counted in one pass', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => ({ at, b: [at] }))
  assert.ok(passes({ uniqueItems: true }, many))
  assert.ok(!passes({ uniqueItems: true }, [...many, { b: [7], at: 7 }]))
})

test('a schema or a value without end is refused, not run', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown
  assert.ok(!passes({}, deep))
  assert.match(problem({ not: deep }), /nested too deeply|not a valid/)
  assert.ok(!passes({ $ref: '#' }, 1))
})

test('two schemas of one $id do not meet', () => {
  assert.ok(passes({ $id: 'a', type: 'string' }, 'x'))
  assert.ok(passes({ $id: 'a', type: 'number' }, 1))
})

test('text counts as what it says in JSON, or as text', () => {
  const judge = (schema: unknown, subject: string): boolean => {
    const compiled = compileTextSchema(schema)
    return 'test' in compiled && compiled.test(subject)
  }
  assert.ok(judge({ type: 'integer' }, '3'))
  assert.ok(judge({ type: 'boolean' }, 'true'))
  assert.ok(judge({ type: 'string', format: 'uuid' }, '3ac1cd8a-6f40-4b3a-9f0d-6f2a7cf6e9fb'))
  assert.ok(!judge({ type: 'integer' }, 'x'))
})

test('a schema of thousands of parts, which would take minutes to compile, is refused', () => {
  const anyOf = Array.from({ length: 2001 }, (_, at) => ({ const: at }))
  const compiled = compileSchema({ anyOf })
  assert.match('problem' in compiled ? compiled.problem : 'compiled', /more than 2000 parts/)
  assert.ok('test' in compileSchema({ anyOf: anyOf.slice(0, 1000) }))
})
