import { CR, HEX_VALUE, IS_VALUE, LF, SEMICOLON } from './bytes.ts'
import { parseFields } from './fields.ts'
import type { Limits } from './limits.ts'

/** What the next byte must be. `data` is the only one that takes more than a byte at a time. */
type Phase = 'size' | 'extension' | 'size_lf' | 'data' | 'data_cr' | 'data_lf' | 'trailer' | 'done' | 'bad'

/** How far the decoding of one chunked body has come. */
export interface ChunkedState {
  phase: Phase
  /** Of the chunk whose size line is being read, then the bytes of it still to come. */
  size: number
  sizeDigits: number
  extensionBytes: number
  payloadBytes: number
  /** The trailer section so far; in nearly every body just CRLF. */
  readonly section: number[]
  trailers: readonly string[]
  /** Why the phase is `bad`. */
  why: string
}

/** Leading zeros are legal, endless ones are not. */
const MAX_SIZE_DIGITS = 16

/** Trailer fields that would reframe or reroute the message they follow. */
const NOT_IN_TRAILERS = new Set([
  'transfer-encoding',
  'content-length',
  'host',
  'connection',
  'trailer',
  'te',
  'upgrade',
])

export function newChunkedState(): ChunkedState {
  return {
    phase: 'size',
    size: 0,
    sizeDigits: 0,
    extensionBytes: 0,
    payloadBytes: 0,
    section: [],
    trailers: [],
    why: '',
  }
}

/**
 * Decodes `buffer[start..]` (RFC 9112 section 7.1) and returns the bytes consumed, the offending one included. Strict: CRLF
 * only, no whitespace around a size; a lenient reader and a strict one behind each other disagree on where a body ends.
 */
export function feedChunked(
  state: ChunkedState,
  buffer: Buffer,
  start: number,
  onData: (chunk: Buffer) => void,
  limits: Limits,
): number {
  let at = start
  while (at < buffer.length && state.phase !== 'done' && state.phase !== 'bad') {
    if (state.phase !== 'data') {
      state.phase = step(state, buffer[at] ?? 0, limits)
      at++
      continue
    }
    const end = Math.min(at + state.size, buffer.length)
    state.size -= end - at
    state.payloadBytes += end - at
    if (state.size === 0) state.phase = 'data_cr'
    onData(buffer.subarray(at, end))
    at = end
  }
  return at - start
}

function step(state: ChunkedState, byte: number, limits: Limits): Phase {
  switch (state.phase) {
    case 'size':
      return readSize(state, byte)
    case 'extension':
      if (byte === CR) return 'size_lf'
      if (IS_VALUE[byte] !== 1) return fail(state, 'invalid character in a chunk extension')
      return ++state.extensionBytes > limits.maxChunkExtensionBytes
        ? fail(state, 'chunk extensions too long')
        : 'extension'
    case 'size_lf':
      if (byte !== LF) return fail(state, 'chunk size line does not end in CRLF')
      return state.size === 0 ? 'trailer' : 'data'
    case 'data_cr':
      return byte === CR ? 'data_lf' : fail(state, 'chunk longer than its size')
    case 'data_lf':
      if (byte !== LF) return fail(state, 'chunk does not end in CRLF')
      state.sizeDigits = 0
      return 'size'
    case 'trailer':
      return readTrailer(state, byte, limits)
    case 'data':
    case 'done':
    case 'bad':
      return state.phase
  }
}

function readSize(state: ChunkedState, byte: number): Phase {
  const value = HEX_VALUE[byte] ?? 255
  if (value < 16) {
    state.size = state.size * 16 + value
    const fits = ++state.sizeDigits <= MAX_SIZE_DIGITS && state.size <= Number.MAX_SAFE_INTEGER
    return fits ? 'size' : fail(state, 'chunk size too large')
  }
  if (state.sizeDigits === 0) return fail(state, 'chunk without a size')
  if (byte === CR) return 'size_lf'
  return byte === SEMICOLON ? 'extension' : fail(state, 'invalid character in a chunk size')
}

function readTrailer(state: ChunkedState, byte: number, limits: Limits): Phase {
  const { section } = state
  section.push(byte)
  const length = section.length
  if (length > limits.maxTrailerBytes) return fail(state, 'trailers too long')
  if (byte !== LF) return 'trailer'
  if (section[length - 2] !== CR) return fail(state, 'trailer line does not end in CRLF')
  if (length > 2 && section[length - 3] !== LF) return 'trailer'
  const bytes = Buffer.from(section)
  const fields = parseFields(bytes, 0, bytes.toString('latin1'), 0, limits.maxHeaders)
  if ('why' in fields) return fail(state, `${fields.why} in the trailers`)
  state.trailers = withoutFraming(fields.headers)
  return 'done'
}

function withoutFraming(fields: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (!NOT_IN_TRAILERS.has(name.toLowerCase())) kept.push(name, fields[i + 1] ?? '')
  }
  return kept
}

function fail(state: ChunkedState, why: string): Phase {
  state.why = why
  return 'bad'
}
