/** Bodies that are much like a text. */
import { type BodyTest, textOf } from '../decide/matching/body.ts'
import { similarity } from '../decide/matching/similarity.ts'

export interface FuzzySpec {
  readonly fuzzy: string
  /** From 0 to 1; others count as the nearest of these. */
  readonly threshold: number
  readonly ignoreCase: boolean
}

/** What is compared at most: some 50 ms. */
const MAX_CHARACTERS = 256 * 1024

/** A test for bodies as alike as the threshold or more; blank text matches any, a body of more than 256 Ki characters none. */
export function matchFuzzy({ fuzzy, threshold, ignoreCase }: FuzzySpec): BodyTest {
  if (fuzzy.trim() === '') return () => true
  const plain = (text: string): string => (ignoreCase ? text.trim().toLowerCase() : text)
  const wanted = plain(fuzzy)
  const least = Math.min(1, Math.max(0, threshold))
  return (body) => {
    const text = plain(textOf(body))
    if (text.length === 0 || text.length > MAX_CHARACTERS) return false
    return similarity(wanted, text) >= least
  }
}
