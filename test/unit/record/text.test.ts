import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounded, endpointText, printable, squeezed } from '../../../src/record/text.ts'

test('text within its bound is kept as it is', () => {
  assert.equal(bounded('abc', 3), 'abc')
})

test('a character that the bound would cut in two is replaced', () => {
  assert.equal(bounded('abcdefghijkl😀z', 14), 'abcdefghijkl\ufffd…')
})

test('IPv6 endpoints have brackets, names and IPv4 have none', () => {
  assert.equal(endpointText({ address: '::1', port: 80 }), '[::1]:80')
  assert.equal(endpointText({ address: '10.0.0.1', port: 80 }), '10.0.0.1:80')
  assert.equal(endpointText({ address: 'example.com', port: 80 }), 'example.com:80')
})

test('controls, direction marks and wide characters do not reach a terminal', () => {
  assert.equal(printable('a\x1b[31m\x07\r\n\x9b\u202e\u200b漢é'), 'a?[31m???????é')
})

test('the middle of long text gives way', () => {
  assert.equal(squeezed('/v1/orders/12345/items', 11), '/v1/o…items')
  assert.equal(squeezed('abcdef', 2), 'a…')
  assert.equal(squeezed('abcdef', 1), '…')
  assert.equal(squeezed('abcdef', 6), 'abcdef')
})
