/** Placeholders of JsonUnit in expected JSON: `${json-unit.any-string}` and its like; `#{…}` is the same. */
import { compilePattern, matchesPattern } from './pattern.ts'

/** Stands for any value that it accepts; numbers are given to `accepts` as numbers, however they were written. */
export interface Placeholder {
  readonly accepts: (actual: unknown) => boolean
  /** The member that has it as its value may be missing. */
  readonly mayBeAbsent: boolean
}

const KINDS: Readonly<Record<string, Placeholder>> = {
  'any-string': { accepts: (actual) => typeof actual === 'string', mayBeAbsent: false },
  'any-number': { accepts: (actual) => typeof actual === 'number', mayBeAbsent: false },
  'any-boolean': { accepts: (actual) => typeof actual === 'boolean', mayBeAbsent: false },
  'any-array': { accepts: (actual) => Array.isArray(actual), mayBeAbsent: false },
  'missing-or-null': { accepts: (actual) => actual === null, mayBeAbsent: true },
  ignore: { accepts: () => true, mayBeAbsent: false },
  'ignore-element': { accepts: () => true, mayBeAbsent: true },
}

const PLACEHOLDER = /^[$#]\{json-unit\.([a-z-]+)(:[^}]*)?\}(.*)$/s

/** What `text` stands for; undefined where it is no placeholder; a string says what is wrong with it. */
export function placeholderOf(text: string): Placeholder | string | undefined {
  const [, kind, argument, rest = ''] = PLACEHOLDER.exec(text) ?? []
  if (kind === undefined) return undefined
  if (kind === 'regex' && argument === undefined) {
    const compiled = compilePattern(rest, { flags: 'u' })
    if ('problem' in compiled) return compiled.problem
    const { pattern } = compiled
    return { accepts: (actual) => typeof actual === 'string' && matchesPattern(pattern, actual), mayBeAbsent: false }
  }
  const found = Object.hasOwn(KINDS, kind) && argument === undefined && rest === '' ? KINDS[kind] : undefined
  if (found) return { ...found }
  return `the placeholder \${json-unit.${kind}} is not supported; there are ${Object.keys(KINDS).join(', ')} and regex`
}
