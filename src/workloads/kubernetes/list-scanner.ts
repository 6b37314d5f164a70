/**
 * Cuts a list of objects into its parts while it arrives. Of `{"kind":…,"metadata":{…},"items":[{…},{…}]}` each element of
 * `items` is handed over as text of its own, and kind and metadata are kept; so the whole list is never in memory. It knows
 * strings, escapes and brackets and nothing else of JSON: what is in a part is for JSON.parse to judge.
 */
import { createByteStore } from './byte-store.ts'

export interface ListLimits {
  /** Bytes of one item. */
  readonly itemBytes: number
  /** Bytes of one whole list. */
  readonly listBytes: number
  /** Brackets within brackets. */
  readonly depth: number
}

export type ScanFault = 'malformed' | 'too_large'

export interface ListScanner {
  /** What is wrong, once something is; nothing is handed over from then on. */
  push(chunk: Uint8Array): ScanFault | undefined
  /** The text of `kind` and `metadata`, JSON both, where the list ended well and had them. */
  end(): { readonly kind?: string; readonly metadata?: string } | ScanFault
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
/** A key of the list that is longer is none that we know. */
const MOST_KEY_BYTES = 256
const MOST_METADATA_BYTES = 64 * 1024

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** What comes next, outside of a part that is being gathered. */
type Expected = 'list' | 'key' | 'colon' | 'value' | 'comma' | 'item' | 'item-comma' | 'nothing'

/** `item` is called with the JSON text of each; what it throws goes through. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one state machine, whose state is its variables
export const createListScanner = (limits: ListLimits, item: (text: string) => void): ListScanner => {
  const store = createByteStore(Math.max(limits.itemBytes, MOST_METADATA_BYTES))
  const kept = new Map<string, string>()
  let expected: Expected = 'list'
  let fault: ScanFault | undefined
  let bytes = 0
  let key = ''
  let hasSeenItems = false
  let mayEnd = false
  // Of the part that is being gathered: a key, an item, or a value of the list.
  let part: 'none' | 'key' | 'item' | 'kept' | 'passed' = 'none'
  let limit = 0
  let depth = 0
  let isInString = false
  let isEscaped = false
  let isScalar = false

  const begin = (what: typeof part, most: number, byte: number): void => {
    part = what
    limit = most
    depth = byte === OPEN_BRACE || byte === OPEN_BRACKET ? 1 : 0
    isInString = byte === QUOTE
    isScalar = depth === 0 && !isInString
    isEscaped = false
  }
  const finish = (): void => {
    const ended = part
    part = 'none'
    if (ended === 'passed') expected = 'comma'
    else if (ended === 'item') {
      expected = 'item-comma'
      item(store.takeText())
    } else if (ended === 'key') {
      expected = 'colon'
      key = store.takeText()
    } else {
      expected = 'comma'
      kept.set(key, store.takeText())
    }
  }
  const beginValue = (byte: number): void => {
    if (key === '"items"') {
      if (hasSeenItems) {
        fault = 'malformed'
        return
      }
      hasSeenItems = true
      if (byte === OPEN_BRACKET) {
        expected = 'item'
        mayEnd = true
        return
      }
      // `null` is what an empty list may be.
      return begin('passed', 0, byte)
    }
    const isKept = key === '"kind"' || key === '"metadata"'
    begin(isKept ? 'kept' : 'passed', MOST_METADATA_BYTES, byte)
  }

  /** One byte that belongs to no part; a part may begin with it. */
  const between = (byte: number): void => {
    if (isBlank(byte)) return
    const wasFirst = mayEnd
    mayEnd = false
    if (expected === 'list' && byte === OPEN_BRACE) {
      expected = 'key'
      mayEnd = true
    } else if (expected === 'key' && byte === QUOTE) begin('key', MOST_KEY_BYTES, byte)
    else if (expected === 'colon' && byte === COLON) expected = 'value'
    else if (expected === 'comma' && byte === COMMA) expected = 'key'
    else if (expected === 'item-comma' && byte === COMMA) expected = 'item'
    else if (expected === 'item-comma' && byte === CLOSE_BRACKET) expected = 'comma'
    else if (expected === 'item' && byte === CLOSE_BRACKET && wasFirst) expected = 'comma'
    else if (expected === 'comma' && byte === CLOSE_BRACE) expected = 'nothing'
    else if (expected === 'key' && byte === CLOSE_BRACE && wasFirst) expected = 'nothing'
    else if (byte === COMMA || byte === COLON || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) fault = 'malformed'
    else if (expected === 'value') beginValue(byte)
    else if (expected === 'item') begin('item', limits.itemBytes, byte)
    else fault = 'malformed'
  }

  /** How far the part goes in this chunk: the index after its last byte, or the length where it goes on. */
  const within = (chunk: Uint8Array, from: number): { readonly end: number; readonly isOver: boolean } => {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at]
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) {
          isInString = false
          if (depth === 0) return { end: at + 1, isOver: true }
        }
      } else if (isScalar) {
        if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isBlank(byte ?? 0)) {
          return { end: at, isOver: true }
        }
      } else if (byte === QUOTE) isInString = true
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1
        if (depth > limits.depth) {
          fault = 'too_large'
          return { end: at, isOver: false }
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1
        if (depth === 0) return { end: at + 1, isOver: true }
      }
    }
    return { end: chunk.length, isOver: false }
  }

  return {
    push: (chunk) => {
      bytes += chunk.length
      if (bytes > limits.listBytes) fault ??= 'too_large'
      let at = 0
      while (!fault && at < chunk.length) {
        const first = at
        if (part === 'none') {
          between(chunk[at] ?? 0)
          at += 1
          if (part === 'none') continue
        }
        const { end, isOver } = within(chunk, at)
        at = end
        const wants = part !== 'passed'
        if (wants && (store.length + end - first > limit || !store.append(chunk.subarray(first, end))))
          fault = 'too_large'
        else if (isOver && !fault) finish()
      }
      if (fault) store.clear()
      return fault
    },
    end: () => {
      if (fault) return fault
      if (expected !== 'nothing' || part !== 'none') return 'malformed'
      const kind = kept.get('"kind"')
      const metadata = kept.get('"metadata"')
      return { ...(kind !== undefined && { kind }), ...(metadata !== undefined && { metadata }) }
    },
  }
}
