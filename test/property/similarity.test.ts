import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { similarity } from '../../src/decide/matching/similarity.ts'

/** The textbook way: each character looks through the window for the first that is free. */
function plainly(one: string, other: string): number {
  if (one === other) return 1
  const reach = Math.max(0, Math.floor(Math.max(one.length, other.length) / 2) - 1)
  const taken = new Set<number>()
  const mine: string[] = []
  for (let at = 0; at < one.length; at++) {
    for (let to = Math.max(0, at - reach); to <= Math.min(other.length - 1, at + reach); to++) {
      if (taken.has(to) || one[at] !== other[to]) continue
      taken.add(to)
      mine.push(one[at] ?? '')
      break
    }
  }
  if (mine.length === 0) return 0
  const theirs = [...taken].sort((a, b) => a - b).map((at) => other[at])
  const moved = mine.filter((character, at) => character !== theirs[at]).length / 2
  const jaro = (mine.length / one.length + mine.length / other.length + (mine.length - moved) / mine.length) / 3
  let prefix = 0
  while (prefix < 4 && prefix < one.length && one[prefix] === other[prefix]) prefix++
  return jaro + prefix * 0.1 * (1 - jaro)
}

const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é'), maxLength: 30 })

test('similarity is what the textbook says, from 0 to 1', () => {
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const found = similarity(one, other)
      assert.ok(Math.abs(found - plainly(one, other)) < 1e-12)
      assert.ok(found >= 0 && found <= 1)
    }),
    { numRuns: 2000 },
  )
})
