import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientHeaders, reasonPhrase } from '../../../src/act/upstream-response.ts'

test('headers of the upstream hop are left out, others stay in order', () => {
  const headers = ['B', '1', 'Connection', 'x', 'X', '2', 'Transfer-Encoding', 'chunked', 'a', '3', 'B', '4']
  assert.deepEqual(clientHeaders(200, headers), ['B', '1', 'a', '3', 'B', '4'])
})

test('the challenge of a proxy reaches the client that has to answer it', () => {
  const headers = ['Proxy-Authenticate', 'Basic', 'Proxy-Authenticate', 'Negotiate']
  const name = 'proxy-authenticate'
  assert.deepEqual(clientHeaders(407, headers), [name, 'Basic', name, 'Negotiate'])
  assert.deepEqual(clientHeaders(200, headers), [])
})

for (const [situation, given, sent] of [
  ['plain', 'Not Found', 'Not Found'],
  ['absent', '', undefined],
  ['UTF-8, as the bytes it was', 'caf\u00e9', 'caf\u00c3\u00a9'],
  ['bytes that were no UTF-8, as something that can be sent', 'caf\ufffd', 'caf\u00ef\u00bf\u00bd'],
  ['with a control character', 'a\u0001b', undefined],
] as const)
  test(`a reason phrase is sent on: ${situation}`, () => assert.equal(reasonPhrase(given), sent))

test('a marker takes the place of the header that the upstream sent, on answers but not on what comes before them', () => {
  const headers = ['Server', 'theirs', 'A', '1', 'SERVER', 'theirs too']
  const marker = { name: 'server', value: 'ours' }
  assert.deepEqual(clientHeaders(200, headers, marker), ['A', '1', 'server', 'ours'])
  assert.deepEqual(clientHeaders(103, headers, marker), headers)
})
