/** Escapes of Java's regular expressions in JavaScript's words. */

/** Why a pattern has no translation, as a part of a sentence. */
export class NotTranslatable extends Error {}

const POSIX: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\x00-\\x7f',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '!-\\/:-@\\[-`\\{-~',
  Graph: '!-~',
  Print: ' -~',
  Blank: ' \\t',
  Cntrl: '\\x00-\\x1f\\x7f',
  XDigit: '0-9a-fA-F',
  Space: ' \\t\\n\\x0b\\f\\r',
}

const PROPERTIES: Readonly<Record<string, string>> = {
  javaLowerCase: 'Lowercase',
  javaUpperCase: 'Uppercase',
  javaAlphabetic: 'Alphabetic',
  javaLetter: 'L',
  javaDigit: 'Nd',
  javaWhitespace: 'White_Space',
}

/** Sets that JavaScript has no letter for; inside of brackets. */
const SETS: Readonly<Record<string, string>> = {
  h: ' \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000',
  v: '\\n\\x0b\\f\\r\\x85\\u2028\\u2029',
}

const FIXED: Readonly<Record<string, string>> = {
  a: '\\x07',
  e: '\\x1b',
}

/** What is written outside of classes only: a place, or more than one character. */
const PLACES: Readonly<Record<string, string>> = {
  A: '(?<![\\s\\S])',
  z: '(?![\\s\\S])',
  Z: '(?=\\n?(?![\\s\\S]))',
  R: '(?:\\r\\n|[\\n\\x0b\\f\\r\\x85\\u2028\\u2029])',
}

/** What JavaScript's `u` flag allows a backslash before, and takes for itself then. */
const SYNTAX = /^[\^$\\.*+?()[\]{}|/]$/

const TOKEN =
  /\\(?:x\{[\da-fA-F]{1,6}\}|x[\da-fA-F]{2}|u\{[\da-fA-F]{1,6}\}|u[\da-fA-F]{4}|0[0-3]?[0-7]{1,2}|c.|[pP](?:\{[^}]{0,64}\}|[A-Za-z])|[\s\S])/uy

/** A character that stands for itself. */
export function quoted(character: string, inClass: boolean): string {
  return SYNTAX.test(character) || (inClass && character === '-') ? `\\${character}` : character
}

/** The escape at `at`: how long it is, and what it is in JavaScript; inside of a class, what goes between its brackets. */
export function escapeOf(source: string, at: number, inClass: boolean): { length: number; text: string } {
  TOKEN.lastIndex = at
  const token = TOKEN.exec(source)?.[0]
  if (token === undefined) throw new NotTranslatable('it ends in a backslash')
  return { length: token.length, text: translated(token, inClass) }
}

function translated(token: string, inClass: boolean): string {
  const letter = token.charAt(1)
  const rest = token.slice(2)
  if (rest !== '') {
    if (letter === 'p' || letter === 'P') return property(rest.replace(/^\{|\}$/g, ''), letter === 'P', inClass)
    if (letter === 'c') return codePoint((rest.codePointAt(0) ?? 0) ^ 64)
    return codePoint(Number.parseInt(rest.replace(/[{}]/g, ''), letter === '0' ? 8 : 16))
  }
  const set = SETS[letter.toLowerCase()]
  if (set !== undefined) return bracketed(set, letter !== letter.toLowerCase(), inClass)
  const fixed = FIXED[letter]
  if (fixed !== undefined) return fixed
  const place = PLACES[letter]
  if (place !== undefined && !inClass) return place
  if (/[dDwWsStnrf]/.test(letter) || (!inClass && /[bB]/.test(letter))) return token
  if (/[A-Za-z0-9]/.test(letter)) throw new NotTranslatable(`${token} is not supported`)
  if (SYNTAX.test(letter)) return token
  return inClass ? codePoint(token.codePointAt(1) ?? 0) : token.slice(1)
}

function property(name: string, isNegated: boolean, inClass: boolean): string {
  const posix = POSIX[name]
  if (posix !== undefined) return bracketed(posix, isNegated, inClass)
  const bare = name.replace(/^Is/, '')
  const candidates = [PROPERTIES[name], name, bare, `Script=${bare}`, name.replace(/^(?:gc|general_category)=/i, '')]
  for (const candidate of candidates) {
    if (candidate === undefined || !/^[\w=]+$/.test(candidate)) continue
    const text = `\\${isNegated ? 'P' : 'p'}{${candidate}}`
    if (isKnown(text)) return text
  }
  throw new NotTranslatable(`\\p{${name}} is not supported`)
}

function isKnown(property: string): boolean {
  try {
    new RegExp(property, 'u')
    return true
  } catch {
    return false
  }
}

function bracketed(set: string, isNegated: boolean, inClass: boolean): string {
  if (!inClass) return `[${isNegated ? '^' : ''}${set}]`
  if (!isNegated) return set
  throw new NotTranslatable('a negated set such as \\H or \\P{Alpha} between brackets is not supported')
}

function codePoint(code: number): string {
  if (code > 0x10ffff) throw new NotTranslatable('a character beyond U+10FFFF')
  return `\\u{${code.toString(16)}}`
}
