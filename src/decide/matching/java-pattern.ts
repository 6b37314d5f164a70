/**
 * Writes a regular expression of Java's in JavaScript's words, for the flags `u`, `s` and `i`. What JavaScript cannot
 * say is an error that names it; what it merely says otherwise is translated: `\Q…\E`, possessive quantifiers and atomic
 * groups (as a lookahead and a reference back to it), flags in the middle, `\p{Alpha}`, `\h`, `\R`, `\A`, `\z`.
 * Source: java.util.regex.Pattern's documentation.
 */
import { translateClass } from './java-class.ts'
import { escapeOf, NotTranslatable, quoted } from './java-escapes.ts'

/** A group that is open: what closes it, and which modifiers were opened inside it. */
interface Level {
  readonly closing: string
  readonly start: number
  modifiers: readonly string[]
}

interface State {
  readonly source: string
  at: number
  out: string
  readonly levels: Level[]
  /** Where the last atom begins in `out`; -1 where a quantifier would have nothing to repeat. */
  atom: number
  groups: number
  readonly names: Map<string, number>
  readonly hasReferences: boolean
  added: number
}

const MAX_LENGTH = 65_536

/** The pattern in JavaScript's words, or why it has none. */
export function fromJava(source: string): { readonly source: string } | { readonly problem: string } {
  const hasReferences = /\\[1-9k]/.test(source)
  const root: Level = { closing: '', start: 0, modifiers: [] }
  const state: State = {
    source,
    at: 0,
    out: '',
    levels: [root],
    atom: -1,
    groups: 0,
    names: new Map(),
    hasReferences,
    added: 0,
  }
  try {
    while (state.at < source.length) {
      step(state)
      if (state.out.length > MAX_LENGTH) throw new NotTranslatable('too long once it is translated')
    }
    // A group left open is left open: the engine says so in its own words.
    return { source: state.out + ')'.repeat(state.levels.reduce((sum, level) => sum + level.modifiers.length, 0)) }
  } catch (error) {
    if (error instanceof NotTranslatable) return { problem: error.message }
    throw error
  }
}

function step(state: State): void {
  const character = String.fromCodePoint(state.source.codePointAt(state.at) ?? 0)
  switch (character) {
    case '\\':
      return escaped(state)
    case '[': {
      const found = translateClass(state.source, state.at)
      state.at = found.end
      return atom(state, found.text)
    }
    case '(':
      return open(state)
    case ')':
      return close(state)
    case '|':
      return alternative(state)
    case '*':
    case '+':
    case '?':
      return quantifier(state, character)
    case '{': {
      const counted = /^\{\d+(?:,\d*)?\}/.exec(state.source.slice(state.at, state.at + 24))
      if (counted) return quantifier(state, counted[0])
      return plain(state, character, character)
    }
    case ']':
    case '}':
      return plain(state, character, `\\${character}`)
    default:
      return plain(state, character, character)
  }
}

function plain(state: State, read: string, written: string): void {
  state.at += read.length
  atom(state, written)
}

function atom(state: State, text: string): void {
  state.atom = state.out.length
  state.out += text
}

function escaped(state: State): void {
  const rest = state.source.slice(state.at, state.at + 80)
  if (rest.startsWith('\\Q')) {
    const end = state.source.indexOf('\\E', state.at + 2)
    const literal = state.source.slice(state.at + 2, end === -1 ? undefined : end)
    for (const character of literal) atom(state, quoted(character, false))
    state.at = end === -1 ? state.source.length : end + 2
    return
  }
  const reference = /^\\(?:([1-9])|k<([A-Za-z][A-Za-z0-9]*)>)/.exec(rest)
  if (reference) {
    const [text, digit, name = ''] = reference
    const group = digit === undefined ? state.names.get(name) : Number(digit)
    if (group === undefined || group > state.groups) {
      throw new NotTranslatable(`${text} refers to a group that has not been opened before it`)
    }
    return plain(state, text, `\\k<g${group}>`)
  }
  const { length, text } = escapeOf(state.source, state.at, false)
  state.at += length
  atom(state, text)
}

const LOOK = /^\(\?(?:<?[=!]|:)/
const NAMED = /^\(\?<([A-Za-z][A-Za-z0-9]*)>/
const FLAGS = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/

function open(state: State): void {
  const rest = state.source.slice(state.at, state.at + 80)
  const look = LOOK.exec(rest)?.[0]
  if (look) return push(state, look, look, ')')
  if (rest.startsWith('(?>')) {
    const name = `a${state.added++}`
    return push(state, '(?>', `(?=(?<${name}>`, `))\\k<${name}>`)
  }
  const named = NAMED.exec(rest)
  if (named || !rest.startsWith('(?')) {
    const [text, name] = named ?? ['(']
    state.groups++
    if (name !== undefined) state.names.set(name, state.groups)
    return push(state, text, state.hasReferences ? `(?<g${state.groups}>` : '(?:', ')')
  }
  const flags = FLAGS.exec(rest)
  if (!flags) return push(state, '(', '(', ')')
  const [text, on = '', off = '', end] = flags
  const modifier = modifierFor(on, off)
  if (end === ':') return push(state, text, modifier ?? '(?:', ')')
  state.at += text.length
  state.atom = -1
  const level = state.levels.at(-1)
  if (modifier === undefined || !level) return
  level.modifiers = [...level.modifiers, modifier]
  state.out += modifier
}

/** JavaScript's way to open a part with these flags; undefined where nothing changes: `i`, `s` and `u` are always on. */
function modifierFor(on: string, off: string): string | undefined {
  const unknown = /[^imsu]/.exec(on + off)?.[0]
  if (unknown !== undefined) throw new NotTranslatable(`the flag ${unknown} is not supported`)
  const added = on.includes('m') ? 'm' : ''
  const removed = [...new Set(off.replaceAll('u', ''))].filter((flag) => !on.includes(flag)).join('')
  if (added === '' && removed === '') return undefined
  return `(?${added}${removed === '' ? '' : `-${removed}`}:`
}

function push(state: State, read: string, written: string, closing: string): void {
  if (state.levels.length > 200) throw new NotTranslatable('groups nested too deeply')
  state.at += read.length
  state.levels.push({ closing, start: state.out.length, modifiers: [] })
  state.out += written
  state.atom = -1
}

function close(state: State): void {
  state.at++
  const level = state.levels.length > 1 ? state.levels.pop() : undefined
  if (!level) {
    state.out += ')'
    return
  }
  state.out += ')'.repeat(level.modifiers.length) + level.closing
  state.atom = level.start
  // The two halves of an atomic group are one thing to a quantifier.
  if (level.closing.length > 1) state.out = `${state.out.slice(0, level.start)}(?:${state.out.slice(level.start)})`
}

/** Flags set in the middle hold for the later alternatives of the group too. */
function alternative(state: State): void {
  const modifiers = state.levels.at(-1)?.modifiers ?? []
  state.at++
  state.out += `${')'.repeat(modifiers.length)}|${modifiers.join('')}`
  state.atom = -1
}

function quantifier(state: State, sign: string): void {
  state.at += sign.length
  const suffix = state.source[state.at]
  if (suffix === '?') {
    state.at++
    state.out += `${sign}?`
  } else if (suffix === '+' && state.atom !== -1) {
    state.at++
    const name = `a${state.added++}`
    const repeated = state.out.slice(state.atom)
    state.out = `${state.out.slice(0, state.atom)}(?:(?=(?<${name}>${repeated}${sign}))\\k<${name}>)`
  } else state.out += sign
  // Java allows a{2}{3}; the engine will refuse what it does not know.
}
