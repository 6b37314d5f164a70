import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Diagnosis, renderDiagnosis } from '../../../src/cli/diagnosis.ts'
import type { Finding } from '../../../src/kernel/features.ts'

const row = (feature: string, rest: Partial<Finding> = {}): Finding => ({
  feature,
  state: 'ok',
  here: 'there',
  since: '',
  required: true,
  instead: '',
  remedy: '',
  ...rest,
})

const LACKING = row('ring buffer', {
  state: 'missing',
  here: 'gone',
  since: '5.8',
  instead: 'nothing',
  remedy: 'newer',
})
const DIAGNOSIS: Diagnosis = {
  version: '1',
  works: true,
  isRoot: true,
  findings: [row('Linux', { since: '5.10' }), LACKING],
  strategies: [
    { name: 'ebpf', state: 'ok', said: 'told', remedy: '' },
    { name: 'conntrack', state: 'missing', said: 'no entry', remedy: 'a module' },
  ],
}

test('columns line up, and what is lacking has its own lines below', () => {
  assert.equal(
    renderDiagnosis(DIAGNOSIS, { colour: false }),
    [
      '         FEATURE      SINCE  HERE',
      'ok       Linux        5.10   there',
      'missing  ring buffer  5.8    gone',
      '           instead: nothing',
      '           remedy:  newer',
      '',
      '         STRATEGY   HERE',
      'ok       ebpf       told',
      'missing  conntrack  no entry',
      '           remedy:  a module',
      '',
      '`understudy run` works here.',
      '',
    ].join('\n'),
  )
})

test('colours do not move the columns', () => {
  const painted = renderDiagnosis(DIAGNOSIS, { colour: true })
  const bare = painted.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
  assert.notEqual(painted, bare)
  assert.equal(bare, renderDiagnosis(DIAGNOSIS, { colour: false }))
})

test('the verdict names what is required and missing, and nothing else', () => {
  const findings = [
    LACKING,
    row('names', { state: 'missing', required: false }),
    row('self-test', { state: 'missing' }),
  ]
  const text = renderDiagnosis({ ...DIAGNOSIS, works: false, findings }, { colour: false })
  assert.match(text, /does not work here: ring buffer\. `understudy serve` does\./)
})

test('who is not root is told so, and how many lines were skipped', () => {
  const findings = [row('a', { state: 'unknown' }), row('b', { state: 'unknown' })]
  const strategies: Diagnosis['strategies'] = [{ name: 'dns', state: 'unknown', said: 'not tried', remedy: '' }]
  const text = renderDiagnosis({ ...DIAGNOSIS, works: false, isRoot: false, findings, strategies }, { colour: false })
  assert.match(text, /Not root: .*the 3 lines that say unknown.*With sudo/s)
})
