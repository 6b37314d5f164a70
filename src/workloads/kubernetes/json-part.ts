/** Finds where one value of a JSON text ends, over any number of pieces. It knows strings, escapes and brackets. */

export interface JsonPart {
  /** A value begins with this byte, which is not read again. */
  begin(byte: number): void
  /** Reads on from `from`. */
  read(chunk: Uint8Array, from: number): PartEnd
}

export interface PartEnd {
  /** The index after the last byte of the value in this chunk. */
  readonly end: number
  readonly state: 'over' | 'goes_on' | 'too_deep'
}

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_BRACE = 0x7b
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACE = 0x7d
export const CLOSE_BRACKET = 0x5d

export const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** `mostDepth` brackets within brackets. */
export const createJsonPart = (mostDepth: number): JsonPart => {
  let depth = 0
  let isInString = false
  let isEscaped = false
  let isScalar = false

  /** Whether the value is over with this byte. */
  const takes = (byte: number): boolean => {
    if (isInString) {
      if (isEscaped) isEscaped = false
      else if (byte === BACKSLASH) isEscaped = true
      else if (byte === QUOTE) {
        isInString = false
        return depth === 0
      }
    } else if (byte === QUOTE) isInString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1
      return depth === 0
    }
    return false
  }
  /** A number or a word ends before the byte that is none of it. */
  const endOfScalar = (chunk: Uint8Array, from: number): PartEnd => {
    for (let end = from; end < chunk.length; end += 1) {
      const byte = chunk[end] ?? 0
      const isNext = byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isBlank(byte)
      if (isNext) return { end, state: 'over' }
    }
    return { end: chunk.length, state: 'goes_on' }
  }
  return {
    begin: (byte) => {
      depth = byte === OPEN_BRACE || byte === OPEN_BRACKET ? 1 : 0
      isInString = byte === QUOTE
      isScalar = depth === 0 && !isInString
      isEscaped = false
    },
    read: (chunk, from) => {
      if (isScalar) return endOfScalar(chunk, from)
      for (let at = from; at < chunk.length; at += 1) {
        if (takes(chunk[at] ?? 0)) return { end: at + 1, state: 'over' }
        if (depth > mostDepth) return { end: at, state: 'too_deep' }
      }
      return { end: chunk.length, state: 'goes_on' }
    },
  }
}
