/** What may come next in the object of a list, outside of its parts: keys, items and values. */
import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, isBlank, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './json-part.ts'

/** `first-key` and `first-item` come after an opening bracket: it may be closed at once. */
export type Expected =
  | 'list'
  | 'first-key'
  | 'key'
  | 'colon'
  | 'value'
  | 'comma'
  | 'first-item'
  | 'item'
  | 'item-comma'
  | 'nothing'

/** A part begins with the byte; or this comes next. */
export type Step = { readonly next: Expected } | { readonly part: 'key' | 'item' | 'value' } | 'malformed'

const AFTER: Readonly<Partial<Record<Expected, Readonly<Record<number, Expected>>>>> = {
  list: { [OPEN_BRACE]: 'first-key' },
  'first-key': { [CLOSE_BRACE]: 'nothing' },
  colon: { [COLON]: 'value' },
  comma: { [COMMA]: 'key', [CLOSE_BRACE]: 'nothing' },
  'first-item': { [CLOSE_BRACKET]: 'comma' },
  'item-comma': { [COMMA]: 'item', [CLOSE_BRACKET]: 'comma' },
}

const isMark = (byte: number): boolean =>
  byte === COMMA || byte === COLON || byte === CLOSE_BRACE || byte === CLOSE_BRACKET

/** `isItems`: the value is that of `items`, whose elements are parts of their own. */
export const stepOf = (expected: Expected, byte: number, isItems: boolean): Step => {
  if (isBlank(byte)) return { next: expected }
  const next = AFTER[expected]?.[byte]
  if (next !== undefined) return { next }
  if (isMark(byte)) return 'malformed'
  switch (expected) {
    case 'first-key':
    case 'key':
      return byte === QUOTE ? { part: 'key' } : 'malformed'
    case 'value':
      return isItems && byte === OPEN_BRACKET ? { next: 'first-item' } : { part: 'value' }
    case 'first-item':
    case 'item':
      return { part: 'item' }
    case 'list':
    case 'colon':
    case 'comma':
    case 'item-comma':
    case 'nothing':
      return 'malformed'
  }
}
