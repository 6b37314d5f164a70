import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileXpath } from '../../../src/content/xpath.ts'
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

test('what would look at everything many times over is not tried on bodies of many nodes', () => {
  // Small enough that no clock counts.
  const few = `<a>${'<b/>'.repeat(20)}</a>`
  const many = `<a>${'<b/>'.repeat(200)}</a>`
  assert.ok(fits('//b', many))
  assert.ok(fits('//b[//b[//b]]', few))
  assert.ok(!fits('//b[//b[//b]]', many))
})

test('an expression that takes too long for a body does not match it', () => {
  assert.ok(!fits('/a/b[position() = last() + 1]', `<a>${'<b/>'.repeat(100_000)}</a>`))
})

test('no XML, no match', () => {
  assert.ok(!fits('/a', '{"a":1}'))
})

test('an expression of more than 64 KiB is refused', () => {
  const compiled = compileXpath(`/a${'/b'.repeat(40_000)}`, undefined)
  assert.deepEqual(compiled, { problem: 'an XPath of more than 65536 characters' })
})
