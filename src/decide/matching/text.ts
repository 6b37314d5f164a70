/** The rule for methods, paths, names and values: case-insensitive equality, else a full match of a regular expression. */
import { UnderstudyError } from '../../errors.ts'
import { acceptTest } from './accept.ts'
import { compilePattern, hasMetacharacters, matchesPattern, type Pattern } from './pattern.ts'

/** Judges a subject in a way that no text can say, such as a JSON schema. Must not throw. */
export type TextTest = (subject: string) => boolean

/** Text to match with what its prefixes would say given beside it; `value` is then taken as it stands. */
export interface TextSpec {
  readonly value: string
  readonly negated: boolean
  readonly optional: boolean
  /** Takes the place of `value`. */
  readonly test?: TextTest
}

/** Text with its prefixes, or spelt out. */
export type Text = string | TextSpec

export interface TextMatcher {
  /** The value without its prefixes. */
  readonly text: string
  readonly lower: string
  /** `!`: matches what the rest does not. */
  readonly negated: boolean
  /** `?`: of a name, it may be absent. */
  readonly optional: boolean
  /** Blank text matches everything. */
  readonly blank: boolean
  readonly pattern: Pattern | undefined
  /** Asked instead of text and pattern. */
  readonly test: TextTest | undefined
}

/** What is wrong with a text of an expectation, as a sentence; undefined when it can be compiled. */
export function problemWithText(given: Text): string | undefined {
  const { value, negated, test } = spelled(given)
  if (test) return undefined
  if (negated && value.trim() === '') return '"!" needs something to negate'
  if (!hasMetacharacters(value)) return undefined
  const compiled = compilePattern(value)
  return 'problem' in compiled ? compiled.problem : undefined
}

/** Compiles a text that `problemWithText` found nothing wrong with. */
export function compileText(given: Text): TextMatcher {
  const { value, negated, optional, test } = spelled(given)
  return {
    text: value,
    lower: value.toLowerCase(),
    negated,
    optional,
    blank: !test && value.trim() === '',
    pattern: !test && hasMetacharacters(value) ? checkedPattern(value) : undefined,
    test,
  }
}

const COMPARISON = /^\s*(>=|<=|==|>|<)\s*(-?\d{1,300}(?:\.\d{1,300})?)\s*$/
const NUMBER = /^\s*[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,5})?\s*$/

/**
 * Compiles a value of a named entry: there `> 5`, `>=`, `<`, `<=` and `==` compare numbers, and `accept:text/html` negotiates.
 */
export function compileValue(given: Text): TextMatcher {
  const compiled = compileText(given)
  if (compiled.test) return compiled
  const [, operator, bound] = COMPARISON.exec(compiled.text) ?? []
  const test = operator === undefined ? acceptTest(compiled.text) : comparison(operator, Number(bound))
  return test ? { ...compiled, pattern: undefined, test } : compiled
}

function comparison(operator: string, bound: number): TextTest {
  return (subject) => {
    if (!NUMBER.test(subject)) return false
    const number = Number(subject)
    if (number === bound) return operator.endsWith('=')
    return operator.startsWith('>') ? number > bound : operator.startsWith('<') && number < bound
  }
}

/** Whether `subject` matches, prefixes included. */
export function matchesText(matcher: TextMatcher, subject: string): boolean {
  return matchesPlain(matcher, subject) !== matcher.negated
}

/** Whether `subject` matches the text after its prefixes. */
export function matchesPlain(matcher: TextMatcher, subject: string): boolean {
  if (matcher.test) return matcher.test(subject)
  if (subject === matcher.text || matcher.blank) return true
  if (subject.length === matcher.text.length && subject.toLowerCase() === matcher.lower) return true
  return matcher.pattern !== undefined && matchesPattern(matcher.pattern, subject)
}

/** Takes one `!` and one `?` off the front, in either order; a text spelt out already stays as it is. */
export function spelled(given: Text): TextSpec {
  if (typeof given !== 'string') return given
  const prefixes = /^(?:!\??|\?!?)?/.exec(given)?.[0] ?? ''
  return { value: given.slice(prefixes.length), negated: prefixes.includes('!'), optional: prefixes.includes('?') }
}

function checkedPattern(text: string): Pattern {
  const compiled = compilePattern(text)
  if ('pattern' in compiled) return compiled.pattern
  throw new UnderstudyError('ASSERTION', `a pattern was compiled before it was checked: ${compiled.problem}`)
}
