import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { CIDR_KEY, encodeCidr, encodePolicy, POLICY } from '../../../src/kernel/layout.ts'
import { policyTable } from '../../../src/kernel/policy-table.ts'
import type { RawCall, Shim } from '../../../src/kernel/shim.ts'

const EPERM = -1
const E2BIG = -7
const ENOSPC = -28
const ENOENT = -2

const POLICY_1 = {
  id: 1,
  flags: 0,
  listenPort4: 1,
  listenPort6: 2,
  dnsPort4: 0,
  dnsPort6: 0,
  source4: '',
  source6: '',
  excludedPorts: [],
}

/** A shim whose functions answer as told; what they are called with is kept. */
const fakeShim = (answers: Partial<Record<string, number>>, entries: readonly Buffer[] = []) => {
  const calls: unknown[][] = []
  const raw: RawCall = (name, ...values) => {
    calls.push([name, ...values])
    if (name === 'understudy_map_list') {
      Buffer.concat([...entries]).copy(values[2] as Buffer)
      return entries.length
    }
    return answers[name] ?? 0
  }
  const call: RawCall = (name, ...values) => {
    const result = raw(name, ...values)
    if (result < 0) throw new Error(`${name}: ${result}`)
    return result
  }
  const shim: Shim = { raw, call, takeLog: () => [] }
  return { table: policyTable(shim, () => 3), calls }
}

for (const [map, errno] of [
  ['policies', E2BIG],
  ['excluded_cidrs', ENOSPC],
] as const) {
  test(`a full map ${map} is an error of its own, with its bound`, () => {
    const { table } = fakeShim({ understudy_map_update: errno, understudy_map_capacity: 42 })
    const fill = () => (map === 'policies' ? table.setPolicy(1n, POLICY_1) : table.excludeCidr(1, '10.0.0.0', 8))
    assert.throws(fill, (error) => {
      assert.ok(error instanceof UnderstudyError)
      assert.equal(error.code, 'MAP_FULL')
      assert.equal(error.class, 'operator')
      assert.deepEqual([error.facts['map'], error.facts['bound']], [map, 42])
      return true
    })
  })
}

test('another refusal of the kernel is told as it is', () => {
  const { table } = fakeShim({ understudy_map_update: EPERM, understudy_map_delete: EPERM })
  assert.throws(() => table.setPolicy(1n, POLICY_1), /understudy_map_update: -1/)
  assert.throws(() => table.removePolicy(1n), /understudy_map_delete: -1/)
})

test('a policy that is not there is not removed, and that is no error', () => {
  assert.equal(fakeShim({ understudy_map_delete: ENOENT }).table.removePolicy(1n), false)
  assert.equal(fakeShim({}).table.removePolicy(1n), true)
})

test('an entry that the walk has met twice is listed once', () => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64LE(77n)
  const entry = Buffer.concat([key, encodePolicy(POLICY_1)])
  const { table } = fakeShim({ understudy_map_capacity: 4 }, [entry, entry])
  assert.equal(entry.length, 8 + POLICY.size)
  assert.deepEqual(table.policies(), [{ netnsCookie: 77n, policy: POLICY_1 }])
})

test('only the networks of one policy are included again', () => {
  const one = Buffer.from([1])
  const entries = [1, 2, 1].map((id, i) => Buffer.concat([encodeCidr(id, `10.${i}.0.0`, 16), one]))
  const { table, calls } = fakeShim({ understudy_map_capacity: 8 }, entries)
  assert.equal(table.includeCidrs(1), 2)
  const deleted = calls.filter(([name]) => name === 'understudy_map_delete').map(([, , , key]) => key as Buffer)
  assert.deepEqual(
    deleted.map((key) => key.readUInt32LE(CIDR_KEY.fields.policy_id.offset)),
    [1, 1],
  )
})
