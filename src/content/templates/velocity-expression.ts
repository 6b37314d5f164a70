/** References and expressions of Velocity, read from the place where they begin. */
import type { Access, Block, Expression, Operator, Reference } from './velocity-tree.ts'

/** A place in a text. */
export interface Cursor {
  readonly text: string
  at: number
  /** How deep in expressions, blocks and texts within texts. */
  depth: number
  /** Reads text in double quotes, which is a template itself. */
  readonly interpolated: (text: string, depth: number) => Block
}

/** What is wrong, at a place. */
export class VelocityError extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

const MAX_DEPTH = 60

/** Goes one level down. */
export function deeper<T>(cursor: Cursor, read: () => T): T {
  if (++cursor.depth > MAX_DEPTH) throw new VelocityError(`nested more than ${MAX_DEPTH} deep`, cursor.at)
  const found = read()
  cursor.depth--
  return found
}

const NAME = /[A-Za-z_][\w-]{0,200}/y

/** A name at the place, if there is one. */
export function nameAt(cursor: Cursor): string | undefined {
  NAME.lastIndex = cursor.at
  const name = NAME.exec(cursor.text)?.[0]
  if (name !== undefined) cursor.at += name.length
  return name
}

/** A reference at the place; undefined, and the place as it was, where the dollar sign is just one. */
export function readReference(cursor: Cursor): Reference | undefined {
  const { text, at: start } = cursor
  if (text[start] !== '$') return undefined
  cursor.at++
  const isQuiet = text[cursor.at] === '!'
  if (isQuiet) cursor.at++
  const isWrapped = text[cursor.at] === '{'
  if (isWrapped) cursor.at++
  const name = nameAt(cursor)
  if (name === undefined) {
    cursor.at = start
    return undefined
  }
  const path = deeper(cursor, () => readPath(cursor))
  let fallback: Expression | undefined
  if (isWrapped) {
    if (text[cursor.at] === '|') {
      cursor.at++
      fallback = readExpression(cursor)
      skipBlank(cursor)
    }
    if (text[cursor.at] !== '}') {
      cursor.at = start
      return undefined
    }
    cursor.at++
  }
  const reference = { name, path, isQuiet, source: text.slice(start, cursor.at) }
  return fallback ? { ...reference, fallback } : reference
}

function readPath(cursor: Cursor): readonly Access[] {
  const path: Access[] = []
  for (;;) {
    const { text, at } = cursor
    if (text[at] === '[') {
      cursor.at++
      const index = readExpression(cursor)
      expect(cursor, ']')
      path.push({ kind: 'index', at: index })
      continue
    }
    if (text[at] !== '.') return path
    cursor.at++
    const name = nameAt(cursor)
    if (name === undefined) {
      cursor.at = at
      return path
    }
    if (text[cursor.at] === '(') path.push({ kind: 'method', name, args: readArguments(cursor) })
    else path.push({ kind: 'property', name })
  }
}

/** From one parenthesis to the other; commas between are optional, as macros have it. */
export function readArguments(cursor: Cursor): readonly Expression[] {
  expect(cursor, '(')
  const args: Expression[] = []
  for (;;) {
    skipBlank(cursor)
    if (cursor.text[cursor.at] === ')') {
      cursor.at++
      return args
    }
    args.push(readExpression(cursor))
    skipBlank(cursor)
    if (cursor.text[cursor.at] === ',') cursor.at++
  }
}

export function skipBlank(cursor: Cursor): void {
  while (/^\s/.test(cursor.text[cursor.at] ?? '')) cursor.at++
}

/** Steps over a character that must be there, and the blanks before it. */
export function expect(cursor: Cursor, character: string): void {
  skipBlank(cursor)
  if (cursor.text[cursor.at] === character) {
    cursor.at++
    return
  }
  const found =
    cursor.at < cursor.text.length ? JSON.stringify(cursor.text.slice(cursor.at, cursor.at + 12)) : 'the end'
  throw new VelocityError(`expected "${character}", got ${found}`, cursor.at)
}

/** From the loosest to the tightest. */
const LEVELS: readonly ReadonlyMap<string, Operator>[] = [
  new Map([
    ['||', '||'],
    ['or', '||'],
  ]),
  new Map([
    ['&&', '&&'],
    ['and', '&&'],
  ]),
  new Map([
    ['==', '=='],
    ['eq', '=='],
    ['!=', '!='],
    ['ne', '!='],
  ]),
  new Map([
    ['<=', '<='],
    ['le', '<='],
    ['>=', '>='],
    ['ge', '>='],
    ['<', '<'],
    ['lt', '<'],
    ['>', '>'],
    ['gt', '>'],
  ]),
  new Map([
    ['+', '+'],
    ['-', '-'],
  ]),
  new Map([
    ['*', '*'],
    ['/', '/'],
    ['%', '%'],
  ]),
]

