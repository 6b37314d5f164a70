import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileText, matchesText, problemWithText } from '../../../../src/decide/matching/text.ts'

const matches = (value: string, subject: string): boolean => matchesText(compileText(value), subject)

test('text is compared without regard to case', () => {
  assert.ok(matches('/Orders', '/oRDERS'))
  assert.ok(matches('straße', 'STRAßE'))
  assert.ok(!matches('/orders', '/order'))
})

test('a part of the subject is not enough', () => {
  assert.ok(!matches('/orders', '/orders/1'))
  assert.ok(!matches('[0-9]', 'a1b'))
  assert.ok(!matches('a|b', 'ab'))
})

test('a regular expression matches the whole subject, in any case, across lines', () => {
  assert.ok(matches('/orders/[0-9]+', '/ORDERS/17'))
  assert.ok(!matches('/orders/[0-9]+', '/orders/17/items'))
  assert.ok(matches('a.b', 'a\nb'))
  assert.ok(matches('[À-Þ]+', 'é'))
})

test('a value with metacharacters also equals itself', () => {
  assert.ok(matches('/a.b', '/a.b'))
  assert.ok(matches('what?', 'what?'))
  assert.ok(matches('a(b)', 'A(B)'))
  assert.ok(!matches('a\\.b', 'axb'))
})

test('! negates and ? is set aside, in either order', () => {
  assert.ok(!matches('!GET', 'get'))
  assert.ok(matches('!GET', 'POST'))
  assert.ok(matches('!/a/.*', '/b'))
  assert.ok(matches('?GET', 'GET'))
  assert.ok(!matches('?!GET', 'GET'))
  assert.ok(!matches('!?GET', 'GET'))
  assert.ok(compileText('!?a').optional)
})

test('an escaped prefix is a character like another', () => {
  assert.ok(matches('\\!important', '!important'))
  assert.ok(matches('\\?a', '?a'))
})

test('blank text matches everything', () => {
  assert.ok(matches('', 'anything'))
  assert.ok(matches('  ', ''))
  assert.equal(problemWithText('!'), '"!" needs something to negate')
})

test('escapes and flags that Java allows are understood', () => {
  assert.ok(matches('[0-9]{4}\\-[0-9]{2}', '2024-01'))
  assert.ok(matches('[\\w\\-]+\\@\\_x', 'a-b@_x'))
  assert.ok(matches('(?i)abc', 'ABC'))
})

test('a subject longer than the bound matches no pattern, and is still compared literally', () => {
  const long = 'a'.repeat(8193)
  assert.ok(matches('a*', long.slice(1)))
  assert.ok(!matches('a*', long))
  assert.ok(matches('!a*', long))
  assert.ok(matches(long, long))
})

test('a pattern that does not compile is refused with a remedy', () => {
  assert.match(problemWithText('/a(b') ?? '', /^not a valid regular expression \(unterminated group\); put a backslash/)
  assert.match(problemWithText('*/*') ?? '', /nothing to repeat/)
  assert.match(problemWithText('/orders/{id}') ?? '', /write \[\^\/\]\+ instead of a \{name\}/)
  assert.match(problemWithText('\\Xa') ?? '', /\\X is not supported/)
  assert.match(problemWithText('a)(b') ?? '', /not a valid regular expression/)
  assert.equal(problemWithText('\\*/\\*'), undefined)
})

test('a pattern too long or too deep is refused', () => {
  assert.match(problemWithText('a.'.repeat(5000)) ?? '', /more than 8192 characters/)
  assert.match(problemWithText(`${'('.repeat(60)}a${')'.repeat(60)}`) ?? '', /nested too deeply/)
})
