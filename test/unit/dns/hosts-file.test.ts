import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHosts } from '../../../src/dns/hosts-file.ts'

test('every name of a line has its address, whatever the case, and comments have none', () => {
  const hosts = parseHosts('127.0.0.1\tlocalhost  Local # loop\n# 10.0.0.9 nobody\n\n10.0.0.1 db.test')
  assert.deepEqual(
    [...hosts],
    [
      ['localhost', '127.0.0.1'],
      ['local', '127.0.0.1'],
      ['db.test', '10.0.0.1'],
    ],
  )
})

test('the first address counts, but IPv4 goes before IPv6', () => {
  const hosts = parseHosts('::1 localhost six.test\n127.0.0.1 localhost\n127.0.0.2 localhost\n::2 six.test')
  assert.deepEqual([hosts.get('localhost'), hosts.get('six.test')], ['127.0.0.1', '::1'])
})

test('lines that begin with no address say nothing', () => {
  assert.equal(parseHosts('orders 10.0.0.1\n10.0.0.300 x\n10.0.0.1').size, 0)
})

test('any text is read', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => void parseHosts(text)))
})
