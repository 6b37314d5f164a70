import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBackoff } from '../../../../src/workloads/kubernetes/backoff.ts'
import { inClusterServer } from '../../../../src/workloads/kubernetes/connection.ts'
import { retryAfterOf } from '../../../../src/workloads/kubernetes/retry-after.ts'
import { createTokenBucket } from '../../../../src/workloads/kubernetes/token-bucket.ts'

describe('how long a server asks to be left alone', () => {
  const now = Date.parse('2026-01-02T03:04:05Z')
  test('is in seconds, or until a date', () => {
    assert.equal(retryAfterOf('7', now), 7000)
    assert.equal(retryAfterOf(['3', '9'], now), 3000)
    assert.equal(retryAfterOf('Fri, 02 Jan 2026 03:04:35 GMT', now), 30_000)
  })
  test('is two minutes at the most', () => {
    assert.equal(retryAfterOf('86400', now), 120_000)
    assert.equal(retryAfterOf('Fri, 02 Jan 2099 03:04:35 GMT', now), 120_000)
  })
  test('is not said by anything else', () => {
    for (const header of [
      undefined,
      '',
      '0',
      '-1',
      'soon',
      '1.5e999',
      'x'.repeat(1000),
      5,
      {},
      [],
      'Fri, 02 Jan 1970 00:00:00 GMT',
    ])
      assert.equal(retryAfterOf(header, now), undefined)
  })
})

describe('the wait before the next try', () => {
  test('doubles up to 30 seconds, with chance in its upper half', () => {
    const least = createBackoff({ random: () => 0 })
    const most = createBackoff({ random: () => 1 })
    assert.deepEqual(
      Array.from({ length: 8 }, () => least.next()),
      [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000],
    )
    assert.deepEqual(
      Array.from({ length: 8 }, () => most.next()),
      [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
    )
  })
  test('is never shorter than what the server asked for', () => {
    assert.equal(createBackoff({ random: () => 0 }).next(9000), 9000)
  })
  test('begins anew after a success', () => {
    const backoff = createBackoff({ random: () => 0 })
    backoff.next()
    backoff.next()
    backoff.reset()
    assert.equal(backoff.next(), 250)
  })
  test('stays a number after a thousand tries', () => {
    const backoff = createBackoff({ random: () => 0 })
    for (let tries = 0; tries < 2000; tries += 1) backoff.next()
    assert.equal(backoff.next(), 15_000)
  })
})

test('a bucket gives a burst, then one at a time', () => {
  let now = 0
  const bucket = createTokenBucket(2, 5, () => now)
  assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [0, 0, 200])
  now += 200
  assert.deepEqual([bucket.take(), bucket.take()], [0, 200])
  now -= 10_000
  assert.equal(bucket.take(), 200)
})

test('the server in a cluster is what a pod is told, an IPv6 address in brackets', () => {
  assert.equal(inClusterServer('10.96.0.1', '443'), 'https://10.96.0.1:443')
  assert.equal(inClusterServer('fd00::1', '6443'), 'https://[fd00::1]:6443')
  assert.equal(inClusterServer('kubernetes', undefined), 'https://kubernetes:443')
  assert.equal(inClusterServer(undefined, '443'), undefined)
})
