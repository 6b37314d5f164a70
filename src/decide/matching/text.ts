/** The rule for methods, paths, names and values: case-insensitive equality, else a full match of a regular expression. */
import { UnderstudyError } from '../../errors.ts'
import { compilePattern, hasMetacharacters, matchesPattern, type Pattern } from './pattern.ts'

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
}

/** What is wrong with a value of an expectation, as a sentence; undefined when it can be compiled. */
export function problemWithText(value: string): string | undefined {
  const { text, negated } = parsePrefixes(value)
  if (negated && text.trim() === '') return '"!" needs something to negate'
  if (!hasMetacharacters(text)) return undefined
  const compiled = compilePattern(text)
  return 'problem' in compiled ? compiled.problem : undefined
}

/** Compiles a value that `problemWithText` found nothing wrong with. */
export function compileText(value: string): TextMatcher {
  const { text, negated, optional } = parsePrefixes(value)
  return {
    text,
    lower: text.toLowerCase(),
    negated,
    optional,
    blank: text.trim() === '',
    pattern: hasMetacharacters(text) ? checkedPattern(text) : undefined,
  }
}

/** Whether `subject` matches, prefixes included. */
export function matchesText(matcher: TextMatcher, subject: string): boolean {
  return matchesPlain(matcher, subject) !== matcher.negated
}

/** Whether `subject` matches the text after its prefixes. */
export function matchesPlain(matcher: TextMatcher, subject: string): boolean {
  if (subject === matcher.text || matcher.blank) return true
  if (subject.length === matcher.text.length && subject.toLowerCase() === matcher.lower) return true
  return matcher.pattern !== undefined && matchesPattern(matcher.pattern, subject)
}

/** Takes one `!` and one `?` off the front, in either order. */
function parsePrefixes(value: string): { text: string; negated: boolean; optional: boolean } {
  const prefixes = /^(?:!\??|\?!?)?/.exec(value)?.[0] ?? ''
  return { text: value.slice(prefixes.length), negated: prefixes.includes('!'), optional: prefixes.includes('?') }
}

function checkedPattern(text: string): Pattern {
  const compiled = compilePattern(text)
  if ('pattern' in compiled) return compiled.pattern
  throw new UnderstudyError('ASSERTION', `a pattern was compiled before it was checked: ${compiled.problem}`)
}
