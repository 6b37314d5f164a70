/** Content codings of request bodies (RFC 9110 8.4.1) undone for matching, bounded in size, rounds and memory. */
import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Inflate } from '../decide/matching/body.ts'

/** Each coding may unfold the one inside it; nobody sends more than one or two. */
const MAX_CODINGS = 3
/** RFC 9659: a window of more than 8 MiB must not be asked of whoever reads zstd. */
const ZSTD = { params: { [constants.ZSTD_d_windowLogMax]: 23 } }

type Undo = (bytes: Buffer, maxOutputLength: number) => Buffer

const gunzip: Undo = (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength })
/** zlib's format, as the standard has it; or none around it, as some send. */
const inflate: Undo = (bytes, maxOutputLength) =>
  (hasZlibHeader(bytes) ? inflateSync : inflateRawSync)(bytes, { maxOutputLength })

const UNDO: Readonly<Record<string, Undo>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
  zstd: (bytes, maxOutputLength) => zstdDecompressSync(bytes, { ...ZSTD, maxOutputLength }),
}

/**
 * Makes what undoes the codings of a `content-encoding`. A body that would come to more than `limitBytes` at any step is
 * 'unavailable', of which `onLimit` is told; one that is not what the header says, or in a coding that is unknown here, is given back as it was sent.
 */
export function createInflate(limitBytes: number, onLimit: (limit: 'body_inflated') => void): Inflate {
  return (sent, contentEncoding) => {
    const codings = contentEncoding
      .toLowerCase()
      .split(',')
      .map((coding) => coding.trim())
    const asked = codings.filter((coding) => coding !== '' && coding !== 'identity')
    if (asked.length > MAX_CODINGS || !asked.every((coding) => Object.hasOwn(UNDO, coding))) return sent
    let bytes = sent
    try {
      // The last one named was applied last.
      for (const coding of asked.toReversed()) bytes = UNDO[coding]?.(bytes, Math.max(1, limitBytes)) ?? bytes
    } catch (error) {
      if (!isTooLarge(error)) return sent
      onLimit('body_inflated')
      return 'unavailable'
    }
    return bytes
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

/** RFC 1950 2.2: the method is 8, and both bytes together are a multiple of 31. */
function hasZlibHeader(bytes: Buffer): boolean {
  const [first = 0, second = 0] = bytes
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0
}
