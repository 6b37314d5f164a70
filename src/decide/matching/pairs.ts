/** Query parameters, headers, cookies, form fields: names with several values, compared with those of a request. */
import { canAssign } from './assignment.ts'
import { deepObjects, type ParameterStyle, splitStyled } from './parameter-style.ts'
import { compileText, compileValue, matchesPlain, matchesText, type Text, type TextMatcher } from './text.ts'

/** One name with its values, as an expectation of a response gives it. */
export interface NamedValues {
  readonly name: string
  readonly values: readonly string[]
}

/** One name with its values, as a request matcher gives it; `style` says how one entry holds several values. */
export interface NamedTexts {
  readonly name: Text
  readonly values: readonly Text[]
  readonly style?: ParameterStyle | undefined
}

/** What is asked of the entries: that those listed are there, or that all of a listed name have a listed value. */
export type PairsSpec = readonly NamedTexts[] | { readonly matchingKey: readonly NamedTexts[] }

interface RequiredPair {
  readonly name: TextMatcher
  /** Undefined: any value will do. */
  readonly value: TextMatcher | undefined
}

interface KeyRule {
  readonly name: TextMatcher
  readonly values: readonly TextMatcher[]
}

export interface PairsMatcher {
  /** Names that must not be there. */
  readonly absent: readonly TextMatcher[]
  readonly required: readonly RequiredPair[]
  /** No entry can serve two required pairs, so each may be looked for by itself. */
  readonly isIndependent: boolean
  /** Names all of whose entries must have one of the values. */
  readonly rules: readonly KeyRule[]
  readonly styles: readonly { readonly name: TextMatcher; readonly style: ParameterStyle }[]
}

/** A list of more entries is not what anyone asks for: it satisfies no matcher. */
const MAX_ENTRIES = 10_000

/** Compiles names and values already checked with `problemWithText`. Undefined where nothing is asked. */
export function compilePairs(spec: PairsSpec): PairsMatcher | undefined {
  const isSubset = !('matchingKey' in spec)
  const named = isSubset ? spec : spec.matchingKey
  if (named.length === 0) return undefined
  const absent: TextMatcher[] = []
  const required: RequiredPair[] = []
  const rules: KeyRule[] = []
  const styles: { name: TextMatcher; style: ParameterStyle }[] = []
  for (const { name, values, style } of named) {
    const compiled = compileText(name)
    if (style) styles.push({ name: compiled, style })
    if (compiled.negated) absent.push(compiled)
    else if (!isSubset) rules.push({ name: compiled, values: values.map(compileValue) })
    else if (values.length === 0) required.push({ name: compiled, value: undefined })
    else for (const value of values) required.push({ name: compiled, value: compileValue(value) })
  }
  const names = new Set(required.map(({ name }) => name.lower))
  const isIndependent =
    names.size === required.length && required.every(({ name }) => !name.pattern && !name.blank && !name.test)
  return { absent, required, isIndependent: isIndependent || required.length === 1, rules, styles }
}

/** Whether `given` (name, value, name, value …) satisfies every pair; entries beyond those asked for do not matter. */
export function matchesPairs(matcher: PairsMatcher, given: readonly string[]): boolean {
  if (given.length > 2 * MAX_ENTRIES) return false
  const entries = matcher.styles.length === 0 ? given : expanded(matcher, given)
  for (const name of matcher.absent) if (hasName(name, entries)) return false
  for (const rule of matcher.rules) if (!satisfies(rule, entries)) return false
  if (!matcher.isIndependent) return matchesTogether(matcher.required, entries)
  for (const pair of matcher.required) {
    if (!hasPair(pair, entries) && !isForgiven(pair, entries)) return false
  }
  return true
}

/** Entries whose names have a style, taken apart. */
function expanded({ styles }: PairsMatcher, given: readonly string[]): readonly string[] {
  const entries: string[] = []
  for (let at = 0; at < given.length && entries.length <= 2 * MAX_ENTRIES; at += 2) {
    const [name = '', value = ''] = [given[at], given[at + 1]]
    const styled = styles.find((one) => matchesPlain(one.name, name))
    for (const part of styled ? splitStyled(styled.style, name, value) : [value]) entries.push(name, part)
  }
  const deep = styles.filter(({ style }) => style === 'DEEP_OBJECT')
  if (deep.length === 0) return entries
  return [...entries, ...deepObjects(given, (name) => deep.some((one) => matchesPlain(one.name, name)))]
}

function satisfies({ name, values }: KeyRule, entries: readonly string[]): boolean {
  let isPresent = false
  for (let at = 0; at < entries.length; at += 2) {
    if (!matchesPlain(name, entries[at] ?? '')) continue
    isPresent = true
    const actual = entries[at + 1] ?? ''
    if (values.length > 0 && !values.some((value) => matchesText(value, actual))) return false
  }
  return isPresent || name.optional
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
