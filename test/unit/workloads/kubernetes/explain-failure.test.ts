import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ApiCall } from '../../../../src/workloads/kubernetes/api-client.ts'
import { networkFailure, statusTextFailure } from '../../../../src/workloads/kubernetes/explain-failure.ts'

const WHERE = { server: 'https://10.96.0.1:443', tokenFile: '/run/token', caFile: '/run/ca.crt' }
const CALL: ApiCall = { verb: 'watch', resource: 'pods', path: '/api/v1/pods', idleMs: 1, totalMs: 1 }

const failure = (code: number, body: unknown, header?: string) =>
  statusTextFailure(code, typeof body === 'string' ? body : JSON.stringify(body), header, 0, CALL, WHERE)

describe('what a failure says', () => {
  test('is the call, the status, what the server said and what to do', () => {
    assert.deepEqual(failure(403, { reason: 'Forbidden', message: 'pods is forbidden' }), {
      kind: 'forbidden',
      status: 403,
      reason: 'Forbidden',
      message:
        'watch https://10.96.0.1:443/api/v1/pods: 403: pods is forbidden; ' +
        'allow the verb "watch" on "pods" in API group "" to the agent\'s service account',
    })
    assert.match(failure(401, {}).message, /the token in \/run\/token/)
  })

  test('has a kind for each status', () => {
    const kinds = [302, 400, 401, 403, 404, 409, 410, 429, 500, 503, 599, 600, 999].map(
      (code) => failure(code, '').kind,
    )
    assert.deepEqual(kinds, [
      ...['rejected', 'rejected', 'unauthorized', 'forbidden', 'not_found', 'conflict', 'gone', 'throttled'],
      ...['server', 'server', 'server', 'rejected', 'rejected'],
    ])
  })

  test('takes the wait from the header, else from the details', () => {
    assert.equal(failure(429, { details: { retryAfterSeconds: 3 } }, '7').retryAfterMs, 7000)
    assert.equal(failure(429, { details: { retryAfterSeconds: 3 } }).retryAfterMs, 3000)
    assert.equal(failure(429, { details: { retryAfterSeconds: 'soon' } }).retryAfterMs, undefined)
  })

  test('knows a version that the server has not reached', () => {
    const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
    assert.equal(failure(504, { details: { causes } }).isVersionTooLarge, true)
  })

  test('is bounded, whatever the server said', () => {
    for (const body of [
      'x'.repeat(70_000),
      { message: 'x'.repeat(70_000), reason: 'y'.repeat(70_000) },
      'null',
      '[]',
      '{"details":5}',
    ]) {
      const { message, reason } = failure(500, body)
      assert.ok(message.length <= 1024)
      assert.equal(reason, undefined)
    }
  })

  test('tells certificates, time and the rest of the network apart', () => {
    const of = (code: string) => networkFailure(Object.assign(new Error('it broke'), { code }), CALL, WHERE).kind
    assert.deepEqual(
      [
        'ECONNREFUSED',
        'ECONNRESET',
        'UND_ERR_SOCKET',
        'UND_ERR_CONNECT_TIMEOUT',
        'ETIMEDOUT',
        'SELF_SIGNED_CERT_IN_CHAIN',
      ].map(of),
      ['network', 'network', 'network', 'timeout', 'timeout', 'tls'],
    )
    assert.equal(of('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls')
    assert.equal(networkFailure('text', CALL, WHERE).kind, 'network')
  })
})
