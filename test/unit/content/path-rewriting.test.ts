import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePathRewriting } from '../../../src/content/path-rewriting.ts'

const rewritten = (path: string, regex: string, substitution = ''): string | undefined => {
  const compiled = compilePathRewriting(regex, substitution)
  if ('problem' in compiled) throw new Error(`${compiled.at}: ${compiled.problem}`)
  return compiled.rewrite(path)
}

/** Path, regex, substitution, and what java.util.regex.Matcher.replaceAll makes of them. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  ['/some/path', '^/(.+)/(.+)$', '/prefix/$1/infix/$2/postfix', '/prefix/some/infix/path/postfix'],
  ['/some/longer/path', '^/(.+)/(.+)$', '/prefix/$1/infix/$2/postfix', '/prefix/some/longer/infix/path/postfix'],
  ['/so/SO/so%20o', 'so', '', '//SO/%20o'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a group of Java's
  ['/some/path', '(?<n>some)', '\\$1${n}[$0]', '/$1some[some]/path'],
  ['/abc', '(b)', '$11', '/ab1c'],
  ['/a', 'x*', '-', '-/-a-'],
  ['/a', 'x', 'y', '/a'],
  ['/ab', '(a)|(b)', '<$1$2>', '/<a><b>'],
]
for (const [path, regex, substitution, expected] of CASES) {
  test(`${path} with ${regex} replaced by ${JSON.stringify(substitution)} is ${expected}`, () =>
    assert.equal(rewritten(path, regex, substitution), expected))
}

/** Regex, substitution, and what is wrong. */
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ['(', '', /^regex: not a regular expression of the linear engine/],
  ['(a)\\1', '', /^regex: not a regular expression/],
  ['(?=a)', '', /^regex: not a regular expression/],
  ['x'.repeat(1025), '', /^regex: is longer than 1024/],
  ['a', '$1', /^substitution: names group 1, and the regex has 0$/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a group of Java's
  ['(?<n>a)', '${m}', /^substitution: names the group m/],
  ['a', 'b$', /^substitution: .* put a backslash before it$/],
  ['a', 'b\\', /^substitution: .* put a backslash before it$/],
  ['a', '${', /^substitution: /],
  ['a', 'x'.repeat(1025), /^substitution: is longer than 1024/],
]
for (const [regex, substitution, problem] of REFUSED) {
  test(`${regex.slice(0, 20)} with ${JSON.stringify(substitution.slice(0, 20))} is refused`, () =>
    assert.throws(() => rewritten('/', regex, substitution), { message: problem }))
}

test('a path that would take a backtracking engine for ever is rewritten', () => {
  assert.equal(rewritten(`/${'a'.repeat(8000)}b`, '(a+)+$', 'x'), `/${'a'.repeat(8000)}b`)
})

test('a path that is too long, or would become so, is not rewritten', () => {
  assert.equal(rewritten('/'.repeat(8193), '/', ''), undefined)
  assert.equal(rewritten('/'.repeat(8192), '/', 'x'.repeat(1024)), undefined)
})
