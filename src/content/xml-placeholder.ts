/** Placeholders of XMLUnit in expected XML: `${xmlunit.ignore}` and its like. */
import { compilePattern, matchesPattern } from '../decide/matching/pattern.ts'

/** Judges the text, or the value, that stands where the placeholder does. */
export type TextJudge = (actual: string) => boolean

const NUMBER = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$/
const DATE_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
/** Longer texts are no numbers and no dates, and match no pattern. */
const MAX_TEXT = 65_536

const KINDS: Readonly<Record<string, TextJudge>> = {
  ignore: () => true,
  isNumber: (actual) => NUMBER.test(actual),
  isDateTime: (actual) => DATE_TIME.test(actual),
}

const PLACEHOLDER = /^\$\{xmlunit\.([A-Za-z]+)(?:\((.*)\))?\}$/s

/** What `text` stands for; undefined where it is no placeholder; a string says what is wrong with it. */
export function xmlPlaceholder(text: string): TextJudge | string | undefined {
  const [, kind, argument] = PLACEHOLDER.exec(text.trim()) ?? []
  if (kind === undefined) return undefined
  if (kind === 'matchesRegex' && argument !== undefined) {
    const compiled = compilePattern(argument, { flags: 'u', maxSubject: MAX_TEXT, isSearched: true })
    if ('problem' in compiled) return compiled.problem
    return (actual) => matchesPattern(compiled.pattern, actual)
  }
  const judge = argument === undefined && Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (judge) return (actual) => actual.length <= MAX_TEXT && judge(actual)
  return `the placeholder ${text.trim()} is not supported; there are ${Object.keys(KINDS).join(', ')} and matchesRegex(…)`
}
