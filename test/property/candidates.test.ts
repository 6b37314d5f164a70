/** The index of expectations against asking all of them in turn. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCandidates } from '../../src/decide/matching/candidates.ts'
import type { Expectation } from '../../src/decide/matching/expectation.ts'
import { expectedJson, type NumbersBy } from '../../src/decide/matching/json.ts'
import { pathTemplate } from '../../src/decide/matching/path-parameters.ts'
import { fixedSegments, keyIn } from '../../src/decide/matching/path-segments.ts'
import { compilePattern } from '../../src/decide/matching/pattern.ts'
import { matchesRequest, type Subject } from '../../src/decide/matching/request.ts'
import type { RequestSpec } from '../../src/decide/matching/request-spec.ts'
import { problemWithText } from '../../src/decide/matching/text.ts'
import type { RequestHead } from '../../src/flow.ts'
import { expectation, head } from '../unit/decide/build.ts'

const WORDS = ['a', 'b', 'A', 'item', 'item-1', 'a-2', '1', 'é', 'v1.0', '']
const SEGMENTS = [
  ...WORDS,
  '[^/]+',
  '[^/]*',
  '[ab]+',
  '.*',
  '.',
  'item-[0-9]',
  '[a-z]+-1',
  '(a|b)',
  '(a/b|b)',
  'a?',
  '\\.',
]
const segments = fc.constantFrom(...SEGMENTS)
const slash = fc.constantFrom('/', '/', '/', '/', '/?', '(?:/|$)', '(?=/).')
const patternText = fc
  .array(fc.tuple(slash, segments), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.flat().join(''))
  .filter((text) => problemWithText(text) === undefined)
const templated = fc
  .array(fc.constantFrom(...WORDS, '{x}', '{y}'), { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}/{id}`)
const spec: fc.Arbitrary<RequestSpec> = fc.oneof(
  fc.record({
    path: fc.tuple(fc.constantFrom('', '', '', '', '!'), patternText).map((parts) => parts.join('')),
    method: fc.constantFrom(undefined, 'GET', 'POST'),
    not: fc.constantFrom(undefined, undefined, undefined, true),
  }),
  templated.map((path): RequestSpec => ({ path, pathParameters: [{ name: 'id', values: [] }] })),
)
/** Whether a file may hold it: what could run for minutes is refused there, in a template as it is matched. */
const isReadable = ({ path, pathParameters }: RequestSpec): boolean => {
  const text = pathParameters ? pathTemplate(String(path))?.text : String(path)
  return text !== undefined && problemWithText(text) === undefined
}

/** Many that differ in their words only, so that they fix the same places. */
const family: fc.Arbitrary<RequestSpec[]> = fc
  .tuple(
    fc.array(fc.constantFrom('#', '#', 'a', '[^/]+', '[^/]*', '.*', '[a-z]+-#', '#-.*', '(a|b)', '{id}'), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.array(fc.array(fc.constantFrom('a', 'b', 'A', 'item', '1', '2'), { minLength: 4, maxLength: 4 }), {
      minLength: 8,
      maxLength: 30,
    }),
  )
  .map(([skeleton, words]) => {
    const isTemplate = skeleton.includes('{id}')
    return words.map((filling): RequestSpec => {
      const path = `/${skeleton.map((part, at) => part.replace('#', filling[at] ?? '')).join('/')}`
      return isTemplate ? { path, pathParameters: [{ name: 'id', values: [] }] } : { path }
    })
  })
  .filter((specs) => specs.every(isReadable))
const specs = fc
  .tuple(fc.array(family, { maxLength: 4 }), fc.array(spec, { minLength: 1, maxLength: 30 }))
  .map(([families, others]) => [...others, ...families.flat()])
  .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }))
/** Paths of the same words, and now and then the text of a pattern itself. */
const path = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 5 })
      .map((parts) => `/${parts.join('/')}`),
  },
  { weight: 1, arbitrary: patternText },
)

function scan(ordered: readonly Expectation[], request: RequestHead): number {
  const subject = { head: request, body: undefined, query: undefined, read: undefined }
  return ordered.findIndex((one) => !one.request || matchesRequest(one.request, subject) === 'yes')
}

test('the index finds the expectation that asking all in turn finds', () => {
  fc.assert(
    fc.property(specs, fc.array(path, { minLength: 20, maxLength: 20 }), (all, paths) => {
      const ordered = all.map((httpRequest, at) => expectation({ httpRequest }, String(at)))
      const candidates = createCandidates(ordered)
      for (const one of paths) {
        const request = { ...head('GET /'), path: one }
        const subject = { head: request, body: undefined, query: undefined, read: undefined }
        const found = candidates.first(one, subject, (asked, rank) => {
          const matcher = ordered[rank]?.request
          return !matcher || matchesRequest(matcher, asked) === 'yes'
        })
        assert.equal(found, scan(ordered, request), one)
      }
    }),
    { numRuns: 300 },
  )
})

test('whatever a pattern matches has the segments that it fixes', () => {
  fc.assert(
    fc.property(patternText, path, (text, subject) => {
      const compiled = compilePattern(text)
      assert.ok('pattern' in compiled)
      const fixed = fixedSegments(compiled.pattern)
      if (fixed && compiled.pattern.regex.test(subject))
        assert.equal(keyIn(fixed, subject.toLowerCase().split('/')), fixed.key)
    }),
    { numRuns: 5000 },
  )
})

const scalar = fc.constantFrom<unknown>('a', 'b', 1, 2, 1.5, true, null, `\${json-unit.any-string}`)
const name = fc.constantFrom('id', 'kind', '', '\0', 'a.b', '__proto__', 'length')
const json = fc.oneof(
  fc.dictionary(
    name,
    fc.oneof(scalar, fc.dictionary(name, scalar, { maxKeys: 2 }), fc.array(scalar, { maxLength: 2 })),
    { maxKeys: 3 },
  ),
  scalar,
)
const bodySpec = fc.record({
  json,
  isStrict: fc.boolean(),
  negated: fc.constantFrom(false, false, false, true),
  numbers: fc.constantFrom<NumbersBy>('kind', 'value'),
})
const bodyText = fc.oneof(
  fc
    .tuple(json, fc.constantFrom('', '1.0'))
    .map(([value, number]) => (number === '' ? JSON.stringify(value) : `{"id":${number}}`)),
  fc.constantFrom('', 'no json', '{"id":"a"', '{"id":1e0}'),
)

test('expectations that differ in a value of their JSON bodies are found as by asking all in turn', () => {
  fc.assert(
    fc.property(
      fc.array(bodySpec, { minLength: 8, maxLength: 40 }),
      fc.array(bodyText, { minLength: 10, maxLength: 20 }),
      (all, texts) => {
        const ordered = all.map(({ json: given, isStrict, negated, numbers }, at) => {
          const expected = expectedJson(given, () => undefined)
          const body = { kind: 'json', expected, isStrict, negated, numbers } as const
          return expectation({ httpRequest: { path: '/a', body } }, String(at))
        })
        const candidates = createCandidates(ordered)
        for (const body of [undefined, 'unavailable' as const, ...texts.map((text) => Buffer.from(text))]) {
          const subject = () => ({ head: head('POST /a'), body, query: undefined, read: undefined })
          const accepts = (asked: Subject, rank: number): boolean => {
            const request = ordered[rank]?.request
            return request !== undefined && matchesRequest(request, asked) !== 'no'
          }
          const scanned = ordered.findIndex((_, rank) => accepts(subject(), rank))
          assert.equal(candidates.first('/a', subject(), accepts), scanned, String(body))
        }
      },
    ),
    { numRuns: 500 },
  )
})
