import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canAssign } from '../../src/decide/matching/assignment.ts'
import type { BodyMatcher } from '../../src/decide/matching/body.ts'
import type { Expectation, ExpectationSpec } from '../../src/decide/matching/expectation.ts'
import { containsJson, equalsJson, parseJson } from '../../src/decide/matching/json.ts'
import { compilePattern } from '../../src/decide/matching/pattern.ts'
import { prettyJson } from '../../src/decide/matching/pretty-json.ts'
import { parseQuery } from '../../src/decide/matching/query.ts'
import { matchesRequest } from '../../src/decide/matching/request.ts'
import { createExpectationStore } from '../../src/decide/matching/store.ts'
import { compileText, matchesText, problemWithText } from '../../src/decide/matching/text.ts'
import type { RequestHead } from '../../src/flow.ts'
import { answer, expectation } from '../unit/decide/build.ts'

/** Few letters, so that matches happen; latin1, as heads are. */
const letters = fc.constantFrom(...'aAbB1//.%-éÉßµÿ')
const path = fc.string({ unit: letters, maxLength: 6 }).map((text) => `/${text}`)
const word = fc.constantFrom('a', 'A', 'b', 'a1', '', '1', 'a b')
const pairs = fc.array(fc.tuple(word, word), { maxLength: 4 })
const pieces = fc.constantFrom(
  'a',
  'b',
  '1',
  '/',
  '/a',
  '.',
  '.*',
  '[ab]',
  '[^/]+',
  '(a|b)',
  '(/b)?',
  'é',
  '\\.',
  'a+',
  '|',
)
const pattern = fc.array(pieces, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
const prefix = fc.constantFrom('', '', '', '', '!', '?')
const sound = (value: string): boolean => problemWithText(value) === undefined
const pathText = fc.oneof(
  path,
  pattern,
  pattern.map((text) => `/${text}`),
)
const matched = fc
  .tuple(prefix, fc.oneof(word, pattern))
  .map((parts) => parts.join(''))
  .filter(sound)
const named = fc.array(fc.record({ name: matched, values: fc.array(matched, { maxLength: 2 }) }), { maxLength: 2 })
const host = fc.constantFrom('a', 'a.b', 'aXb', 'A.b', '!a', '?a')
const hosts = fc
  .record({ name: fc.constantFrom('host', '?host', '!host', 'h.st'), values: fc.array(host, { maxLength: 2 }) })
  .map((one) => [one])
const bodyText = fc.constantFrom('', 'a', '{"a":1}', '{"a":1,"b":[1,2]}', '[2,1]', '{"a":1.0}')
const bodyMatcher: fc.Arbitrary<BodyMatcher> = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), text: bodyText, isPart: fc.boolean(), negated: fc.boolean() }),
  fc.record({
    kind: fc.constant('json' as const),
    expected: bodyText.filter((text) => text.length > 1).map(parseJson),
    isStrict: fc.boolean(),
    negated: fc.boolean(),
  }),
)
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })

const spec: fc.Arbitrary<Partial<ExpectationSpec>> = fc.record({
  priority: fc.integer({ min: -1, max: 1 }),
  remainingTimes: fc.constantFrom(0, 1, 2, Infinity, Infinity),
  timeToLiveMs: fc.constantFrom(1, 3, Infinity, Infinity),
  httpRequest: maybe(
    fc.record({
      method: maybe(fc.constantFrom('GET', 'get', 'POST', '!GET', 'P.*', '')),
      path: maybe(
        fc
          .tuple(prefix, pathText)
          .map((parts) => parts.join(''))
          .filter(sound),
      ),
      queryStringParameters: maybe(named),
      headers: maybe(fc.oneof(named, hosts)),
      cookies: maybe(named),
      not: maybe(fc.boolean()),
      body: maybe(bodyMatcher),
    }),
  ),
})

const head: fc.Arbitrary<RequestHead> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'get', 'PUT'),
    path,
    query: pairs,
    headers: pairs,
    host: maybe(host),
  })
  .map(({ method, path, query, headers, host }) => ({
    method,
    target: path,
    path,
    query: new URLSearchParams(query).toString(),
    httpVersion: '1.1',
    headers: [...headers.flat(), ...(host === undefined ? [] : ['Host', host])],
  }))
const body = fc.oneof(bodyText.map(Buffer.from), fc.constant('unavailable' as const), fc.constant(undefined))

/** What the store must be equivalent to: every expectation asked in order. */
function naive(
  expectations: readonly Expectation[],
): typeof answer extends (s: never, ...rest: infer R) => string ? (...rest: R) => string : never {
  const ordered = expectations.toSorted((a, b) => b.priority - a.priority)
  const used = new Map<Expectation, number>()
  return (request, given, nowMs = 0) => {
    for (const candidate of ordered) {
      if ((used.get(candidate) ?? 0) >= candidate.remainingTimes || nowMs >= candidate.timeToLiveMs) continue
      const subject = { head: request, body: given as Buffer | undefined, query: undefined, read: undefined }
      const verdict = candidate.request ? matchesRequest(candidate.request, subject) : 'yes'
      if (verdict === 'needs_body') return 'needs_body'
      if (verdict === 'no') continue
      used.set(candidate, (used.get(candidate) ?? 0) + 1)
      return candidate.id
    }
    return 'none'
  }
}

