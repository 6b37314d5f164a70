/**
 * Velocity templates read in one pass, in time that goes with their length. Written here because the parsers there are
 * in JavaScript do not end on some texts.
 */
import {
  type Cursor,
  deeper,
  expect,
  nameAt,
  readArguments,
  readExpression,
  readReference,
  skipBlank,
  VelocityError,
} from './velocity-expression.ts'
import type { Block, Branch, Part } from './velocity-tree.ts'

/** The template as a tree, or what is wrong with it and where. */
export function parseVelocity(text: string): { readonly block: Block } | { readonly problem: string } {
  try {
    return { block: readTemplate(text, 0) }
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error
    const line = text.slice(0, error.at).split('\n').length
    return { problem: `line ${line}: ${error.message}` }
  }
}

function readTemplate(text: string, depth: number): Block {
  const interpolated = (inner: string, innerDepth: number): Block => readTemplate(inner, innerDepth)
  const cursor: Cursor = { text, at: 0, depth, interpolated }
  const { parts, ending } = readBlock(cursor)
  if (ending) throw new VelocityError(`#${ending} without the #if or #foreach it belongs to`, cursor.at)
  return parts
}

/** What ends a block: the directive is read already. */
type Ending = 'end' | 'else' | 'elseif' | undefined

function readBlock(cursor: Cursor): { readonly parts: Part[]; readonly ending: Ending } {
  const parts: Part[] = []
  const { text } = cursor
  let from = cursor.at
  const flush = (to: number): void => {
    if (to > from) parts.push(text.slice(from, to))
  }
  while (cursor.at < text.length) {
    const start = nextSpecial(text, cursor.at)
    if (start === -1) break
    cursor.at = start
    if (text[start] === '\\') {
      cursor.at++
      // A backslash takes the meaning from what follows, and is not printed.
      const read = readSpecial(cursor, true)
      if (read === undefined) continue
      flush(start)
      from = start + 1
      continue
    }
    const read = readSpecial(cursor, false)
    if (read === undefined) continue
    const { isLineOnly, before } = read.isDirective ? aloneOnLine(cursor, start) : { isLineOnly: false, before: start }
    flush(before)
    if (read.part !== undefined && read.part !== '') parts.push(read.part)
    if (isLineOnly) cursor.at = text.indexOf('\n', cursor.at) + 1 || text.length
    from = cursor.at
    if (read.ending) return { parts, ending: read.ending }
  }
  flush(text.length)
  cursor.at = text.length
  return { parts, ending: undefined }
}

function nextSpecial(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x24 || code === 0x23) return at
    if (code === 0x5c && (text[at + 1] === '$' || text[at + 1] === '#')) return at
  }
  return -1
}

/** A directive with nothing but blanks on its line takes the line with it. */
function aloneOnLine(cursor: Cursor, start: number): { readonly isLineOnly: boolean; readonly before: number } {
  const { text } = cursor
  let before = start
  while (before > 0 && (text[before - 1] === ' ' || text[before - 1] === '\t')) before--
  let after = cursor.at
  while (text[after] === ' ' || text[after] === '\t' || text[after] === '\r') after++
  const isLineOnly = (before === 0 || text[before - 1] === '\n') && (after >= text.length || text[after] === '\n')
  return { isLineOnly, before: isLineOnly ? before : start }
}

interface Special {
  readonly part?: Part
  readonly ending?: Ending
  readonly isDirective: boolean
}

