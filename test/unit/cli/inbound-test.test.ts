import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inboundFindings, untriedInbound } from '../../../src/cli/inbound-test.ts'

test('a way that does not work names the other', () => {
  const rows = inboundFindings({
    tc: { state: 'missing', said: 'refused', remedy: 'a kernel' },
    sk_lookup: { state: 'ok', said: 'attached', remedy: '' },
  })
  assert.deepEqual(
    rows.map(({ feature, state, here, instead, remedy, required }) => [
      feature,
      state,
      here,
      instead,
      remedy,
      required,
    ]),
    [
      ['inbound: tc', 'missing', 'refused', 'Inbound interception takes sk_lookup.', 'a kernel', false],
      ['inbound: sk_lookup', 'ok', 'attached', '', '', false],
    ],
  )
})

test('where neither works, nothing is promised', () => {
  const refused = { state: 'missing', said: 'refused', remedy: 'a kernel' } as const
  const rows = inboundFindings({ tc: refused, sk_lookup: refused })
  assert.deepEqual(
    rows.map(({ state, instead }) => [state, instead]),
    [
      ['missing', ''],
      ['missing', ''],
    ],
  )
})

test('where nothing was tried, neither is said to be lacking', () => {
  const rows = inboundFindings(untriedInbound('not tried', ''))
  assert.deepEqual(
    rows.map(({ state, here, instead }) => [state, here, instead]),
    [
      ['unknown', 'not tried', ''],
      ['unknown', 'not tried', ''],
    ],
  )
})
