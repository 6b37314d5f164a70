/** Query parameters and headers: names with several values, matched as a subset of what the request carries. */
import { canAssign } from './assignment.ts'
import { compileText, matchesPlain, matchesText, type TextMatcher } from './text.ts'

/** One name with its values, as an expectation file gives it. */
export interface NamedValues {
  readonly name: string
  readonly values: readonly string[]
}

interface RequiredPair {
  readonly name: TextMatcher
  /** Undefined: any value will do. */
  readonly value: TextMatcher | undefined
}

export interface PairsMatcher {
  /** Names that must not be there. */
  readonly absent: readonly TextMatcher[]
  readonly required: readonly RequiredPair[]
  /** No entry can serve two required pairs, so each may be looked for by itself. */
  readonly isIndependent: boolean
}

/** Compiles names and values already checked with `problemWithText`. Undefined where nothing is asked. */
export function compilePairs(named: readonly NamedValues[]): PairsMatcher | undefined {
  if (named.length === 0) return undefined
  const absent: TextMatcher[] = []
  const required: RequiredPair[] = []
  for (const { name, values } of named) {
    const compiled = compileText(name)
    if (compiled.negated) absent.push(compiled)
    else if (values.length === 0) required.push({ name: compiled, value: undefined })
    else for (const value of values) required.push({ name: compiled, value: compileText(value) })
  }
  const names = new Set(required.map(({ name }) => name.lower))
  const isIndependent =
    names.size === required.length && required.every(({ name }) => name.pattern === undefined && !name.blank)
  return { absent, required, isIndependent: isIndependent || required.length === 1 }
}

/** Whether `entries` (name, value, name, value …) satisfy every pair; entries beyond those asked for do not matter. */
export function matchesPairs(matcher: PairsMatcher, entries: readonly string[]): boolean {
  for (const name of matcher.absent) if (hasName(name, entries)) return false
  if (!matcher.isIndependent) return matchesTogether(matcher.required, entries)
  for (const pair of matcher.required) {
    if (!hasPair(pair, entries) && !isForgiven(pair, entries)) return false
  }
  return true
}

function matchesTogether(all: readonly RequiredPair[], entries: readonly string[]): boolean {
  const required = all.filter((pair) => !isForgiven(pair, entries))
  return canAssign(required.length, entries.length / 2, (wanted, entry) => {
    const pair = required[wanted]
    return pair !== undefined && accepts(pair, entries, entry * 2)
  })
}

/** An optional name that is absent asks for nothing. */
function isForgiven(pair: RequiredPair, entries: readonly string[]): boolean {
  return pair.name.optional && !hasName(pair.name, entries)
}

function hasName(name: TextMatcher, entries: readonly string[]): boolean {
  for (let at = 0; at < entries.length; at += 2) if (matchesPlain(name, entries[at] ?? '')) return true
  return false
}

function hasPair(pair: RequiredPair, entries: readonly string[]): boolean {
  for (let at = 0; at < entries.length; at += 2) if (accepts(pair, entries, at)) return true
  return false
}

function accepts(pair: RequiredPair, entries: readonly string[], at: number): boolean {
  if (!matchesPlain(pair.name, entries[at] ?? '')) return false
  return pair.value === undefined || matchesText(pair.value, entries[at + 1] ?? '')
}
