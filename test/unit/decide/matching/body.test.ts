import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BodyMatcher, matchesBody } from '../../../../src/decide/matching/body.ts'
import { parseJson } from '../../../../src/decide/matching/json.ts'

function matches(matcher: BodyMatcher, body: string | Buffer, contentType?: string): boolean {
  const bytes = Buffer.from(body)
  return matchesBody(matcher, { bytes, sent: bytes, contentType })
}

const text = (value: string, changes = {}): BodyMatcher => {
  return { kind: 'text', text: value, isPart: false, negated: false, ...changes }
}
const json = (expected: string, changes = {}): BodyMatcher => {
  return { kind: 'json', expected: parseJson(expected), isStrict: false, negated: false, ...changes }
}

test('a text body is compared exactly, case included, and is never a pattern', () => {
  assert.ok(matches(text('Hello'), 'Hello'))
  assert.ok(!matches(text('Hello'), 'hello'))
  assert.ok(!matches(text('Hello'), 'Hello!'))
  assert.ok(!matches(text('.*'), 'Hello'))
})

test('a sub string may stand anywhere', () => {
  assert.ok(matches(text('ell', { isPart: true }), 'Hello'))
  assert.ok(!matches(text('ELL', { isPart: true }), 'Hello'))
})

test('empty text matches any body', () => {
  assert.ok(matches(text(''), 'anything'))
  assert.ok(matches(text(''), ''))
})

test('text is UTF-8 unless the content type names latin1', () => {
  assert.ok(matches(text('é'), Buffer.from('é', 'utf8'), 'text/plain'))
  assert.ok(matches(text('é'), Buffer.from('é', 'latin1'), 'text/plain; charset=ISO-8859-1'))
  assert.ok(!matches(text('é'), Buffer.from('é', 'latin1'), 'text/plain'))
})

test('a negated body matches what the body does not', () => {
  assert.ok(!matches(text('a', { negated: true }), 'a'))
  assert.ok(matches(text('a', { negated: true }), 'b'))
  assert.ok(matches(json('{"a":1}', { negated: true }), 'not json'))
})

test('JSON needs a JSON content type or none', () => {
  const matcher = json('{"a":1}')
  assert.ok(matches(matcher, '{"a":1}'))
  assert.ok(matches(matcher, '{"a":1}', 'application/json'))
  assert.ok(matches(matcher, '{"a":1}', 'Application/JSON; charset=utf-8'))
  assert.ok(matches(matcher, '{"a":1}', 'application/problem+json'))
  assert.ok(!matches(matcher, '{"a":1}', 'application/x-www-form-urlencoded'))
  assert.ok(!matches(matcher, '{"a":1}', 'text/plain'))
  assert.ok(!matches(matcher, '{"a":1'))
  assert.ok(!matches(matcher, ''))
})

test('only the fields asked for are compared, at any depth', () => {
  assert.ok(matches(json('{"a":{"b":1}}'), '{"x":0,"a":{"y":2,"b":1}}'))
  assert.ok(!matches(json('{"a":{"b":1}}'), '{"a":{"b":2}}'))
  assert.ok(!matches(json('{"a":1}'), '[1]'))
  assert.ok(!matches(json('{"a":null}'), '{}'))
  assert.ok(matches(json('{"a":null}'), '{"a":null}'))
  assert.ok(!matches(json('{"__proto__":{}}'), '{}'))
})

test('arrays are compared in any order, with extra items allowed, each item used once', () => {
  assert.ok(matches(json('[1,2]'), '[3,2,1]'))
  assert.ok(!matches(json('[1,1]'), '[1,2]'))
  assert.ok(matches(json('[{"a":1},{"a":1,"b":2}]'), '[{"a":1,"b":2},{"a":1}]'))
  assert.ok(!matches(json('[1]'), '{"0":1}'))
})

test('strict JSON allows nothing extra and no other order of arrays', () => {
  const strict = { isStrict: true }
  assert.ok(matches(json('{"a":[1,2],"b":{}}', strict), '{ "b": {}, "a": [1, 2] }'))
  assert.ok(!matches(json('{"a":1}', strict), '{"a":1,"b":2}'))
  assert.ok(!matches(json('[1,2]', strict), '[2,1]'))
  assert.ok(!matches(json('[1]', strict), '[1,2]'))
})

test('numbers are compared as they are written', () => {
  assert.ok(!matches(json('{"a":1}'), '{"a":1.0}'))
  assert.ok(matches(json('{"a":1.0}'), '{"a":1.0}'))
  assert.ok(matches(json('{"a":1.5}'), '{"a":1.5}'))
  assert.ok(!matches(json('[100]'), '[1e2]'))
  assert.ok(!matches(json('[12345678901234567890]'), '[12345678901234567891]'))
  assert.ok(!matches(json('[1]'), '["1"]'))
  assert.ok(!matches(json('[1.0]'), '[{"written":"1.0"}]'))
  assert.ok(!matches(json('{}'), '1.0'))
})

test('a body nested deeper than the stack does not match and does no harm', () => {
  const deep = `${'['.repeat(200_000)}1.0${']'.repeat(200_000)}`
  assert.ok(!matches(json('{"a":1}'), deep))
})
