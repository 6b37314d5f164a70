/**
 * Paths rewritten by a regular expression, as `String.replaceAll` of Java does it: every place that matches, `$1` and `${name}`
 * for groups, a backslash before what is meant literally. Run by a linear engine, so that no path can take long.
 */
import { re2js } from './libraries.ts'

/** Undefined where the path, or what it would become, is too long. */
export type RewritePath = (path: string) => string | undefined

/** What a match is replaced by: text, or what a group has matched. */
type Part = string | { readonly group: number | string }

const MAX_PATH = 8192
const MAX_RESULT = 65_536
const MAX_PATTERN = 1024

const TOKEN = /\\([\s\S])|\$(\d+)|\$\{([A-Za-z][A-Za-z0-9]*)\}|([^\\$]+)|[\s\S]/g

/** As many digits as still name a group; the first alone must. */
const groupOf = (digits: string, groups: number): readonly [number, string] | undefined => {
  let end = 1
  while (end < digits.length && Number(digits.slice(0, end + 1)) <= groups) end++
  const group = Number(digits.slice(0, end))
  return group <= groups ? [group, digits.slice(end)] : undefined
}

const partsOf = (substitution: string, groups: number, names: ReadonlySet<string>): Part[] | string => {
  const parts: Part[] = []
  for (const [token, escaped, digits, name, text] of substitution.matchAll(TOKEN)) {
    if (escaped !== undefined) parts.push(escaped)
    else if (text !== undefined) parts.push(text)
    else if (digits !== undefined) {
      const found = groupOf(digits, groups)
      if (!found) return `names group ${digits}, and the regex has ${groups}`
      parts.push({ group: found[0] }, found[1])
    } else if (name !== undefined) {
      if (!names.has(name)) return `names the group ${name}, which the regex does not have`
      parts.push({ group: name })
    } else return `ends in or has a ${token} that means nothing; put a backslash before it`
  }
  return parts
}

/** Compiles both, or says which is wrong and why. */
export function compilePathRewriting(
  regex: string,
  substitution: string,
): { readonly rewrite: RewritePath } | { readonly problem: string; readonly at: 'regex' | 'substitution' } {
  if (regex.length > MAX_PATTERN) return { problem: `is longer than ${MAX_PATTERN} characters`, at: 'regex' }
  if (substitution.length > MAX_PATTERN)
    return { problem: `is longer than ${MAX_PATTERN} characters`, at: 'substitution' }
  const { RE2JS } = re2js()
  let pattern: ReturnType<typeof RE2JS.compile>
  try {
    pattern = RE2JS.compile(regex)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { problem: `not a regular expression of the linear engine (${reason})`, at: 'regex' }
  }
  const parts = partsOf(substitution, pattern.groupCount(), new Set(Object.keys(pattern.namedGroups())))
  if (typeof parts === 'string') return { problem: parts, at: 'substitution' }

  const rewrite: RewritePath = (path) => {
    if (path.length > MAX_PATH) return undefined
    const matcher = pattern.matcher(path)
    let result = ''
    let at = 0
    while (matcher.find()) {
      result += path.slice(at, matcher.start())
      for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part.group) ?? '')
      if (result.length > MAX_RESULT) return undefined
      at = matcher.end()
    }
    return result + path.slice(at)
  }
  return { rewrite }
}
