import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Expectation } from '../../src/decide/matching/expectation.ts'
import { isSameDocument } from '../../src/decide/matching/same-document.ts'
import { createExpectationStore, type ExpectationStore } from '../../src/decide/matching/store.ts'
import { expectation } from '../unit/decide/build.ts'

const read = (id: string, version: number, priority = 0): Expectation =>
  expectation({ priority, source: { id, version, priority } }, id)
const told = (store: ExpectationStore): string[] =>
  store.list(0).map(({ expectation: { id, source } }) => `${id}:${JSON.stringify(source)}`)

const list = fc.uniqueArray(
  fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 1 })),
  { selector: ([id]) => id, maxLength: 5 },
)
const expectations = (of: readonly (readonly [string, number, number])[]): Expectation[] =>
  of.map(([id, version, priority]) => read(id, version, priority))

test('after any lists, a folder is in the store as it would be after a new start with the last', () => {
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), (lists) => {
      const store = createExpectationStore([], 0)
      for (const each of lists) store.replaceFrom('folder', expectations(each), 0)
      assert.deepEqual(told(store), told(createExpectationStore(expectations(lists.at(-1) ?? []), 0)))
    }),
  )
})

test('what others have put stays, and stays in their order', () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 6 }), list, (lists, put) => {
      const store = createExpectationStore([], 0)
      const others = put.map(([id, version, priority]) => read(`put-${id}`, version, priority))
      for (const [index, each] of lists.entries()) {
        if (index === 1) store.upsert(others, 0)
        store.replaceFrom('folder', expectations(each), 0)
      }
      if (lists.length > 1) {
        const mine = told(store).filter((line) => line.startsWith('put-'))
        assert.deepEqual(mine, told(createExpectationStore(others, 0)))
      }
    }),
  )
})

test('a document is the same as its copy, in whatever order its members stand, and as no other', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, inner]) => [key, reversed(inner)]),
    )
  }
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      assert.ok(isSameDocument(one, reversed(structuredClone(one))))
      let isEqual = true
      try {
        assert.deepStrictEqual(one, other)
      } catch {
        isEqual = false
      }
      assert.equal(isSameDocument(one, other), isEqual)
    }),
  )
})
