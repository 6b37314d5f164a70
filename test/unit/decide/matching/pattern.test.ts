import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern, type Pattern } from '../../../../src/decide/matching/pattern.ts'

function problem(source: string): string {
  const compiled = compilePattern(source)
  return 'problem' in compiled ? compiled.problem : ''
}

function pattern(source: string): Pattern {
  const compiled = compilePattern(source)
  assert.ok('pattern' in compiled, `${source}: ${problem(source)}`)
  return compiled.pattern
}

for (const source of [
  '(a+)+',
  '(a*)*b',
  '(a|a)*',
  '(a|ab)*c',
  '(a?)*',
  '([a-z]+)*',
  '(\\w+\\s?)*',
  '(.*,)*',
  '((a+)b?)+',
  '(?:a+){2,}',
  '(?=(a+)+b).*',
  '(\\d|[0-9a-f])+',
]) {
  test(`${source} is refused: it could run for hours`, () => assert.match(problem(source), /as \(a\+\)\+ does/))
}

for (const source of ['.*a.*b.*c.*d.*', '(.*a){10}', '(a?){30}a{30}', 'a?'.repeat(30) + 'a'.repeat(30)]) {
  test(`${source} is refused: it could run for minutes`, () => assert.match(problem(source), /as \.\*a\.\*b/))
}

for (const source of [
  '/orders/[0-9]+',
  '/a/[^/]+/b/[^/]+/c/[^/]+/d/[^/]+',
  '(/[a-z]+)*',
  '([a-z]+/)*[0-9]+',
  '.*',
  '/api/.*',
  '.*\\.json',
  '/orders/(?!internal).*',
  '([0-9]{1,3}\\.){3}[0-9]{1,3}',
  '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  '(GET|POST|PUT)',
  '/v1/(orders|items|payments)/?',
  '(?<year>\\d{4})-\\k<year>',
  '[\\p{L}\\p{N}]+ \\u{41}\\x41\\cA[\\]\\\\]',
  'a{0}|^b$|[^a]|\\bc\\B',
]) {
  test(`${source} is tried on any subject of up to 8 KiB`, () => assert.equal(pattern(source).maxLength, 8192))
}

test('the more ways a pattern can go, the shorter the subjects it is tried on', () => {
  const one = pattern('.*a').maxLength
  const two = pattern('.*a.*b').maxLength
  const three = pattern('.*a.*b.*c').maxLength
  assert.ok(one > two && two > three && three >= 128, `${one} ${two} ${three}`)
})

test('a run over the rest that each try starts anew counts as one more way', () => {
  assert.equal(pattern('.*a').maxLength, 8192)
  assert.equal(pattern('.*a.*').maxLength, 8192)
  assert.equal(pattern('[0-9]+/.*a').maxLength, 8192)
  assert.equal(pattern('.*a[0-9]+').maxLength, pattern('.*a.*b').maxLength)
})

test('the literal start of a pattern is known where there is one', () => {
  assert.equal(pattern('/Orders/[0-9]+').prefix, '/orders/')
  assert.equal(pattern('^/v1\\.0/.*').prefix, '/v1.0/')
  assert.equal(pattern('/orders/?').prefix, '/orders')
  assert.equal(pattern('/a*').prefix, '/')
  assert.equal(pattern('/a|/b').prefix, '')
  assert.equal(pattern('/caf\u00e9/.*').prefix, '/caf')
  assert.equal(pattern('.*').prefix, '')
})
