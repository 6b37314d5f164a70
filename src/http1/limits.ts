/** What one HTTP/1.x message may cost before it is refused. Bodies have no limit here: they are streamed. */
export interface Limits {
  /** Request or status line and all fields, with the blank line that ends them. Beyond: 431. */
  readonly maxHeadBytes: number
  /** Request target. Beyond: 414. */
  readonly maxTargetBytes: number
  /** Field lines in a head, and again in a trailer section. Beyond: 431. */
  readonly maxHeaders: number
  /** Chunk extensions of one body, all chunks together: they carry no payload, so many are only an attack. */
  readonly maxChunkExtensionBytes: number
  /** The trailer section after the last chunk. */
  readonly maxTrailerBytes: number
}

export const DEFAULT_LIMITS: Limits = {
  maxHeadBytes: 64 * 1024,
  maxTargetBytes: 32 * 1024,
  maxHeaders: 200,
  maxChunkExtensionBytes: 16 * 1024,
  maxTrailerBytes: 16 * 1024,
}

/** The longest method accepted; the longest registered one has 17 characters. Beyond: 501. */
export const MAX_METHOD_BYTES = 32

/** CR and LF bytes tolerated before a request line (RFC 9112 section 2.2 asks for at least one empty line). */
export const MAX_BLANK_BYTES = 16
