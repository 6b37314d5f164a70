import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPolicyIds } from '../../../src/agent/policy-ids.ts'
import type { PolicyEntry } from '../../../src/kernel/policy-table.ts'

const entry = (netnsCookie: bigint, id: number) => ({ netnsCookie, policy: { id } }) as PolicyEntry

test('numbers go on from the greatest that the kernel has, and none is given twice', () => {
  const entries = [entry(1n, 7), entry(2n, 3)]
  const next = createPolicyIds({ policies: () => entries })
  assert.deepEqual([next(), next()], [8, 9])
  entries.length = 0
  assert.equal(next(), 10, 'not even where its policy is gone')
})

test('at the end of the numbers they begin anew, without 0 and without those in use', () => {
  const entries = [entry(1n, 0xffff_fffe), entry(2n, 1)]
  const next = createPolicyIds({ policies: () => entries })
  assert.deepEqual([next(), next()], [2, 3])
})
