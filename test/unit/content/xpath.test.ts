import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyFits } from '../../support/asked.ts'

const fits = (xpath: string, body: string, namespacePrefixes?: Record<string, string>): boolean =>
  bodyFits(namespacePrefixes ? { type: 'XPATH', xpath, namespacePrefixes } : { type: 'XPATH', xpath }, body)
const STORE = '<store><book price="8"><title>A</title></book><book price="22"/></store>'

test('an expression matches where it comes to true', () => {
  assert.ok(fits('/store/book', STORE))
  assert.ok(fits('/store/book[@price > 10]', STORE))
  assert.ok(fits("//title[text() = 'A']", STORE))
  assert.ok(fits('count(//book) = 2', STORE))
  assert.ok(!fits('/store/cd', STORE))
  assert.ok(!fits('count(//cd)', STORE))
})

test('without prefixes a name is in any namespace, with them it is exact', () => {
  const body = '<a xmlns="urn:x"><b/></a>'
  assert.ok(fits('/a/b', body))
  assert.ok(fits('/a/b', '<q:a xmlns:q="urn:x"><q:b/></q:a>'))
  assert.ok(fits('/a/@x', '<a xmlns:q="urn:x" q:x="1"/>'))
  assert.ok(fits('/q:a', '<q:a xmlns:q="urn:x"/>'), 'a prefix that the document declares')
  assert.ok(!fits('/a', '<q:a xmlns:q="urn:x"/>', { p: 'urn:x' }))
  assert.ok(fits('/p:a/p:b', '<q:a xmlns:q="urn:x"><q:b/></q:a>', { p: 'urn:x' }))
  assert.ok(fits('/p:a/p:b', body, { p: 'urn:x' }))
  assert.ok(!fits('/p:a/p:b', body, { p: 'urn:y' }))
})

test('an unknown function or prefix matches nothing', () => {
  assert.ok(!fits('nothing(1)', STORE))
  assert.ok(!fits('/q:a', STORE))
})

test('what would look at everything many times over is not tried on large bodies', () => {
  const wide = `<a>${'<b><c/></b>'.repeat(10_000)}</a>`
  assert.ok(fits('//c', wide))
  assert.ok(!fits('//*[count(//*[count(//*) = 1]) = 1]', wide))
})

test('an expression that takes too long for a body does not match it', () => {
  assert.ok(!fits('/a/b[position() = last() + 1]', `<a>${'<b/>'.repeat(100_000)}</a>`))
})

test('no XML, no match', () => {
  assert.ok(!fits('/a', '{"a":1}'))
})
