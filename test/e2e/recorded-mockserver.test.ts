/** What a real MockServer answered once, asked of us. `node scripts/differential.ts --record` records it anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startControl } from '../support/control-lab.ts'
import { comparing, differenceText, neverMet, summary } from '../support/differential/compare.ts'
import { readCorpus } from '../support/differential/corpus.ts'
import type { Answered, Case } from '../support/differential/exchange.ts'
import { replay } from '../support/differential/run.ts'
import { VERSIONS, wanted } from '../support/differential/wanted.ts'

const SHOWN = 20

for (const version of VERSIONS) {
  test(`what MockServer ${version} answered is what we answer, but for what is wanted`, async (t) => {
    const { port } = await startControl(t, { mockServerVersion: version })
    const { cases } = readCorpus(version)
    assert.ok(cases.length > 100)
    const comparison = await replay(cases, port, version)
    t.diagnostic(summary(comparison, version))
    assert.equal(comparison.unexpected.slice(0, SHOWN).map(differenceText).join('\n'), '')
  })
}

const one: Case = { name: 'a/0', steps: [{ method: 'GET', target: '/a' }] }
const answer: Answered = { status: 200, reason: 'OK', headers: {}, body: 'x' }

test('an answer that differs in anything is unexpected, and none at all is too', () => {
  const others = [
    { ...answer, status: 201 },
    { ...answer, reason: 'Fine' },
    { ...answer, headers: { 'x-a': ['1'] } },
    { ...answer, body: 'y' },
    { failed: 'closed' },
  ]
  for (const other of others) {
    const compared = comparing(wanted, '8.0.0')
    compared.add(one, [answer], [other])
    compared.add(one, [answer], [answer])
    const { exchanges, same, unexpected } = compared.result()
    assert.deepEqual([exchanges, same, unexpected.length], [2, 1, 1])
  }
})

test('a difference of the table is counted under its name, and one that is not met is named', () => {
  const rows = [
    { name: 'louder', reason: '', rewrite: (real: Answered): Answered => ({ ...real, body: `${real.body}!` }) },
    { name: 'never', reason: '', explains: () => false },
  ]
  const compared = comparing(rows, '8.0.0')
  compared.add(one, [answer], [{ ...answer, body: 'x!' }])
  const result = compared.result()
  assert.deepEqual([result.wanted.get('louder'), result.unexpected.length], [1, 0])
  assert.deepEqual(neverMet(result), ['never'])
})
