/**
 * JSON as people write it by hand, made strict: comments, names without quotes, single quotes, commas at the end, line
 * ends within strings, zeros before a number. MockServer's parser takes all of these. One pass, no recursion; lines stay
 * where they are, so that the parser's complaint names the right one.
 */
export type Relaxed = { readonly text: string } | 'too_deep'

interface Cursor {
  readonly source: string
  at: number
  readonly out: string[]
  /** The brackets that are open. */
  readonly open: string[]
  /** What came last, white space and comments aside: a bracket, `,`, `:`, or `v` for a value or a name. */
  last: string
  /** Where in `out` a comma stands that nothing has followed yet, and only if a value stands before it. */
  commaAt: number
}

const SPACE = /[\s\ufeff]+/y
const LINE_COMMENT = /(?:\/\/|#)[^\n\r]*/y
const WORD = /[^\s,:{}[\]"'#/]+/y
const ESCAPES = '"\\/bfnrtu'

/** The text as strict JSON, or at least with nothing left in it that only we understand. */
export function relaxJson(source: string, maxDepth: number): Relaxed {
  const cursor: Cursor = { source, at: 0, out: [], open: [], last: '', commaAt: -1 }
  while (cursor.at < source.length) {
    takeOne(cursor)
    if (cursor.open.length > maxDepth) return 'too_deep'
  }
  return { text: cursor.out.join('') }
}

function takeOne(cursor: Cursor): void {
  const character = cursor.source.charAt(cursor.at)
  if (character === '"' || character === "'") return takeString(cursor, character)
  if ('{}[],:'.includes(character)) return takeSign(cursor, character)
  const blank = matched(cursor, SPACE) ?? matched(cursor, LINE_COMMENT) ?? blockComment(cursor)
  if (blank !== undefined) {
    cursor.out.push(blank.replace(/[^\n]+/g, ' '))
    return
  }
  const word = matched(cursor, WORD)
  if (word === undefined) {
    cursor.at++
    cursor.out.push(character)
  } else {
    cursor.out.push(isName(cursor) ? JSON.stringify(word) : word.replace(/^(-?)0+(?=\d)/, '$1'))
  }
  cursor.last = 'v'
}

function isName({ open, last }: Cursor): boolean {
  return open.at(-1) === '{' && (last === '{' || last === ',')
}

function takeSign(cursor: Cursor, sign: string): void {
  const { out, open } = cursor
  if (sign === '{' || sign === '[') open.push(sign)
  else if (sign === '}' || sign === ']') {
    open.pop()
    if (cursor.last === ',' && cursor.commaAt !== -1) out[cursor.commaAt] = ''
  }
  if (sign === ',') cursor.commaAt = 'v}]'.includes(cursor.last) ? out.length : -1
  out.push(sign)
  cursor.last = sign
  cursor.at++
}

function takeString(cursor: Cursor, quote: string): void {
  const { source } = cursor
  const parts = ['"']
  let from = cursor.at + 1
  let at = from
  const replace = (length: number, text: string): void => {
    parts.push(source.slice(from, at), text)
    at += length
    from = at
  }
  while (at < source.length && source[at] !== quote) {
    const character = source.charAt(at)
    if (character === '\\') {
      const next = source.charAt(at + 1)
      if (next !== '' && ESCAPES.includes(next)) at += 2
      // Any other character behind a backslash is itself.
      else replace(2, next === '' ? '' : JSON.stringify(next).slice(1, -1))
    } else if (character === '"' || character < ' ') replace(1, JSON.stringify(character).slice(1, -1))
    else at++
  }
  const isClosed = at < source.length
  parts.push(source.slice(from, at), isClosed ? '"' : '')
  cursor.out.push(parts.join(''))
  cursor.at = isClosed ? at + 1 : source.length
  cursor.last = 'v'
}

/** One that is never closed goes to the end. */
function blockComment(cursor: Cursor): string | undefined {
  const { source, at } = cursor
  if (!source.startsWith('/*', at)) return undefined
  const end = source.indexOf('*/', at + 2)
  cursor.at = end === -1 ? source.length : end + 2
  return source.slice(at, cursor.at)
}

function matched(cursor: Cursor, token: RegExp): string | undefined {
  token.lastIndex = cursor.at
  const [text] = token.exec(cursor.source) ?? []
  if (text !== undefined) cursor.at += text.length
  return text
}
