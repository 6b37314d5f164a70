import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkValue } from '../../src/config/problems.ts'
import { WorkloadFile } from '../../src/workloads/workload-file-schema.ts'

const uid = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?$/)
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
// A key of a label begins with a letter or a digit: `__proto__`, which no object keeps, is none.
const labelKey = fc.string({ minLength: 1, maxLength: 20 }).filter((key) => /^[A-Za-z0-9]/.test(key))
const texts = fc.dictionary(labelKey, fc.string({ maxLength: 20 }), { maxKeys: 5 })

test('whatever a file lists, checking it does not throw, and what is told of it is bounded', () => {
  const key = fc.constantFrom(
    'uid',
    'namespace',
    'name',
    'labels',
    'annotations',
    'ips',
    'netnsPath',
    'createdAt',
    'other',
  )
  const odd = fc.oneof(fc.constantFrom('shop', 'x'.repeat(262_144), '/../..', '\u0000', '::1'), fc.anything())
  const workload = fc.oneof(fc.dictionary(key, odd), fc.anything())
  fc.assert(
    fc.property(fc.oneof(fc.record({ workloads: fc.array(workload, { maxLength: 5 }) }), fc.anything()), (document) => {
      const checked = checkValue(WorkloadFile, document)
      if ('problems' in checked) for (const { message } of checked.problems) assert.ok(message.length < 600, message)
    }),
  )
})

test('what is listed rightly is told as it is listed', () => {
  const workload = fc.record(
    { uid, namespace: name, name, labels: texts, ips: fc.array(fc.ipV4(), { maxLength: 3 }) },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.uniqueArray(workload, { selector: (it) => it.uid, maxLength: 10 }), (workloads) => {
      const checked = checkValue(WorkloadFile, { workloads })
      assert.ok('value' in checked, JSON.stringify(checked))
      assert.deepEqual(
        checked.value.workloads.map(({ uid, name, labels, ips }) => ({ uid, name, labels: { ...labels }, ips })),
        workloads.map(({ uid, name, labels, ips }) => ({ uid, name, labels: { ...labels }, ips })),
      )
    }),
  )
})
