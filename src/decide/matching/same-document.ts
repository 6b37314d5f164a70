/** Whether two expectations were written the same way. Pure. */
import type { Expectation } from './expectation.ts'

/** Of those that do not remember what they were read from, only the very same one is. */
export function isSameExpectation(one: Expectation, other: Expectation): boolean {
  if (one === other) return true
  if (one.id !== other.id || one.source === undefined) return false
  return isSameDocument(one.source, other.source)
}

/** Compares values as JSON has them; the order of members does not matter. */
export function isSameDocument(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const members = Object.entries(one)
  if (members.length !== Object.keys(other).length) return false
  return members.every(
    ([key, value]: [string, unknown]) =>
      Object.hasOwn(other, key) && isSameDocument(value, (other as Readonly<Record<string, unknown>>)[key]),
  )
}