/** What begins with `$` or `#`; undefined, and the place one further, where the character is just one. */
function readSpecial(cursor: Cursor, isEscaped: boolean): Special | undefined {
  const { text, at: start } = cursor
  if (text[start] === '$') {
    const reference = readReference(cursor)
    if (reference) return { part: { kind: 'reference', reference }, isDirective: false }
    cursor.at = start + 1
    return undefined
  }
  if (isEscaped) {
    // Only the sign loses its meaning: what stands in parentheses behind it is read as text.
    cursor.at = start + 1
    return /[a-z{#*[]/i.test(text[start + 1] ?? '') ? { isDirective: false } : undefined
  }
  const comment = readComment(cursor)
  if (comment !== undefined) return comment
  return readDirective(cursor)
}

function readComment(cursor: Cursor): Special | undefined {
  const { text, at } = cursor
  if (text.startsWith('##', at)) {
    const end = text.indexOf('\n', at)
    cursor.at = end === -1 ? text.length : end
    return { isDirective: true }
  }
  if (text.startsWith('#*', at)) {
    const end = text.indexOf('*#', at + 2)
    if (end === -1) throw new VelocityError('#* without *#', at)
    cursor.at = end + 2
    return { isDirective: true }
  }
  if (!text.startsWith('#[[', at)) return undefined
  const end = text.indexOf(']]#', at + 3)
  if (end === -1) throw new VelocityError('#[[ without ]]#', at)
  cursor.at = end + 3
  return { part: text.slice(at + 3, end), isDirective: false }
}

function readDirective(cursor: Cursor): Special | undefined {
  const { text, at: start } = cursor
  cursor.at++
  const isWrapped = text[cursor.at] === '{'
  if (isWrapped) cursor.at++
  const name = nameAt(cursor)
  const isClosed = !isWrapped || text[cursor.at] === '}'
  if (name === undefined || !isClosed) {
    cursor.at = start + 1
    return undefined
  }
  if (isWrapped) cursor.at++
  const read = READERS.get(name)
  if (read) return deeper(cursor, () => read(cursor, start))
  const ending = endingIn(name)
  if (ending) {
    // #elsewhere is #else and text, as it is for Velocity.
    if (!isWrapped) cursor.at = start + 1 + ending.length
    return { ending, isDirective: true }
  }
  if (text[cursor.at] !== '(') {
    cursor.at = start + 1
    return undefined
  }
  const args = readArguments(cursor)
  return { part: { kind: 'call', name, args, source: text.slice(start, cursor.at) }, isDirective: false }
}

function endingIn(name: string): Ending {
  if (name.startsWith('elseif')) return 'elseif'
  if (name.startsWith('else')) return 'else'
  return name.startsWith('end') ? 'end' : undefined
}

const other = (cursor: Cursor, name: string): never => {
  throw new VelocityError(`#${name} is not supported: a template reads and runs no other text`, cursor.at)
}

const READERS = new Map<string, (cursor: Cursor, start: number) => Special>([
  ['set', readSet],
  ['if', readIf],
  ['foreach', readForeach],
  ['macro', readMacro],
  ['define', readDefine],
  ['break', () => ({ part: { kind: 'break' }, isDirective: true })],
  ['stop', () => ({ part: { kind: 'stop' }, isDirective: true })],
  ['parse', (cursor) => other(cursor, 'parse')],
  ['include', (cursor) => other(cursor, 'include')],
  ['evaluate', (cursor) => other(cursor, 'evaluate')],
])

function readSet(cursor: Cursor): Special {
  expect(cursor, '(')
  skipBlank(cursor)
  const target = readReference(cursor)
  if (!target) throw new VelocityError('#set needs a $name', cursor.at)
  expect(cursor, '=')
  const value = readExpression(cursor)
  expect(cursor, ')')
  return { part: { kind: 'set', target, value }, isDirective: true }
}

function readIf(cursor: Cursor, start: number): Special {
  const branches: Branch[] = []
  for (let hasCondition = true; ; ) {
    const condition = hasCondition ? readCondition(cursor) : undefined
    eatLine(cursor, start, branches.length === 0)
    const { parts, ending } = readBlock(cursor)
    branches.push({ condition, body: parts })
    if (ending === 'end') return { part: { kind: 'if', branches }, isDirective: false }
    if (ending === undefined) throw new VelocityError('#if without #end', start)
    if (!hasCondition) throw new VelocityError(`#${ending} behind #else`, cursor.at)
    hasCondition = ending === 'elseif'
  }
}

function readCondition(cursor: Cursor) {
  expect(cursor, '(')
  const condition = readExpression(cursor)
  expect(cursor, ')')
  return condition
}

/** The end of the line on which a block opens, where nothing else stands on it. */
function eatLine(cursor: Cursor, start: number, isFirst: boolean): void {
  if (!isFirst) return
  if (aloneOnLine(cursor, start).isLineOnly) cursor.at = cursor.text.indexOf('\n', cursor.at) + 1 || cursor.text.length
}

function readBody(cursor: Cursor, start: number, what: string): Block {
  eatLine(cursor, start, true)
  const { parts, ending } = readBlock(cursor)
  if (ending === 'end') return parts
  throw new VelocityError(ending ? `#${ending} in #${what}` : `#${what} without #end`, start)
}

function readForeach(cursor: Cursor, start: number): Special {
  expect(cursor, '(')
  skipBlank(cursor)
  const item = readReference(cursor)
  if (!item || item.path.length > 0) throw new VelocityError('#foreach needs a $name', cursor.at)
  skipBlank(cursor)
  if (nameAt(cursor) !== 'in') throw new VelocityError('#foreach needs "in"', cursor.at)
  const items = readExpression(cursor)
  expect(cursor, ')')
  eatLine(cursor, start, true)
  const { parts: body, ending } = readBlock(cursor)
  if (ending === undefined) throw new VelocityError('#foreach without #end', start)
  if (ending === 'elseif') throw new VelocityError('#elseif in #foreach', cursor.at)
  const otherwise = ending === 'else' ? readBody(cursor, start, 'foreach') : []
  return { part: { kind: 'foreach', name: item.name, items, body, otherwise }, isDirective: false }
}

function readMacro(cursor: Cursor, start: number): Special {
  expect(cursor, '(')
  skipBlank(cursor)
  const name = nameAt(cursor)
  if (name === undefined) throw new VelocityError('#macro needs a name', cursor.at)
  const parameters: string[] = []
  for (;;) {
    skipBlank(cursor)
    if (cursor.text[cursor.at] === ',') cursor.at++
    else if (cursor.text[cursor.at] === ')') break
    else {
      const parameter = readReference(cursor)
      if (!parameter) throw new VelocityError('the parameters of a #macro are $names', cursor.at)
      parameters.push(parameter.name)
    }
  }
  cursor.at++
  return { part: { kind: 'macro', name, parameters, body: readBody(cursor, start, 'macro') }, isDirective: true }
}

function readDefine(cursor: Cursor, start: number): Special {
  expect(cursor, '(')
  skipBlank(cursor)
  const target = readReference(cursor)
  if (!target) throw new VelocityError('#define needs a $name', cursor.at)
  expect(cursor, ')')
  return { part: { kind: 'define', name: target.name, body: readBody(cursor, start, 'define') }, isDirective: true }
}
