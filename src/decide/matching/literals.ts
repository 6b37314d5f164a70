/**
 * Looks texts up that are literal but for dots, which stand for any character: `/v1.0/orders`, `api.example`. Texts with
 * their dots in the same places share a table; a subject is looked up in each with its characters there made dots.
 */
import type { TextMatcher } from './text.ts'

export interface LiteralIndex<T> {
  /** Calls `visit` for every text that equals `lower`, which is in lower case, or could match it. */
  each(lower: string, visit: (found: T) => void): void
  /** Ranks that found no place: their texts have dots in too many different places. */
  readonly unindexed: readonly number[]
}

/** Bounds the look-ups per request. */
const MAX_TABLES = 32

interface Table<T> {
  readonly length: number
  readonly dots: readonly number[]
  readonly entries: Map<string, T>
}

/** How a text is looked up; undefined where it cannot be. */
export function indexed(text: TextMatcher, rank: number): Indexed | undefined {
  return isNearlyLiteral(text) ? { lower: text.lower, isDotted: text.pattern !== undefined, rank } : undefined
}

/** Whether only dots keep the text from standing for itself alone. Only ASCII: other letters fold in many ways. */
function isNearlyLiteral(text: TextMatcher): boolean {
  if (text.test || text.blank) return false
  if (!text.pattern) return true
  return /^[\x20-\x7e]+$/.test(text.lower) && !/[\\^$|?*+()[\]{}]/.test(text.lower)
}

/** One text to be found under, in lower case; with `isDotted` its dots are any character. */
export interface Indexed {
  readonly lower: string
  readonly isDotted: boolean
  readonly rank: number
}

/** Indexes ranks by text; `make` turns those of one text, in the order given, into what `each` gives. */
export function createLiteralIndex<T>(
  texts: readonly Indexed[],
  make: (ranks: readonly number[]) => T,
): LiteralIndex<T> {
  const groups = new Map<string, { lower: string; isDotted: boolean; ranks: number[] }>()
  for (const { lower, isDotted, rank } of texts) {
    const key = `${isDotted ? '.' : '='}${lower}`
    const group = groups.get(key)
    if (group) group.ranks.push(rank)
    else groups.set(key, { lower, isDotted, ranks: [rank] })
  }
  const exact = new Map<string, T>()
  const tables = new Map<string, Table<T>>()
  const unindexed: number[] = []
  for (const { lower, isDotted, ranks } of groups.values()) {
    if (!isDotted) {
      exact.set(lower, make(ranks))
      continue
    }
    const dots = [...lower].flatMap((character, at) => (character === '.' ? [at] : []))
    const key = `${lower.length}:${dots.join()}`
    const table = tables.get(key) ?? { length: lower.length, dots, entries: new Map<string, T>() }
    if (!tables.has(key) && tables.size === MAX_TABLES) unindexed.push(...ranks)
    else tables.set(key, table).get(key)?.entries.set(lower, make(ranks))
  }
  const all = [...tables.values()]
  return {
    each(lower, visit) {
      const found = exact.get(lower)
      if (found !== undefined) visit(found)
      for (const table of all) {
        if (table.length !== lower.length) continue
        const dotted = table.entries.get(withDots(lower, table.dots))
        if (dotted !== undefined) visit(dotted)
      }
    },
    unindexed,
  }
}

function withDots(subject: string, places: readonly number[]): string {
  let text = ''
  let from = 0
  for (const place of places) {
    text += `${subject.slice(from, place)}.`
    from = place + 1
  }
  return text + subject.slice(from)
}
