/**
 * Regular expressions as trees, with the set of characters each part may begin with. Only what `pattern-cost.ts` asks
 * is kept: names, captures and laziness do not change what can be matched.
 */

/** The characters an atom may begin with: one bit per latin1 character, and one for all the others. */
export type CharacterSet = bigint
export const NONE: CharacterSet = 0n
const OTHERS: CharacterSet = 1n << 256n
export const ANY: CharacterSet = (1n << 257n) - 1n

export type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'characters'; readonly set: CharacterSet; readonly literal: string | undefined }
  | { readonly kind: 'backreference' }
  | { readonly kind: 'look'; readonly body: Node }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'choice'; readonly branches: readonly Node[] }
  | { readonly kind: 'repeat'; readonly body: Node; readonly min: number; readonly max: number }

const MAX_DEPTH = 50

/**
 * The tree of `source`, which must already be a valid pattern for the `u` flag. Undefined when groups are nested more
 * than 50 deep.
 */
export function parsePattern(source: string): Node | undefined {
  return parseChoice({ source, at: 0, depth: 0 })
}

interface Cursor {
  readonly source: string
  at: number
  depth: number
}

function parseChoice(cursor: Cursor): Node | undefined {
  if (++cursor.depth > MAX_DEPTH) return undefined
  const branches: Node[] = []
  do {
    const items: Node[] = []
    while (cursor.at < cursor.source.length && !'|)'.includes(cursor.source.charAt(cursor.at))) {
      const atom = parseAtom(cursor)
      if (!atom) return undefined
      items.push(quantified(cursor, atom))
    }
    branches.push({ kind: 'sequence', items })
  } while (cursor.source[cursor.at] === '|' && ++cursor.at)
  cursor.depth--
  const only = branches[0]
  return branches.length === 1 && only ? only : { kind: 'choice', branches }
}

const GROUP = /\((?:\?(?:<?[=!]|<[^>]*>|[a-z-]*:))?/y
const CLASS = /\[(?:\\.|[^\]\\])*\]/suy
const ESCAPE = /\\(?:k<[^>]*>|u\{[^}]*\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|[pPk][{<][^}>]*[}>]|\d+|.)/isuy

function parseAtom(cursor: Cursor): Node | undefined {
  const character = String.fromCodePoint(cursor.source.codePointAt(cursor.at) ?? 0)
  switch (character) {
    case '(': {
      const opening = take(cursor, GROUP)
      const body = parseChoice(cursor)
      cursor.at++
      return body && (/[=!]$/.test(opening) ? { kind: 'look', body } : body)
    }
    case '[':
      return anyOf(take(cursor, CLASS))
    case '\\':
      return escaped(take(cursor, ESCAPE))
    case '^':
    case '$':
      cursor.at++
      return { kind: 'empty' }
    default:
      cursor.at += character.length
      return character === '.' ? anyOf(character) : literal(character)
  }
}

function take(cursor: Cursor, token: RegExp): string {
  token.lastIndex = cursor.at
  const text = token.exec(cursor.source)?.[0] ?? cursor.source.charAt(cursor.at)
  cursor.at += text.length
  return text
}

function escaped(text: string): Node {
  if (/^\\b$/i.test(text)) return { kind: 'empty' }
  if (/^\\(?:[1-9]|k)/.test(text)) return { kind: 'backreference' }
  return /^\\[^\w\s]$/u.test(text) ? literal(text.slice(1)) : anyOf(text)
}

const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y

function quantified(cursor: Cursor, body: Node): Node {
  QUANTIFIER.lastIndex = cursor.at
  const match = QUANTIFIER.exec(cursor.source)
  if (!match) return body
  cursor.at += match[0].length
  const [sign, from, comma, to] = match
  if (from === undefined) {
    return { kind: 'repeat', body, min: sign.startsWith('+') ? 1 : 0, max: sign.startsWith('?') ? 1 : Infinity }
  }
  const max = comma === undefined ? Number(from) : to ? Number(to) : Infinity
  return { kind: 'repeat', body, min: Number(from), max }
}

const known = new Map<string, CharacterSet>()
const KNOWN_CAPACITY = 1000

function literal(character: string): Node {
  const set = bit(character.toLowerCase()) | bit(character.toUpperCase())
  return { kind: 'characters', set, literal: character }
}

/** What a class, an escape or the dot stands for is asked of the engine itself, once. */
function anyOf(atom: string): Node {
  let set = known.get(atom)
  if (set === undefined) {
    set = askEngine(atom)
    if (known.size >= KNOWN_CAPACITY) known.clear()
    known.set(atom, set)
  }
  return { kind: 'characters', set, literal: undefined }
}

function askEngine(atom: string): CharacterSet {
  const regex = new RegExp(`^${atom}$`, 'siu')
  let set = regex.test('中') || /[^ -~]|\\[up]/iu.test(atom) ? OTHERS : NONE
  for (let code = 0; code < 256; code++) if (regex.test(String.fromCharCode(code))) set |= 1n << BigInt(code)
  return set
}

function bit(character: string): CharacterSet {
  const code = character.charCodeAt(0)
  return code < 256 && character.length === 1 ? 1n << BigInt(code) : OTHERS
}

/** Whether it can match nothing at all. */
export function isNullable(node: Node): boolean {
  switch (node.kind) {
    case 'characters':
      return false
    case 'sequence':
      return node.items.every(isNullable)
    case 'choice':
      return node.branches.some(isNullable)
    case 'repeat':
      return node.min === 0 || isNullable(node.body)
    default:
      return true
  }
}

/** The characters a match that is not empty may begin with. */
export function firstOf(node: Node): CharacterSet {
  switch (node.kind) {
    case 'characters':
      return node.set
    case 'sequence': {
      let set = NONE
      for (const item of node.items) {
        set |= firstOf(item)
        if (!isNullable(item)) break
      }
      return set
    }
    case 'choice':
      return node.branches.reduce((set, branch) => set | firstOf(branch), NONE)
    case 'repeat':
      return firstOf(node.body)
    case 'backreference':
      return ANY
    default:
      return NONE
  }
}

/** The ASCII characters that every match begins with, in lower case. */
export function prefixOf(root: Node): string {
  let prefix = ''
  for (const node of root.kind === 'sequence' ? root.items : []) {
    if (node.kind === 'empty') continue
    if (node.kind !== 'characters' || node.literal === undefined || node.literal > '\x7f') break
    prefix += node.literal.toLowerCase()
  }
  return prefix
}
