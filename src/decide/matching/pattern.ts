/** Regular expressions of expectation files: Java's as far as both languages agree, compiled once, bounded in time. */
import { fromJava } from './java-pattern.ts'
import { costOf } from './pattern-cost.ts'
import { parsePattern, prefixOf } from './pattern-tree.ts'

export interface Pattern {
  /** Anchored at both ends, with the flags s, i and u unless others were asked for. */
  readonly regex: RegExp
  /** A longer subject does not match: beyond it the engine might backtrack for too long. */
  readonly maxLength: number
  /** What every match begins with, in lower case and ASCII; empty where that is not known. */
  readonly prefix: string
}

const MAX_LENGTH = 8192
/** A pattern that could not even be tried on this many characters is refused. */
const MIN_LENGTH = 128
/** Steps one failing match may take: well under a second on any machine. */
const STEP_BUDGET = 2 ** 22

const METACHARACTERS = /[\\^$.|?*+()[\]{}]/

export interface PatternOptions {
  /** `siu` unless given; `u` must be among them. */
  readonly flags?: string
  /** The longest subject worth trying, where the pattern's cost allows it; 8192 characters unless given. */
  readonly maxSubject?: number
  /** A match anywhere in the subject is enough. */
  readonly isSearched?: boolean
}

/** Whether text can mean anything else than itself. */
export function hasMetacharacters(text: string): boolean {
  return METACHARACTERS.test(text)
}

/** Compiles `source`, or says why it is refused: not valid, or open to runaway backtracking. */
export function compilePattern(
  source: string,
  { flags = 'siu', maxSubject = MAX_LENGTH, isSearched = false }: PatternOptions = {},
): { readonly pattern: Pattern } | { readonly problem: string } {
  if (source.length > MAX_LENGTH) return { problem: `a regular expression of more than ${MAX_LENGTH} characters` }
  const java = fromJava(source)
  if ('problem' in java) return { problem: invalid(source, java.problem) }
  const translated = isSearched ? `[\\s\\S]*(?:${java.source})[\\s\\S]*` : java.source
  try {
    // Checked alone first: the anchors added around it must not be what makes it valid.
    new RegExp(java.source, flags)
    const root = parsePattern(translated)
    if (!root) return { problem: 'a regular expression with groups nested too deeply' }
    const { degree, ways } = costOf(root)
    const maxLength = longest(degree, ways, maxSubject)
    if (maxLength < MIN_LENGTH) return { problem: runaway(degree) }
    const regex = new RegExp(`^(?:${translated})$`, flags)
    // The engine compiles on first use, for each width of character, and only then finds a pattern too large.
    regex.test('')
    regex.test('中')
    return { pattern: { regex, maxLength, prefix: isSearched ? '' : prefixOf(root) } }
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /s, '').toLowerCase() : String(error)
    return { problem: invalid(source, reason) }
  }
}

/** The longest subject that stays within the budget. */
function longest(degree: number, ways: number, maxSubject: number): number {
  if (degree > 8) return 0
  let factorial = 1
  for (let factor = 2; factor <= degree; factor++) factorial *= factor
  return Math.min(maxSubject, Math.floor(((STEP_BUDGET * factorial) / ways) ** (1 / degree)))
}

/** Whether the whole of `subject` matches. Never true of a subject longer than the pattern's bound. */
export function matchesPattern(pattern: Pattern, subject: string): boolean {
  return subject.length <= pattern.maxLength && pattern.regex.test(subject)
}

function invalid(source: string, reason: string): string {
  const hint = /\{[A-Za-z_]\w*\}/.test(source)
    ? 'for any one path segment write [^/]+ instead of a {name}, or give pathParameters'
    : 'put a backslash before a character meant literally'
  return `not a valid regular expression (${reason}); ${hint}`
}

function runaway(degree: number): string {
  if (degree === Infinity) {
    return 'refused: it repeats a part that can match the same text in more than one way, as (a+)+ does, and could run for hours; make each round start or end with a character the rest of it cannot match'
  }
  return 'refused: it has too many repetitions or choices that can take the same characters, as .*a.*b.*c.*d.* does, and could run for minutes; use [^/]* or another class that stops at the next separator'
}
