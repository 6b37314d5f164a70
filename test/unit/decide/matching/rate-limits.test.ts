import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRateLimits, type RateLimit } from '../../../../src/decide/matching/rate-limits.ts'
import { createExpectationStore } from '../../../../src/decide/matching/store.ts'
import { expectation, head } from '../build.ts'

const common = { name: undefined, errorStatus: 429, retryAfter: undefined }
const two: RateLimit = { ...common, kind: 'fixed_window', limit: 2, windowMs: 1000 }
const bucket: RateLimit = { ...common, kind: 'token_bucket', burst: 2, refillPerSecond: 0.5 }

/** For each time of asking, whether it was refused. */
const refused = (limit: RateLimit, times: readonly number[], id = 'e', limits = createRateLimits()): boolean[] =>
  times.map((nowMs) => limits.take(limit, id, nowMs) !== undefined)

test('a window lets so many through, and the next one begins when it is over', () => {
  assert.deepEqual(refused(two, [0, 1, 2, 999, 1000, 1001, 1002]), [false, false, true, true, false, false, true])
})

test('a bucket lets a burst through and then as many as flow in', () => {
  assert.deepEqual(refused(bucket, [0, 0, 0, 1999, 2000, 2001, 60_000, 60_000, 60_000]), [
    ...[false, false, true, true, false, true],
    ...[false, false, true],
  ])
})

test('a clock that goes back gives nothing away and breaks nothing', () => {
  assert.deepEqual(refused(bucket, [1000, 500, 400]), [false, false, true])
})

test('expectations of one name share a count, others have their own', () => {
  const limits = createRateLimits()
  const named = { ...two, name: 'api' }
  assert.deepEqual(refused(named, [0, 0], 'a', limits), [false, false])
  assert.deepEqual(refused(named, [0], 'b', limits), [true])
  assert.deepEqual(refused(two, [0], 'c', limits), [false])
})

test('the refusal says how many, and when to come again', () => {
  const limits = createRateLimits()
  limits.take({ ...two, limit: 1 }, 'e', 10_000)
  const response = limits.take({ ...two, limit: 1 }, 'e', 10_400)?.response
  assert.equal(response?.statusCode, 429)
  assert.deepEqual(response?.headers, [
    ...['content-type', 'application/json', 'X-RateLimit-Limit', '1', 'X-RateLimit-Remaining', '0'],
    ...['X-RateLimit-Reset', '11', 'Retry-After', '1'],
  ])
  assert.match(String(response?.body), /rate_limit_exceeded/)
  const custom = { ...two, limit: 1, errorStatus: 503, retryAfter: 'soon' }
  const other = limits.take(custom, 'e', 10_500)?.response
  assert.deepEqual([other?.statusCode, other?.headers.at(-1)], [503, 'soon'])
})

test('a request that is refused uses up one of the times', () => {
  const conditions = { scope: undefined, scenario: undefined, percentage: 100, rateLimit: { ...two, limit: 1 } }
  const store = createExpectationStore([expectation({ conditions, remainingTimes: 2 })], 0)
  const status = (): number | string => {
    const result = store.match({ head: head('GET /'), body: undefined, nowMs: 0 })
    if (result.kind !== 'matched') return result.kind
    return result.action.kind === 'respond' ? result.action.response.statusCode : result.action.kind
  }
  assert.deepEqual([status(), status(), status()], [200, 429, 'none'])
})
