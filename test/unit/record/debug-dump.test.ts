import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dumpText } from '../../../src/record/debug-dump.ts'

const sizes = (text: string) => {
  const { workloads, leftOut } = JSON.parse(text)
  return [workloads.length, leftOut]
}

test('what fits is there, in order', () => {
  assert.deepEqual(JSON.parse(dumpText([{ a: 1 }, { b: 'x"y' }])), { workloads: [{ a: 1 }, { b: 'x"y' }], leftOut: 0 })
  assert.deepEqual(JSON.parse(dumpText([{ cookie: 2n ** 63n }])).workloads, [{ cookie: '9223372036854775808' }])
  assert.deepEqual(JSON.parse(dumpText([])), { workloads: [], leftOut: 0 })
})

test('what is too much is left out, and how much that is', () => {
  assert.deepEqual(sizes(dumpText(Array.from({ length: 2500 }, () => ({})))), [2000, 500])
  const large = { text: 'x'.repeat(1024 * 1024) }
  assert.deepEqual(sizes(dumpText([large, large, large, large, { small: 1 }])), [4, 1])
})
