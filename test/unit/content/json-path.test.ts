import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileJsonPath } from '../../../src/content/json-path.ts'
import { bodyFits } from '../../support/asked.ts'

const finds = (jsonPath: string, body: string): boolean => bodyFits({ type: 'JSON_PATH', jsonPath }, body)
const STORE = '{"book":[{"price":8,"title":"A b"},{"price":22.5,"isbn":"1"}],"none":null,"empty":[]}'

test('a query matches a body in which it finds something', () => {
  assert.ok(finds('$.book[0].title', STORE))
  assert.ok(finds('$..price', STORE))
  assert.ok(finds('$.book[?(@.price > 10)]', STORE))
  assert.ok(finds('$.book[?(@.isbn && @.price < 30)]', STORE))
  assert.ok(!finds('$.book[?(@.price > 100)]', STORE))
  assert.ok(!finds('$.cd', STORE))
})

test('null and an empty list are nothing', () => {
  assert.ok(!finds('$.none', STORE))
  assert.ok(!finds('$.empty', STORE))
})

test('patterns in a query have the bounds of all others', () => {
  assert.ok(finds("$.book[?search(@.title, 'A.b')]", STORE))
  assert.ok(finds("$.book[?match(@.title, 'A b')]", STORE))
  assert.ok(!finds("$.book[?match(@.title, 'A')]", STORE))
  assert.ok(!finds("$[?search(@, '(a+)+$')]", JSON.stringify([`${'a'.repeat(40)}b`])))
})

test('a pattern that comes from the body has them too', () => {
  assert.ok(!finds('$[?search(@.a, @.p)]', JSON.stringify([{ a: `${'a'.repeat(40)}b`, p: '(a+)+$' }])))
})

test('what would look at everything many times over is not tried on large bodies', () => {
  const wide = JSON.stringify(Array.from({ length: 30_000 }, () => ({ a: [1] })))
  assert.ok(finds('$..a', wide))
  assert.ok(!finds('$..a..a..a..b', wide))
  const deep = `${'['.repeat(100_000)}1${']'.repeat(100_000)}`
  assert.ok(!finds('$..a', deep))
})

test('a path of more than 64 KiB is refused', () => {
  assert.deepEqual(compileJsonPath(`$${'.a'.repeat(40_000)}`), { problem: 'a JSONPath of more than 65536 characters' })
})
