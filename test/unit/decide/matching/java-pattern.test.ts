import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern, matchesPattern } from '../../../../src/decide/matching/pattern.ts'

function matches(source: string, subject: string): boolean {
  const compiled = compilePattern(source)
  assert.ok('pattern' in compiled, 'problem' in compiled ? compiled.problem : '')
  return matchesPattern(compiled.pattern, subject)
}

/** Pattern, what it matches in Java, what it does not. */
const SAME: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['\\Qa.b*\\Ec', ['a.b*c'], ['axbbc']],
  ['\\Q[a', ['[a'], ['a']],
  ['a*+b', ['aab', 'b'], ['aa']],
  ['a*+a', [], ['a', 'aa']],
  ['[^/]++/x', ['ab/x'], ['/x']],
  ['(ab)?+c', ['abc', 'c'], ['ab']],
  ['(?>a|ab)c', ['ac'], ['abc']],
  ['(a)(b)\\2\\1', ['abba'], ['abab']],
  ['(?<x>a+)-\\k<x>', ['aa-aa'], ['aa-a']],
  ['(?-i)abc', ['abc'], ['ABC']],
  ['a(?-i)b|c', ['Ab', 'c'], ['aB', 'C']],
  ['(?i:abc)d', ['ABCD'], ['abc']],
  ['(?m)a$\\n^b', ['a\nb'], ['ab']],
  ['[a-z&&[^bc]]+', ['ad'], ['ab']],
  ['[^a-z&&[^m]]', ['m', '1'], ['a']],
  ['[a-d[m-p]]+', ['am'], ['az']],
  ['[]a]+', ['a]'], ['b']],
  ['\\p{Alpha}+\\p{Digit}', ['ab1'], ['é1', 'ab']],
  ['\\P{Alpha}', ['1'], ['a']],
  ['[\\p{Punct}x]+', ['-x}'], ['a']],
  ['\\p{IsLatin}\\pL\\p{Lu}', ['aéA'], ['1aA']],
  ['\\p{javaLowerCase}', ['a'], ['1']],
  ['a\\h+b\\R', ['a \tb\r\n'], ['ab\n']],
  ['\\A\\d+\\z', ['12'], ['1a']],
  ['\\x41\\x{42}\\u0043\\0104', ['ABCD'], ['ABC']],
  ['[\\w\\-]+', ['c-d'], ['c d']],
  ['}]', ['}]'], ['}']],
]
for (const [source, yes, no] of SAME) {
  test(`${source} matches what it matches in Java`, () => {
    for (const subject of yes) assert.ok(matches(source, subject), subject)
    for (const subject of no) assert.ok(!matches(source, subject), subject)
  })
}

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['\\X', /\\X is not supported/],
  ['\\Ga', /\\G is not supported/],
  ['(?x)a b', /the flag x is not supported/],
  ['(?d)a', /the flag d is not supported/],
  ['[\\H]', /a negated set such as \\H/],
  ['\\p{InGreek}', /\\p\{InGreek\} is not supported/],
  ['\\1(a)', /\\1 refers to a group that has not been opened/],
  ['[a', /unterminated character class/],
  ['a{,3}', /incomplete quantifier|nothing to repeat/],
  ['a\\', /it ends in a backslash/],
  ['\\x{110000}', /beyond U\+10FFFF/],
  ['((a+)+)+', /repeats a part/],
  ['(a*)*+b', /repeats a part/],
  [`${'['.repeat(30)}a${']'.repeat(30)}`, /classes nested too deeply/],
]
for (const [source, problem] of REFUSED) {
  test(`${source} is refused by name`, () => {
    const compiled = compilePattern(source)
    assert.match('problem' in compiled ? compiled.problem : 'no problem', problem)
  })
}