export function readExpression(cursor: Cursor, level = 0): Expression {
  const operators = LEVELS[level]
  if (!operators) return deeper(cursor, () => readUnary(cursor))
  let left = readExpression(cursor, level + 1)
  for (let count = 0; ; count++) {
    const operator = operatorAt(cursor, operators)
    if (!operator) return left
    // Each goes one level deeper where it is evaluated.
    if (count > 1000) throw new VelocityError('an expression of more than 1000 parts', cursor.at)
    left = { kind: 'binary', operator, left, right: readExpression(cursor, level + 1) }
  }
}

const OPERATOR = /\|\||&&|==|!=|<=|>=|[<>+\-*/%]|(?:or|and|eq|ne|le|ge|lt|gt)\b/y

function operatorAt(cursor: Cursor, operators: ReadonlyMap<string, Operator>): Operator | undefined {
  skipBlank(cursor)
  OPERATOR.lastIndex = cursor.at
  const written = OPERATOR.exec(cursor.text)?.[0]
  const operator = written === undefined ? undefined : operators.get(written)
  if (operator) cursor.at += written?.length ?? 0
  return operator
}

function readUnary(cursor: Cursor): Expression {
  skipBlank(cursor)
  const { text } = cursor
  const character = text[cursor.at]
  if (character === '!' || /^not\b/.test(text.slice(cursor.at, cursor.at + 4))) {
    cursor.at += character === '!' ? 1 : 3
    return { kind: 'not', of: deeper(cursor, () => readUnary(cursor)) }
  }
  if (character === '-') {
    cursor.at++
    return { kind: 'minus', of: deeper(cursor, () => readUnary(cursor)) }
  }
  if (character === '(') {
    cursor.at++
    const inner = readExpression(cursor)
    expect(cursor, ')')
    return inner
  }
  return readPrimary(cursor)
}

function readPrimary(cursor: Cursor): Expression {
  const { text, at } = cursor
  switch (text[at]) {
    case '$': {
      const reference = readReference(cursor)
      if (reference) return { kind: 'reference', reference }
      break
    }
    case "'":
      return { kind: 'constant', value: readQuoted(cursor, "'") }
    case '"': {
      const inner = readQuoted(cursor, '"')
      if (!/[$#]/.test(inner)) return { kind: 'constant', value: inner }
      return { kind: 'text', body: deeper(cursor, () => cursor.interpolated(inner, cursor.depth)) }
    }
    case '[':
      return readList(cursor)
    case '{':
      return readMap(cursor)
    default:
      break
  }
  const constant = readConstant(cursor)
  if (constant) return constant
  const found = at < text.length ? JSON.stringify(text.slice(at, at + 12)) : 'the end'
  throw new VelocityError(`expected a value, got ${found}`, at)
}

const NUMBER = /\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?/y

function readConstant(cursor: Cursor): Expression | undefined {
  NUMBER.lastIndex = cursor.at
  const number = NUMBER.exec(cursor.text)?.[0]
  if (number !== undefined) {
    // [1..3] is a range: the dot is not of the number.
    cursor.at += number.length
    const value = Number(number)
    const isDecimal = /[.eE]/.test(number) && Number.isInteger(value)
    return { kind: 'constant', value: isDecimal ? { decimal: value } : value }
  }
  const { at } = cursor
  const name = nameAt(cursor)
  if (name === 'true' || name === 'false') return { kind: 'constant', value: name === 'true' }
  if (name === 'null') return { kind: 'constant', value: null }
  cursor.at = at
  return undefined
}

/** Two quotes within stand for one. */
function readQuoted(cursor: Cursor, quote: string): string {
  const { text, at: start } = cursor
  for (let at = start + 1; ; ) {
    const end = text.indexOf(quote, at)
    if (end === -1) throw new VelocityError('text in quotes that does not end', start)
    if (text[end + 1] === quote) at = end + 2
    else {
      cursor.at = end + 1
      return text.slice(start + 1, end).replaceAll(quote + quote, quote)
    }
  }
}

function readList(cursor: Cursor): Expression {
  cursor.at++
  const items: Expression[] = []
  for (;;) {
    skipBlank(cursor)
    if (cursor.text[cursor.at] === ']') {
      cursor.at++
      return { kind: 'list', items }
    }
    items.push(readExpression(cursor))
    skipBlank(cursor)
    const [from] = items
    if (items.length === 1 && from && cursor.text.startsWith('..', cursor.at)) {
      cursor.at += 2
      const to = readExpression(cursor)
      expect(cursor, ']')
      return { kind: 'range', from, to }
    }
    if (cursor.text[cursor.at] === ',') cursor.at++
    else if (cursor.text[cursor.at] !== ']') expect(cursor, ',')
  }
}

function readMap(cursor: Cursor): Expression {
  cursor.at++
  const entries: (readonly [Expression, Expression])[] = []
  for (;;) {
    skipBlank(cursor)
    if (cursor.text[cursor.at] === '}') {
      cursor.at++
      return { kind: 'map', entries }
    }
    const name = readExpression(cursor)
    expect(cursor, ':')
    entries.push([name, readExpression(cursor)])
    skipBlank(cursor)
    if (cursor.text[cursor.at] === ',') cursor.at++
    else if (cursor.text[cursor.at] !== '}') expect(cursor, ',')
  }
}
