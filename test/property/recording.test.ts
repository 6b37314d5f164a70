/** Whatever was recorded, the file can be read, and answers what was asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExpectationFile } from '../../src/config/expectation-file-schema.ts'
import { compileHashed, redacted } from '../../src/content/hashed.ts'
import { compileExpectation } from '../../src/decide/matching/expectation.ts'
import { createExpectationStore } from '../../src/decide/matching/store.ts'
import { parseSpelled, writeSpelled } from '../../src/recording/spelled-json.ts'
import { recordingText } from '../../src/recording/to-expectations.ts'
import { JSON_TYPE, logged, pair, SALT } from '../unit/recording/samples.ts'

const word = fc.string({ unit: fc.constantFrom(...'aB1.-*+?()[]{}|^$\\!/'), minLength: 1, maxLength: 8 })
const sample = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.array(word, { maxLength: 3 }).map((parts) => `/${parts.map(encodeURI).join('/').replaceAll('?', '%3F')}`),
  query: fc.array(fc.tuple(word, word), { maxLength: 3 }),
  body: fc.option(fc.jsonValue({ maxDepth: 3 })),
  answer: fc.string({ maxLength: 8 }),
})
type Sample = typeof sample extends fc.Arbitrary<infer T> ? T : never

const lineOf = ({ method, path, query }: Sample): string =>
  `${method} ${path}${query.length > 0 ? `?${query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}` : ''}`
const asSample = ({ body, answer }: Sample) =>
  body === null ? { answer } : { headers: JSON_TYPE, body: JSON.stringify(body), answer }

test('every recorded request is answered when it is replayed', () => {
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 6 }), (samples) => {
      const text = recordingText(
        samples.map((one) => pair(lineOf(one), asSample(one))),
        'understudy test',
      )
      const specs = ExpectationFile.parse(JSON.parse(text))
      const store = createExpectationStore(
        specs.map((spec, at) => compileExpectation(spec, `${at}`)),
        0,
      )
      for (const one of samples) {
        const { head, body } = logged(lineOf(one), asSample(one))
        assert.equal(store.match({ head, body: body.bytes, nowMs: 0 }).kind, 'matched', text)
      }
    }),
    { numRuns: 300 },
  )
})

test('a secret and its stand-in pass, and nothing else does', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), fc.string(), (secret, other, around) => {
      fc.pre(secret !== other && !around.includes('redacted-'))
      const token = redacted(secret, SALT)
      const compiled = compileHashed(around + token)
      assert.ok('test' in compiled)
      assert.deepEqual(
        [secret, token, other].map((one) => compiled.test(around + one)),
        [true, true, false],
      )
    }),
  )
})

test('numbers keep their spelling', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('1.0', '1e2', '-0', '12345678901234567890'), (json, number) => {
      const text = `{"a":[${number},${json}]}`
      const parsed = parseSpelled(text)
      assert.ok(parsed)
      assert.ok(writeSpelled(parsed.value).includes(number))
      assert.deepEqual(JSON.parse(writeSpelled(parsed.value)), JSON.parse(text))
    }),
  )
})
