import assert from 'node:assert/strict'
import { test } from 'node:test'
import { similarity } from '../../../../src/decide/matching/similarity.ts'

const rounded = (one: string, other: string): number => Math.round(similarity(one, other) * 1000) / 1000

test('similarity is as in the published examples', () => {
  assert.equal(rounded('MARTHA', 'MARHTA'), 0.961)
  assert.equal(rounded('DWAYNE', 'DUANE'), 0.84)
  assert.equal(rounded('DIXON', 'DICKSONX'), 0.813)
  assert.equal(rounded('JELLYFISH', 'SMELLYFISH'), 0.896)
})

test('the same is 1, and nothing in common is 0', () => {
  assert.equal(similarity('', ''), 1)
  assert.equal(similarity('a', 'a'), 1)
  assert.equal(similarity('a', ''), 0)
  assert.equal(similarity('', 'a'), 0)
  assert.equal(similarity('abc', 'xyz'), 0)
})
