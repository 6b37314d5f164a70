import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codedError, statusOfFault, upstreamFault } from '../../../src/act/fault.ts'
import type { UpstreamFault } from '../../../src/flow.ts'

const CASES: readonly (readonly [string, UpstreamFault, number])[] = [
  ['ECONNREFUSED', 'upstream_refused', 502],
  ['ECONNRESET', 'upstream_reset', 502],
  ['ETIMEDOUT', 'upstream_timeout', 504],
  ['UND_ERR_HEADERS_TIMEOUT', 'upstream_timeout', 504],
  ['EHOSTUNREACH', 'upstream_unreachable', 502],
  ['EMFILE', 'upstream_unreachable', 502],
  ['ENOTFOUND', 'upstream_unresolved', 502],
  ['UPSTREAM_TLS', 'upstream_tls', 502],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'upstream_tls', 502],
  ['UND_ERR_SOCKET', 'upstream_closed', 502],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'upstream_closed', 502],
  ['something else', 'upstream_protocol_error', 502],
]

for (const [code, fault, status] of CASES)
  test(`${code} is ${fault}, a ${status}`, () => {
    assert.equal(upstreamFault(codedError(code, 'x')), fault)
    assert.equal(statusOfFault(fault), status)
  })

test('the cause of an error counts where the error itself says nothing', () => {
  assert.equal(upstreamFault(new Error('outer', { cause: codedError('ECONNREFUSED', 'inner') })), 'upstream_refused')
})

test('what is no error at all is a protocol error', () => assert.equal(upstreamFault('odd'), 'upstream_protocol_error'))
