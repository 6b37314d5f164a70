import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverNameOf } from '../../../src/tls/server-name.ts'

const LONG = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}`

for (const name of [
  'svc.example',
  'localhost',
  'a_b-c.Example',
  'xn--bcher-kva.example',
  '1.example',
  '_dmarc.x',
  LONG,
])
  test(`${name.slice(0, 20)} is a host name`, () => assert.equal(serverNameOf(name), name))

test('a trailing dot is left out', () => assert.equal(serverNameOf('svc.example.'), 'svc.example'))

const NOT = [
  ...['', '.', '..', 'a..b', '.a', 'a b', 'a/b', 'a:1', 'a@b', 'bücher.example', 'a\0b', '*.example', `${LONG}.e`],
  ...['192.0.2.1', '::1', '[::1]', '2001:db8::1', '127.1', '2130706433', '0x7f.1', '0x7f000001', '1.2.3.0x4', 'a.1'],
  'e'.repeat(64),
]
for (const name of NOT)
  test(`${JSON.stringify(name.slice(0, 20))} is none`, () => assert.equal(serverNameOf(name), undefined))