test('the index answers as asking every expectation in order would', () => {
  const requests = fc.array(fc.tuple(head, body), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 40, size: 'max' }), requests, (specs, asked) => {
      const expectations = specs.map((one, index) => expectation(one, String(index)))
      const store = createExpectationStore(expectations, 0)
      const expected = naive(expectations)
      for (const [nowMs, [request, given]] of asked.entries()) {
        assert.equal(answer(store, request, given, nowMs), expected(request, given, nowMs))
      }
    }),
    { numRuns: 1000 },
  )
})

test('no head and no body makes matching throw', () => {
  const anyHead = fc.record({
    method: fc.string(),
    target: fc.string(),
    path: fc.string({ unit: 'binary' }),
    query: fc.string({ unit: 'binary' }),
    httpVersion: fc.constant('1.1' as const),
    headers: fc.array(fc.string({ unit: 'binary' })),
  })
  const anyBody = fc.oneof(fc.uint8Array({ maxLength: 50 }).map(Buffer.from), fc.json().map(Buffer.from))
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 6 }), anyHead, anyBody, (specs, request, bytes) => {
      const store = createExpectationStore(specs.map((one, index) => expectation(one, String(index))))
      answer(store, request, bytes)
    }),
  )
})

test('any text is either refused with a sentence or can be matched with', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'ab(|)*+?{1,}[^-]\\d.!$u<:='), maxLength: 14 }),
  )
  fc.assert(
    fc.property(text, fc.string({ maxLength: 30 }), (value, subject) => {
      const problem = problemWithText(value)
      if (problem !== undefined) return problem.length > 0
      return typeof matchesText(compileText(value), subject) === 'boolean'
    }),
    { numRuns: 3000 },
  )
})

test('a value equals itself, metacharacters or not', () => {
  const value = fc.string({ minLength: 1 }).filter((text) => !/^[!?]/.test(text) && sound(text))
  fc.assert(fc.property(value, (text) => matchesText(compileText(text), text)))
})

test('a value with every metacharacter escaped matches only itself', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab.*+?()[]{}|^$\\!-/'), minLength: 1, maxLength: 8 })
  const escaped = (value: string): string => value.replace(/[.*+?()[\]{}|^$\\!]/g, '\\$&')
  fc.assert(
    fc.property(text, text, (value, subject) => {
      assert.equal(sound(escaped(value)), true)
      assert.equal(matchesText(compileText(escaped(value)), value), true)
      if (subject !== value && subject !== escaped(value)) {
        assert.equal(matchesText(compileText(escaped(value)), subject), false)
      }
    }),
  )
})

test('every match of a pattern begins with its prefix', () => {
  const subject = fc.string({ unit: letters, maxLength: 8 })
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 5 }), subject, (parts, text) => {
      const compiled = compilePattern(parts.join(''))
      if (!('pattern' in compiled) || !compiled.pattern.regex.test(text)) return
      assert.ok(text.toLowerCase().startsWith(compiled.pattern.prefix))
    }),
    { numRuns: 1000 },
  )
})

test('an assignment is found exactly where trying every order finds one', () => {
  const exists = (rows: readonly (readonly boolean[])[], taken: readonly number[] = []): boolean => {
    const row = rows[taken.length]
    return !row || row.some((fits, at) => fits && !taken.includes(at) && exists(rows, [...taken, at]))
  }
  const table = fc
    .nat(5)
    .chain((width) => fc.array(fc.array(fc.boolean(), { minLength: width, maxLength: width }), { maxLength: 5 }))
  fc.assert(
    fc.property(table, (rows) => {
      const width = rows[0]?.length ?? 0
      assert.equal(
        canAssign(rows.length, width, (row, at) => rows[row]?.[at] ?? false),
        exists(rows),
      )
    }),
    { numRuns: 500 },
  )
})

test('JSON equals and contains itself, however it is spaced', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      const parsed = parseJson(text)
      const spaced = parseJson(JSON.stringify(value, null, 2))
      assert.ok(equalsJson(parsed, spaced) && containsJson(parsed, spaced), text)
    }),
  )
})

test('pretty JSON is the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.equal(JSON.stringify(JSON.parse(prettyJson(value))), JSON.stringify(value)),
    ),
  )
})

test('a query is read as the URL standard reads it', () => {
  const entries = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()))
  fc.assert(
    fc.property(entries, (pairs) => {
      assert.deepEqual(parseQuery(new URLSearchParams(pairs).toString()), [...new URLSearchParams(pairs)].flat())
    }),
  )
})
