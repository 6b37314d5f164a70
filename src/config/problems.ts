/** Turns zod's issues into sentences a person can act on: what was expected, what was there, and which key was meant. */
import type { z } from 'zod'

/** A place in a document: object keys and list indexes, outermost first. */
export type KeyPath = readonly (string | number)[]

/** One thing wrong with a value; `atKey` where the last part of the path is itself the problem, not what it holds. */
export interface ValueProblem {
  readonly path: KeyPath
  readonly message: string
  readonly atKey?: boolean
}

type Issue = z.core.$ZodIssue
type RawIssue = z.core.$ZodRawIssue

const SHOWN_CHARACTERS = 60
/** Control characters that JSON lets pass, and marks that are nothing to see or turn the direction of writing round. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g
/** Of so many unknown keys of one object it is looked for what was meant. */
const MAX_MEANT = 100
const NOUNS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'nothing',
  nonoptional: 'a value',
}

/**
 * Validates `input`; the answer is the parsed value or every problem found. A schema's own error text replaces ours;
 * if it starts with "expected" the text of what was there is added to it.
 */
export function checkValue<T>(
  schema: z.ZodType<T>,
  input: unknown,
): { readonly value: T } | { readonly problems: readonly ValueProblem[] } {
  const knownKeys = new WeakMap<readonly string[], readonly string[]>()
  const result = schema.safeParse(input, { error: (issue) => phrase(issue, knownKeys) })
  if (result.success) return { value: result.data }
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, [], input, knownKeys)) }
}

/** A bounded one-line rendering of a value for an error message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value !== 'string') return String(value)
  return quoted(value)
}

/** Text in quotes, bounded, with everything escaped that a terminal would not show as it stands. */
export function quoted(text: string): string {
  const start = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
  return JSON.stringify(start).replace(UNSEEN, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A key path as text: `a.b[2]["odd key"]`. */
export function keyText(path: KeyPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[\w$-]{1,80}$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part.length > 80 ? `${part.slice(0, 80)}…` : part)}]`
  }
  return text
}

/** The candidate a writer most likely meant: a prefix either way, or at most two edits (one in a short word) away. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > SHOWN_CHARACTERS) return undefined
  const lower = word.toLowerCase()
  let best: string | undefined
  let bestDistance = word.length < 5 ? 1.5 : 2.5
  for (const candidate of candidates) {
    const other = candidate.toLowerCase()
    const isPrefix = lower.length >= 3 && (other.startsWith(lower) || lower.startsWith(other))
    const distance = isPrefix ? Math.min(1, editDistance(lower, other)) : editDistance(lower, other)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1]
    for (let column = 0; column < to.length; column++) {
      const replaced = (row[column] ?? 0) + (to[column] === letter ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

/** The sentence for one issue while zod still knows which schema raised it; undefined leaves it to zod. */
function phrase(issue: RawIssue, knownKeys: WeakMap<readonly string[], readonly string[]>): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${NOUNS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return oneOf(issue.values)
    case 'invalid_union':
      return Array.isArray(issue['options']) ? oneOf(issue['options']) : undefined
    case 'too_small':
      return limit('at least', issue.origin, issue.minimum)
    case 'too_big':
      return limit('at most', issue.origin, issue.maximum)
    case 'invalid_format':
      return issue.format === 'regex' ? `expected text matching ${issue.pattern}` : `expected a valid ${issue.format}`
    case 'unrecognized_keys': {
      const def: unknown = issue.inst && '_zod' in issue.inst ? issue.inst._zod.def : undefined
      const shape = typeof def === 'object' && def !== null && 'shape' in def ? def.shape : {}
      knownKeys.set(issue.keys, Object.keys(shape ?? {}))
      return 'unknown key'
    }
    default:
      return undefined
  }
}

function oneOf(values: readonly unknown[]): string {
  const names = values.map(shown)
  return names.length === 1 ? `expected ${names[0]}` : `expected one of ${names.join(', ')}`
}

function limit(side: string, origin: string, bound: number | bigint): string {
  if (origin === 'string') return `expected ${side} ${bound} characters`
  if (origin === 'array' || origin === 'set') return `expected ${side} ${bound} entries`
  return `expected ${side} ${bound}`
}

/** The problems of one issue. `input` is the whole input, so that what was there can be quoted. */
function problemsOf(
  issue: Issue,
  prefix: KeyPath,
  input: unknown,
  knownKeys: WeakMap<readonly string[], readonly string[]>,
): ValueProblem[] {
  const path: KeyPath = [...prefix, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))]
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys.get(issue.keys) ?? []
    return issue.keys.map((key, at) => {
      const message = at < MAX_MEANT ? unknownKey(key, known) : 'unknown key'
      return { path: [...path, key], message, atKey: true }
    })
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path, message: `bad key: ${inner.message}`, atKey: true }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = likelyBranch(issue.errors)
    if (branch) return branch.flatMap((inner) => problemsOf(inner, path, input, knownKeys))
    return [{ path, message: withActual(anyOf(issue.errors), valueAt(input, path)) }]
  }
  const actual = valueAt(input, path)
  const values = issue.code === 'invalid_value' ? issue.values.map(String) : []
  const meant = typeof actual === 'string' ? closest(actual, values) : undefined
  return [{ path, message: withActual(issue.message, actual) + (meant ? `; did you mean "${meant}"?` : '') }]
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = closest(key, known)
  if (meant) return `unknown key; did you mean "${meant}"?`
  return known.length > 0 && known.length <= 12 ? `unknown key; known here: ${known.join(', ')}` : 'unknown key'
}

/** The branch of a union that the writer was probably filling in; undefined when the value is of no branch's kind. */
function likelyBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  let best: readonly Issue[] | undefined
  let bestCost = Number.POSITIVE_INFINITY
  for (const branch of branches) {
    const cost = branch.reduce((sum, issue) => sum + costOf(issue), 0)
    if (branch.length > 0 && cost < bestCost) {
      best = branch
      bestCost = cost
    }
  }
  return best
}

/** A wrong kind at the root rules a branch out, a wrong literal (a tag) nearly so; an unknown key speaks against it. */
function costOf(issue: Issue): number {
  const wrongKind = issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union'
  if (issue.path.length === 0 && wrongKind) return Number.POSITIVE_INFINITY
  if (issue.code === 'invalid_value') return 20
  if (issue.code === 'unrecognized_keys') return 3 * issue.keys.length
  return issue.path.length === 1 ? 2 : 1
}

/** "expected a string or a list", out of the root expectation of every branch. */
function anyOf(branches: readonly (readonly Issue[])[]): string {
  const wanted = branches.flatMap((branch) => branch.filter((issue) => issue.path.length === 0).map(rootPhrase))
  return `expected ${[...new Set(wanted.map((text) => text.replace(/^expected /, '')))].join(' or ')}`
}

function rootPhrase(issue: Issue): string {
  return issue.code === 'invalid_union' && issue.errors.length > 0 ? anyOf(issue.errors) : issue.message
}

function withActual(message: string, actual: unknown): string {
  if (!message.startsWith('expected')) return message
  return actual === undefined ? `missing; ${message}` : `${message}, got ${shown(actual)}`
}

function valueAt(input: unknown, path: KeyPath): unknown {
  let value = input
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}
